from __future__ import annotations

import pytest

from app.errors import NotFoundError, PolicyError
from app.policy import document

PLEXO = document.preset("plexo")


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
    assert [str(span) for span in policy.dunning.reminders] == ["3d", "5d"]
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

    found = problems(text + "\n[surprise]\nkey = 1\n")

    assert len(found) == 3
    assert any(one.startswith("dunning.grace: line ") and "span of time" in one for one in found)
    assert any(one.startswith("dunning.max_warnings: line ") and "whole number" in one for one in found)
    assert any(one.startswith("surprise: line ") and "unknown key" in one for one in found)


@pytest.mark.parametrize(
    ("line", "wrong", "expected"),
    [
        ('warn_by = "mail"', 'warn_by = "pigeon"', "dunning.warn_by"),
        ('hold_access = "free"', "hold_access = 1", "dunning.hold_access"),
        ('reminders = ["3d", "5d"]', 'reminders = "3d"', "dunning.reminders"),
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

    assert any(one.startswith(f"{expected}:") for one in problems(PLEXO.replace(line, wrong)))


def test_a_warning_that_could_never_be_in_time_is_refused() -> None:
    assert "warning_notice" in problems(PLEXO.replace('final_warning = "48h"', 'final_warning = "12h"'))[0]


def test_what_is_not_toml_is_refused_in_one_line() -> None:
    (found,) = problems("grace = = 7")

    assert found.startswith("not TOML")


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
