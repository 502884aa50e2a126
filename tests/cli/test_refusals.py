"""What the command line refuses: one line on standard error, and an exit code that means something."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Kulanz

UNTIL = ("--until", "2026-03-20T00:00:00Z")
CHARGEBACK = ("dispute", "open", "org_1", "--amount", "4900", "--currency", "EUR", "--reason", "told by the bank")


@pytest.mark.parametrize(
    "call",
    [
        ("nope",),
        ("account", "nope"),
        ("account", "show"),
        ("account", "show", "org_1", "--colour", "red"),
        ("account", "suspend", "org_1", *UNTIL),
        ("account", "suspend", "org_1", *UNTIL, "--reason", ""),
        ("account", "suspend", "org_1", *UNTIL, "--reason", "a\0b"),
        ("account", "suspend", "org_1", *UNTIL, "--reason", "x" * 501),
        ("account", "suspend", "org_1", "--until", "99999-01-01T00:00:00Z", "--reason", "x"),
        (*CHARGEBACK, "--amount", "0"),
        (*CHARGEBACK, "--amount", "9" * 20),
        (*CHARGEBACK, "--currency", "XXZ"),
        (*CHARGEBACK, "--fee", "-1"),
        (*CHARGEBACK, "--payment", "\0"),
        (*CHARGEBACK, "--reference", " "),
        ("events", "skip", "evt_1", "--reason", ""),
        ("events", "retry"),
        ("clock", "advance", "1w"),
        ("clock", "advance", "-1d"),
        ("clock", "set", "+1w"),
    ],
    ids=lambda call: " ".join(call)[:60].replace("\0", "NUL"),
)
def test_a_wrong_call_is_refused_with_one_line_and_exit_code_2(kulanz: Kulanz, call: tuple[str, ...]) -> None:
    result = kulanz(*call)

    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("kulanz: ")
    assert result.err.count("\n") == 1
    assert "--help`)" in result.err


@pytest.mark.parametrize(("call", "listed"), [((), "doctor"), (("account",), "explain")])
def test_a_group_without_a_command_prints_its_help_and_ends_well(
    kulanz: Kulanz, call: tuple[str, ...], listed: str
) -> None:
    result = kulanz(*call)

    assert (result.code, result.err) == (0, "")
    assert result.out == kulanz(*call, "--help").out
    assert listed in result.out


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (("accont", "list"), "'account'"),
        (("account", "shw", "org_1"), "'show'"),
        (("account", "find", "org_1", "--jsn"), "'--json'"),
        (("events", "list", "--stat", "parked"), "'--state'"),
    ],
)
def test_what_is_misspelt_is_answered_with_what_may_be_meant(kulanz: Kulanz, call: tuple[str, ...], meant: str) -> None:
    result = kulanz(*call)

    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert f"Did you mean {meant}?" in result.err


@pytest.mark.parametrize(
    "call",
    [
        ("account", "list"),
        ("account", "find", "nobody"),
        ("events", "list", "--state", "parked"),
        ("effects", "list", "--state", "parked"),
        ("refund", "list"),
        ("collections", "list"),
        ("retention", "due"),
    ],
    ids=" ".join,
)
def test_a_list_without_entries_says_none(kulanz: Kulanz, call: tuple[str, ...]) -> None:
    kulanz("migrate")

    result = kulanz(*call)

    assert (result.code, result.out, result.err) == (0, "none\n", "")


def test_migrate_makes_the_data_directory_for_its_owner_alone(kulanz: Kulanz) -> None:
    before = kulanz("worker", "--burst")

    made = kulanz("migrate", "--json")

    assert (before.code, before.err.count("\n")) == (1, 1)
    assert "kulanz migrate" in before.err
    assert made.code == 0
    assert kulanz.data_dir.stat().st_mode & 0o777 == 0o700
    assert kulanz("account", "list", "--json").document == {"accounts": [], "next_cursor": None}


def test_the_providers_time_can_be_told_as_a_distance_where_there_is_no_database(kulanz: Kulanz) -> None:
    nowhere = ("provider-sim", "--webhook-url", "nowhere", "--at")

    understood, refused = kulanz(*nowhere, "-30d"), kulanz(*nowhere, "-30w")

    assert (understood.code, refused.code) == (1, 2)
    assert "is not an http or https address" in understood.err
