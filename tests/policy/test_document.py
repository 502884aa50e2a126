from __future__ import annotations

import pytest

from kulanz.errors import NotFoundError, PolicyError
from kulanz.policy import document

PLEXO = document.preset("plexo")
END = PLEXO.count("\n")


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as refused:
        document.parse(text)
    return refused.value.problems


def test_every_preset_is_a_valid_policy() -> None:
    for name in document.presets():
        assert document.parse(document.preset(name)).name == name


def test_plexo_says_what_its_clauses_say() -> None:
    policy = document.parse(PLEXO)

    assert str(policy.dunning.grace) == "7d"
    assert [str(span) for span in policy.dunning.reminders] == ["2d", "4d"]
    assert (str(policy.dunning.final_warning), str(policy.dunning.warning_notice)) == ("48h", "24h")
    assert policy.dunning.on_grace_end == "cancel"
    assert (policy.dunning.grace_clause, policy.dunning.hold_clause) == ("6.1", "6.2")
    assert (policy.trial.clause, policy.cancellation.clause, policy.dispute.clause) == ("2", "4", "10")
    assert policy.plan_change.downgrade_clause == "5.2"


def test_the_hash_is_that_of_the_document_as_written() -> None:
    assert document.parse(PLEXO).sha256 == document.parse(PLEXO, version=3).sha256
    assert document.parse(PLEXO).sha256 != document.parse(PLEXO + "\n").sha256


def test_every_problem_is_listed_at_once_with_key_line_and_what_is_expected() -> None:
    text = PLEXO.replace('grace = "7d"', 'grace = "soon"').replace("max_warnings = 3", "max_warnings = -1")

    matches = problems(text + "\n[surprise]\nkey = 1\n")

    assert len(matches) == 3
    assert any(item.startswith("dunning.grace: line ") and "span of time" in item for item in matches)
    assert any(item.startswith("dunning.max_warnings: line ") and "whole number" in item for item in matches)
    assert any(item.startswith("surprise: line ") and "unknown key" in item for item in matches)


@pytest.mark.parametrize(
    ("line", "wrong", "expected"),
    [
        ('warn_by = "mail"', 'warn_by = "pigeon"', "dunning.warn_by"),
        ('hold_access = "free"', "hold_access = 1", "dunning.hold_access"),
        ('reminders = ["2d", "4d"]', 'reminders = "3d"', "dunning.reminders"),
        ('opens_on = ["renewal"]', 'opens_on = ["weekly"]', "dunning.opens_on"),
        (
            "provider_sends_failure_mail = true",
            "provider_sends_failure_mail = 1",
            "dunning.provider_sends_failure_mail",
        ),
        ("share = 0.1", "share = 2", "dunning.mass_action_limit.share"),
        ('clause = "10"', 'clause = "a clause"', "dispute.clause"),
        ('grace = "7d"\n', "", "dunning.grace"),
        ("[trial]", "trial = 1\n[other]", "trial"),
    ],
)
def test_what_is_wrong_is_named(line: str, wrong: str, expected: str) -> None:
    assert line in PLEXO

    assert any(problem.startswith(f"{expected}:") for problem in problems(PLEXO.replace(line, wrong)))


def test_a_warning_that_could_never_be_in_time_is_refused() -> None:
    assert "warning_notice" in problems(PLEXO.replace('final_warning = "48h"', 'final_warning = "12h"'))[0]


def test_the_first_syntax_error_is_named_with_its_line() -> None:
    (value,) = problems('name = "mine"\n[dunning]\ngrace = = 7\nmax_warnings = -1\n[dispute\n')

    assert value == "line 3: not TOML: invalid value"


TEN_MISTAKES = """\
name = "mine"
title = ""
effective_from = "tomorrow"

[dunning]
grace = "7d"
reminders = ["3d", "9d"]
final_warning = "48 hours"
warn_by = "pigeon"
max_warnings = -1
hold_dyas = "30d"

[refund]
pay_within = 2.5

[refnd]
window = "3d"

[retention.settlements]
years = 7
"""


def test_a_document_with_ten_mistakes_gets_ten_messages_each_with_key_line_and_what_was_expected() -> None:
    matches = problems(TEN_MISTAKES.replace('name = "mine"\n', ""))

    assert [item.split(": ")[:2] for item in matches] == [
        ["name", "line 1"],
        ["title", "line 1"],
        ["effective_from", "line 2"],
        ["dunning.reminders[2]", "line 6"],
        ["dunning.final_warning", "line 7"],
        ["dunning.warn_by", "line 8"],
        ["dunning.max_warnings", "line 9"],
        ["dunning.hold_dyas", "line 10"],
        ["refund.pay_within", "line 13"],
        ["refnd", "line 15"],
        ["retention.settlements.years", "line 19"],
    ]
    assert all("expected" in item for item in matches)


def test_what_is_wrong_in_one_level_hides_nothing_between_the_levels() -> None:
    levels = "".join(
        f'\n[[dunning.levels]]\nafter = "{after}"\ntext = "reminder"\nfee = {fee}\n'
        for after, fee in (("14d", "{}"), ("7d", "5"), ("soon", "{}"), ("7d", "{}"))
    )
    matches = problems(PLEXO + levels)

    assert [item.split(": ")[0] for item in matches] == [
        "dunning.levels[2].after",
        "dunning.levels[2].fee",
        "dunning.levels[3].after",
        "dunning.levels[4].after",
    ]
    assert "more than that of the level before" in matches[0]


@pytest.mark.parametrize(
    ("line", "instead", "key"),
    [
        ('reminders = ["2d", "4d"]', 'reminders = ["2d", "7d"]', "dunning.reminders[2]"),
        ('deletion_notices = ["30d", "7d", "1d"]', 'deletion_notices = ["31d"]', "dispute.deletion_notices[1]"),
        ('basis = "BAO § 132"\n', "", "retention.settlements.years"),
        ("[trial]", '[collections]\nonly_where_needed = ["age"]\n[trial]', "collections.only_where_needed"),
    ],
)
def test_what_is_said_in_vain_is_a_remark_and_the_document_can_be_used(line: str, instead: str, key: str) -> None:
    text = PLEXO.replace(line, instead)

    (value,) = document.remarks(text)

    assert document.remarks(PLEXO) == []
    assert value.startswith(f"{key}: line ")
    assert document.parse(text).name == "plexo"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PLEXO + '\n[trial]\nclause = "3"\n', f"line {END + 2}: not TOML: cannot declare ('trial',) twice"),
        (PLEXO + "\n[trial.clause]\n", f"line {END + 2}: not TOML: "),
        ("name = [\n1\n2]\n", "line 3: not TOML: unclosed array"),
        ("", "name: line 1: missing"),
    ],
    ids=["a table twice", "a table where a value was", "a value of several lines", "nothing"],
)
def test_whatever_is_no_toml_is_told_where(text: str, words: str) -> None:
    assert any(problem.startswith(words) for problem in problems(text))


def test_a_preset_that_there_is_not_names_those_there_are() -> None:
    with pytest.raises(NotFoundError, match="plexo"):
        document.preset("nonesuch")


def test_every_key_has_its_meaning_for_the_manual() -> None:
    keys = document.keys()

    assert tuple(key for key, _, _ in keys if key in {"dunning.grace", "dunning.mass_action_limit.share"}) == (
        "dunning.grace",
        "dunning.mass_action_limit.share",
    )
    assert all(meaning for _, meaning, _ in keys)
