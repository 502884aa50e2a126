"""What is wrong with a policy document is told by its key, its line and what was expected, however it is written."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from kulanz.errors import PolicyError
from kulanz.policy import document
from kulanz.policy.document.lines import lines

TEN_MISTAKES = """\
title = "Ten mistakes"                    # 1: no name
[trial]
clause = "a clause"                       # 2
[dunning]
grace = "soon"                            # 3
reminders = ["3d", 5]                     # 4
max_warnings = -1                         # 5
opens_on = ["weekly"]                     # 6
mass_action_limit = { accounts = 5, share = 2 }  # 7
graze = "7d"                              # 8
[[dunning.levels]]
after = "14d"
text = "reminder"
[[dunning.levels]]
after = "28d"
text = "poem"                             # 9
[overrides]
second_approver = [
    "waive",
    "forgive",
]                                         # 10
"""
GRACE = '[dunning]\ngrace = "7d"\n'


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as refused:
        document.parse(text)
    return refused.value.problems


def test_ten_mistakes_get_ten_messages_each_with_key_line_and_what_was_expected() -> None:
    matches = problems(TEN_MISTAKES)

    assert sorted(
        (int(line.removeprefix("line ")), key) for key, line, _ in (item.split(": ", 2) for item in matches)
    ) == [
        (1, "name"),
        (3, "trial.clause"),
        (5, "dunning.grace"),
        (6, "dunning.reminders"),
        (7, "dunning.max_warnings"),
        (8, "dunning.opens_on"),
        (9, "dunning.mass_action_limit.share"),
        (10, "dunning.graze"),
        (16, "dunning.levels[2].text"),
        (18, "overrides.second_approver"),
    ]
    assert all("expected " in item for item in matches)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("dunning.grace = 7\n", "dunning.grace: line 1", id="dotted key"),
        pytest.param('dunning = { grace = "7d",  warn_by = 1 }\n', "dunning.warn_by: line 1", id="inline table"),
        pytest.param('\n[ "dunning" ]\n"grace" = 7\n', "dunning.grace: line 3", id="quoted keys"),
        pytest.param(f'title = """\n{GRACE}"""\n[dunning]\ngrace = 7\n', "dunning.grace: line 6", id="a text of lines"),
        pytest.param("title = '''\n''''\n[dunning]\ngrace = '''7'''\n", "dunning.grace: line 4", id="quotes in a text"),
        pytest.param('name = "a # b"\n# [x]\n[dunning] # [y]\ngrace = "z" #\n', "dunning.grace: line 4", id="comments"),
        pytest.param(f'{GRACE}reminders = [ # [x]\n"3d", # ]\n]\nwarn_by = 1', "dunning.warn_by: line 6", id="a list"),
        pytest.param('name = "a"\r\n[dunning]\r\ngrace = 7\r\n', "dunning.grace: line 3", id="carriage returns"),
        pytest.param(
            f'{GRACE}final_warning = "1h"\nwarning_notice = "2h"\n',
            "dunning.warning_notice: line 4: expected less than",
            id="a contradiction",
        ),
        pytest.param(
            f'{GRACE}levels = [\n{{ after = "1d", text = "x" }},\n{{ after = "2d", text = "demand", fee = 1 }}]\n',
            "dunning.levels[2].fee: line 5",
            id="inline tables in a list",
        ),
        pytest.param(f"{GRACE}[[dunning.levels]]\nafter = 1", "dunning.levels[1].text: line 3", id="missing in a list"),
        pytest.param('\n\n[dunning]\nwarn_by = "mail"\n', "dunning.grace: line 3: missing; expected a", id="gone"),
        pytest.param(
            f"{GRACE}[dunning.mass_action_limit]\nshare = 3\n", "dunning.mass_action_limit.share: line 4", id="two"
        ),
        pytest.param("", "dunning.grace: line 1: missing", id="nothing at all"),
        pytest.param(f"{GRACE}[dunnin]\n", "dunnin: line 3: unknown key; expected one of", id="unknown table"),
        pytest.param("dunning = 1\n", "dunning: line 1: expected a table [dunning]", id="no table"),
        pytest.param(f"{GRACE}levels = 1\n", "dunning.levels: line 3: expected tables [[", id="no list"),
        pytest.param(
            "effective_from = 2026-03-01T09:00:00\n", "effective_from: line 1: expected a timestamp", id="naive"
        ),
    ],
)
def test_the_line_is_that_of_the_key_however_it_is_written(text: str, place: str) -> None:
    matches = problems(text)

    assert [item for item in matches if item.startswith(place)], matches


@given(st.text(alphabet="ab.[]{}=\"'#,\n\\ 1", max_size=60))
@settings(
    max_examples=4 * settings.default.max_examples,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
def test_every_document_that_toml_can_read_has_its_lines(text: str) -> None:
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assume(condition=False)

    matches = lines(text)

    assert {key for key in read if not set(key) & set(".\"'\\[] ")} <= matches.keys()
    assert all(1 <= line <= text.count("\n") + 1 for line in matches.values())
