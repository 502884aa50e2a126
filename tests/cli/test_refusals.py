"""What the command line refuses: one line on standard error, and an exit code that means something."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Kulanz

PIECES = ("--quantity", "1", "--unit-price", "5", "--currency", "EUR", "--period-ends-at", "2026-03-20T00:00:00Z")
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
        ("account", "suspend", "org_1", "--until", "9999-12-31T23:59:59-14:00", "--reason", "x"),
        (*CHARGEBACK, "--answer-by", "0001-01-01T00:00:00+14:00"),
        (*CHARGEBACK, "--answer-by", "9999-12-31"),
        ("add-on", "book", "org_1", "us ers", *PIECES),
        ("credit", "buy", "org_1", "pot\n", "--amount", "5", "--currency", "EUR"),
        (*CHARGEBACK, "--amount", "0"),
        (*CHARGEBACK, "--amount", "9" * 20),
        (*CHARGEBACK, "--currency", "XXZ"),
        (*CHARGEBACK, "--fee", "-1"),
        (*CHARGEBACK, "--payment", "\0"),
        (*CHARGEBACK, "--reference", " "),
        ("events", "skip", "evt_1", "--reason", ""),
        ("refund", "request", "org_1", "--organisation", "Bakery", "--contact-email", "a..b@x.de"),
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


@pytest.mark.parametrize(
    "call", [("config", "show"), ("migrate",), ("web",), ("worker",), ("worker", "--burst"), ("account", "list")]
)
def test_an_address_whose_password_is_torn_stops_every_command_in_one_line(
    kulanz: Kulanz, call: tuple[str, ...]
) -> None:
    result = kulanz(*call, DATABASE_URL="postgresql://ann:hush@shush@127.0.0.1:1/kulanz")

    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert result.err.startswith("kulanz: DATABASE_URL: expected ")
    assert "@ as %40" in result.err
    assert "ush" not in result.err


def test_the_doctor_names_an_address_whose_password_is_torn(kulanz: Kulanz) -> None:
    result = kulanz("doctor", DATABASE_URL="postgresql://ann:hush@shush@127.0.0.1:1/kulanz")

    assert result.code == 1
    assert "@ as %40" in " ".join(result.out.split())
    assert "ush" not in result.out + result.err


@pytest.mark.parametrize("call", [("config", "show"), ("worker", "--burst"), ("web", "--host", "192.0.2.1")])
def test_a_misspelt_setting_is_named_by_what_starts_and_what_shows_settings(
    kulanz: Kulanz, call: tuple[str, ...]
) -> None:
    result = kulanz(*call, STRIPE_WEBHOOK_SECRET="hush")

    note = "kulanz: note: STRIPE_WEBHOOK_SECRET is not a setting: did you mean STRIPE_WEBHOOK_SECRETS?\n"
    assert note in result.err
    assert "hush" not in result.err


def test_the_doctor_notes_a_misspelt_setting_which_is_no_failure(kulanz: Kulanz) -> None:
    checks = kulanz("doctor", "--json", STRIPE_WEBHOOK_SECRET="hush").document["checks"]

    (note,) = [check for check in checks if "STRIPE_WEBHOOK_SECRET" in check["detail"]]
    assert (note["ok"], note["detail"].endswith("did you mean STRIPE_WEBHOOK_SECRETS?")) == (None, True)


@pytest.mark.parametrize("url", ["http://ann:hush/shush@shop.example", "ftp://ann:hush@shop.example", "http://h:hush"])
def test_an_address_on_the_command_line_is_refused_without_being_repeated(kulanz: Kulanz, url: str) -> None:
    result = kulanz("send", "-", "--url", url, stdin=b"{}")

    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "hush" not in result.err


def test_an_instance_that_does_not_answer_is_named_without_the_login(kulanz: Kulanz) -> None:
    result = kulanz("send", "-", "--url", "http://ann:hush@127.0.0.1:1", stdin=b"{}")

    assert result.err.startswith("kulanz: 127.0.0.1:1 does not answer")


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
    assert "the address is not http" in understood.err
