from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import msgspec
import pytest

from kulanz.policy import document
from kulanz.services import Services
from kulanz.store import accounts, inbox, outbox
from tests.cli.conftest import Kulanz
from tests.days import deliver, settle
from tests.lemonsqueezy import (
    MONDAY,
    subscription_cancelled,
    subscription_created,
    subscription_payment_failed,
)
from tests.store.rows import an_effect, an_event
from tests.workers.instance import an_unpaid_account, receive

ROOT = Path(__file__).resolve().parents[2]
KULANZ = (sys.executable, "-m", "kulanz")
SATURDAY = (MONDAY + timedelta(days=5)).isoformat()


@pytest.fixture
def services(kulanz: Kulanz, sqlite_url: str) -> Iterator[Services]:
    """A shop with one account in grace."""
    with kulanz.services(sqlite_url, at=MONDAY + timedelta(hours=1)) as services:
        an_unpaid_account(services, 1)
        settle(services)
        yield services


def test_events_are_listed_newest_first(kulanz, services):
    events = kulanz("events", "list", "--json").document["events"]

    assert [event["id"] for event in events] == ["evt_2", "evt_1"]
    assert events[0] == {
        "id": "evt_2",
        "state": "handled",
        "event_name": "subscription_payment_failed",
        "account_id": "org_1",
        "received_at": events[0]["received_at"],
        "attempts": 0,
        "reason": None,
    }
    assert datetime.fromisoformat(events[0]["received_at"]).tzinfo is not None
    assert "evt_2" in kulanz("events", "list").out
    assert kulanz("events", "list", "--state", "parked", "--json").document == {"events": []}
    assert kulanz("events", "list", "--limit", "0").code == 2


def test_one_event_is_shown_and_a_missing_one_is_named(kulanz, services):
    assert kulanz("events", "show", "evt_1", "--json").document["provider"] == "lemonsqueezy"
    assert kulanz("events", "show", "evt_99").err == "kulanz: no event evt_99\n"
    assert kulanz("events", "show", "99999999999999999999").code == 2


@pytest.fixture
def parked(services: Services) -> list[int]:
    """Two payments whose subscription nobody knows, given up."""
    for number in (50, 60):
        receive(services, subscription_payment_failed(account=None, subscription=number, invoice=number + 1))
    with services.database.write() as tx:
        events = inbox.listing(tx, "received", None, 10)
        for event in events:
            inbox.failed(tx, event.id, "for this test", permanent=True, now_real=event.received_at)
    return [event.id for event in events]


def test_parked_events_are_tried_again_one_by_one_or_all_at_once(kulanz, services, parked):
    item = f"evt_{parked[0]}"

    assert kulanz("events", "retry", "--all", "--dry-run", "--json").document["retried"] == 2
    for answer in (b"n\n", b""):  # No, and nobody there to say yes.
        refused = kulanz("events", "retry", "--all", stdin=answer)
        assert (refused.code, refused.out, refused.err.endswith("kulanz: nothing was done\n")) == (1, "", True)
    assert kulanz("events", "retry", item, "--json").document["retried"] == 1
    assert kulanz("events", "show", item, "--json").document["state"] == "received"
    assert kulanz("events", "retry", "--all", "--yes", "--json").document["retried"] == 1
    assert kulanz("events", "retry", "evt_99").code == 1


def test_what_is_stuck_is_grouped_by_reason_and_one_group_is_tried_again(kulanz, services, parked):
    with services.database.write() as tx:
        (other,) = inbox.record(tx, [an_event(state="parked", reason="it's new")], MONDAY)
        outbox.add(tx, [an_effect("a", state="parked", error="404"), an_effect("b", state="parked", error="410")])

    groups = kulanz("events", "groups", "--json").document["groups"]
    found = {group["reason"]: (group["state"], group["number"]) for group in groups}
    event = kulanz("events", "retry", "--all", "--reason", "it's new", "--yes", "--json").document
    kinds = [(each["type"], each["reason"]) for each in kulanz("effects", "groups", "--json").document["groups"]]
    chosen = ("effects", "retry", "--all", "--type", "account.grace_started", "--reason", "410")
    effect = kulanz(*chosen, "--yes", "--json").document

    assert found == {"for this test": ("parked", 2), "it's new": ("parked", 1)}
    assert groups[1]["act"] == """kulanz events retry --all --state parked --reason 'it'"'"'s new'"""
    assert (event["retried"], effect["retried"]) == (1, 1)
    assert kinds == [("account.grace_started", "404"), ("account.grace_started", "410")]
    with services.database.read() as conn:
        assert [inbox.get(conn, number).state for number in (other.id, *parked)] == ["received", "parked", "parked"]
        assert [outbox.get(conn, name).state for name in "ab"] == ["parked", "pending"]
    assert kulanz("effects", "retry", "--all", "--type", "cancel").code == 2
    assert "for this test" in kulanz("events", "groups").out
    assert "Not done: account.grace started (parked: 404)." in kulanz("effects", "show", "a").out


def test_a_parked_event_is_skipped_with_its_reason(kulanz, services, parked):
    item = f"evt_{parked[0]}"

    skipped = kulanz("events", "skip", item, "--reason", "not ours", "--actor", "ann")

    assert skipped.code == 0
    shown = kulanz("events", "show", item, "--json").document
    assert (shown["state"], shown["reason"]) == ("ignored", "not ours (ann)")


@pytest.mark.parametrize("options", [(), ("--dry-run",)], ids=["in earnest", "to try"])
def test_an_event_that_is_handled_is_not_skipped(kulanz, services, options):
    refused = kulanz("events", "skip", "evt_1", "--reason", "x", *options)

    assert (refused.code, refused.out) == (1, "")
    assert "evt_1 is handled" in refused.err


def test_effects_are_listed_and_what_is_done_is_not_done_again(kulanz, services):
    kulanz("clock", "set", (MONDAY + timedelta(days=6)).isoformat())
    settle(services)
    kulanz("clock", "set", (MONDAY + timedelta(days=8)).isoformat())
    settle(services)

    effects = kulanz("effects", "list", "--account", "org_1", "--json").document["effects"]

    (cancel,) = (effect for effect in effects if effect["type"] == "cancel")
    (downgraded,) = (effect for effect in effects if effect["type"] == "downgraded")
    assert (cancel["state"], downgraded["state"]) == ("todo", "done")
    assert cancel["message_id"] is None
    (mail,) = (services.settings.data_dir / "mail").glob(f"*{downgraded['id']}*")
    assert message_from_bytes(mail.read_bytes())["Message-ID"] == downgraded["message_id"]
    assert kulanz("effects", "retry", downgraded["id"]).err.endswith("it is not done again\n")
    assert kulanz("effects", "retry", "ef_nothing").code == 1
    assert kulanz("effects", "retry", "--all", "--state", "todo", "--json").document["retried"] == 1
    assert kulanz("effects", "list", "--state", "pending", "--json").document["effects"][0]["id"] == cancel["id"]


def test_a_cancellation_made_at_the_provider_by_hand_is_recorded_and_read_as_ours(kulanz, services):
    for day in (6, 8):
        kulanz("clock", "set", (MONDAY + timedelta(days=day)).isoformat())
        settle(services)
    (cancel,) = kulanz("effects", "list", "--state", "todo", "--json").document["effects"]
    (mail, *_) = (
        effect for effect in kulanz("effects", "list", "--json").document["effects"] if effect["type"] == "downgraded"
    )
    by_hand = ("effects", "done", cancel["id"], "--reason", "cancelled in the dashboard", "--actor", "ann")

    unreasoned = kulanz("effects", "done", cancel["id"])
    tried, still = kulanz(*by_hand, "--dry-run"), kulanz("effects", "list", "--state", "todo", "--json").document
    done, again = kulanz(*by_hand, "--json"), kulanz(*by_hand)
    refused = kulanz("effects", "done", mail["id"], "--reason", "told them")
    shown = (kulanz("todo", "--json").document["todo"], kulanz("effects", "list", "--state", "todo", "--json").document)
    at = MONDAY + timedelta(days=8, hours=1)
    kulanz("clock", "set", at.isoformat())
    deliver(services, subscription_cancelled(at=at, account="org_1", subscription=1, customer=2))
    settle(services)

    assert (unreasoned.code, tried.code, tried.out[:10]) == (2, 0, "would be: ")
    assert [each["id"] for each in still["effects"]] == [cancel["id"]]
    assert (done.document["state"], done.document["type"]) == ("done", "cancel")
    assert (again.code, again.err.count("\n"), "is done: it does not wait for a person" in again.err) == (1, 1, True)
    assert (refused.code, "only that is done by hand" in refused.err) == (1, True)
    assert (shown[0], shown[1]["effects"]) == ([], [])
    (case,) = kulanz("account", "show", "org_1", "--json").document["dunning_cases"]
    assert case["state"] == "on_hold"


def test_a_cancellation_made_by_hand_is_taken_back_when_the_debt_is_waived(kulanz, services):
    for day in (6, 8):
        kulanz("clock", "set", (MONDAY + timedelta(days=day)).isoformat())
        settle(services)
    (cancel,) = kulanz("effects", "list", "--state", "todo", "--json").document["effects"]
    kulanz("effects", "done", cancel["id"], "--reason", "cancelled in the dashboard")

    waived = kulanz("account", "waive", "org_1", "--reason", "goodwill")
    settle(services)

    assert waived.code == 0
    assert [each["type"] for each in kulanz("effects", "list", "--state", "todo", "--json").document["effects"]] == [
        "resume"
    ]


def test_an_account_is_shown_listed_and_explained(kulanz, services):
    assert kulanz("account", "show", "org_1", "--json").document["standing"] == "grace"
    assert kulanz("account", "list", "--standing", "grace", "--json").document["accounts"][0]["account_id"] == "org_1"
    assert kulanz("account", "list", "--standing", "good", "--json").document["accounts"] == []

    explained = kulanz("account", "explain", "org_1").out

    assert "subscription_payment_failed evt_2" in explained
    assert "clause 6.1" in explained
    assert "What would change it" in explained
    assert kulanz("account", "show", "nobody").code == 1


def test_an_account_is_explained_in_german_and_french_but_in_no_language_without_words(kulanz, services):
    german = kulanz("account", "explain", "org_1", "--locale", "de-AT").out
    french = kulanz("account", "explain", "org_1", "--locale", "fr", "--json").document

    assert "\nWarum\n" in german
    assert "\nWas das ändern würde\n" in german
    assert "ist unbezahlt; der Zugang bleibt bis" in german
    assert "\N{NO-BREAK SPACE}Uhr (UTC)" in german
    assert "Ziffer 6.1" in german
    assert all(line.startswith(("L\N{RIGHT SINGLE QUOTATION MARK}abonnement", "Un paiement")) for line in french["why"])
    for unknown in ("it", "xx", "../de", "d" * 300):
        refused = kulanz("account", "explain", "org_1", "--locale", unknown)
        assert (refused.code, "is not a language that has words, such as de, en, fr" in refused.err) == (2, True)


def test_what_could_not_be_done_is_explained_however_much_was_done_since(kulanz, services):
    with services.database.write() as tx:
        outbox.add(tx, [an_effect("ef_old", type="cancel", state="parked", error="404 Not Found")])
        outbox.add(tx, [an_effect(f"ef_{number}", state="done") for number in range(60)])

    explained = kulanz("account", "explain", "org_1", "--json").document

    assert [line for line in explained["outlook"] if "cancel (parked: 404 Not Found)" in line]


def test_an_account_is_found_by_its_beginning_and_by_the_providers_id(kulanz, services):
    matches = {"account_id": "org_1", "plan": "professional", "standing": "grace"}

    for text in ("org", "RG_1"):
        (found,) = kulanz("account", "find", text, "--json").document["accounts"]
        assert matches.items() <= found.items(), text
    assert {*matches.values()} <= {*kulanz("account", "find", "org").out.split()}


def test_accounts_are_listed_by_their_next_deadline_and_printed_for_a_spreadsheet(kulanz, services):
    receive(services, subscription_created(account="aaa", customer=7, subscription=8, order=9, buyer="=SUM(A1)"))
    settle(services)

    def listed(*options: str) -> list[str]:
        return [each["account_id"] for each in kulanz("account", "list", "--json", *options).document["accounts"]]

    assert listed() == ["aaa", "org_1"]
    assert (
        listed("--sort", "deadline") == listed("--sort", "amount") == listed("--sort", "standing") == ["org_1", "aaa"]
    )
    assert listed("--due-before", "+30d") == ["org_1"]
    first = kulanz("account", "list", "--sort", "deadline", "--limit", "1")
    cursor = first.err.split("--after ")[1].strip()
    assert listed("--sort", "deadline", "--after", cursor) == ["aaa"]
    rows = list(csv.DictReader(kulanz("account", "list", "--csv", "--sort", "deadline").out.splitlines()))
    assert [row["account_id"] for row in rows] == ["org_1", "aaa"]
    assert (rows[0]["owed"], rows[1]["name"]) == ("49.00 EUR", "'=SUM(A1)")
    assert kulanz("account", "list", "--csv", "--json").code == 2
    assert kulanz("account", "list", "--sort", "amount", "--after", "aaa").code == 1


@pytest.mark.parametrize("columns", [80, 200])
def test_a_table_of_accounts_fits_the_screen(kulanz, services, columns):
    for call in (("list",), ("find", "org")):
        lines = kulanz("account", *call, COLUMNS=str(columns)).out.splitlines()
        assert max(map(len, lines)) <= columns
        assert len(lines) == 2


@pytest.mark.parametrize("ident", ["auth0|5f7c+1", "--help", "..", "-"])
def test_an_account_of_any_id_can_be_named(kulanz, services, ident):
    with services.database.write() as tx:
        accounts.lock(tx, [ident], services.vault.new_data_key)
    receive(services, subscription_created(account=ident, customer=7, subscription=8, order=9))
    settle(services)

    shown = kulanz("account", "show", "--json", "--", ident)
    story = kulanz("account", "explain", "--json", "--", ident)
    changed = kulanz("account", "exempt", "--until", SATURDAY, "--reason", "kind", "--", ident)
    result = kulanz("account", "find", "--json", "--", ident)

    assert (shown.code, story.code) == (0, 0)
    assert [each["account_id"] for each in result.document["accounts"]] == [ident]
    assert (shown.document["account_id"], shown.document["plan"] != "free") == (ident, True)
    assert changed.code == 0, changed.err


def test_who_names_an_account_that_there_is_not_is_told_what_is_stuck_of_it(kulanz, services, parked):
    with services.database.write() as tx:
        inbox.attribute(tx, parked[0], "org_9")

    assert f"its event evt_{parked[0]} is parked" in kulanz("account", "explain", "org_9").err
    assert "did you mean org_1?" in kulanz("account", "show", "org_").err


def test_an_exception_changes_the_account_and_a_dry_run_does_not(kulanz, services):
    until = (MONDAY + timedelta(days=20)).isoformat()
    suspend = ("account", "suspend", "org_1", "--until", until, "--reason", "fraud", "--json")

    planned = kulanz(*suspend, "--dry-run").document
    assert (planned["account"]["standing"], planned["dry_run"]) == ("suspended", True)
    assert kulanz("account", "show", "org_1", "--json").document["standing"] == "grace"

    assert kulanz(*suspend).document["account"]["standing"] == "suspended"
    assert kulanz("account", "show", "org_1", "--json").document["access"] == "none"
    far = (MONDAY + timedelta(days=900)).isoformat()
    assert kulanz("account", "exempt", "org_1", "--until", far, "--reason", "x").code == 1


def test_a_time_can_be_told_as_a_distance_from_the_policys_time(kulanz, services):
    until = ("account", "exempt", "org_1", "--reason", "on holiday", "--json", "--until")

    exempted = kulanz(*until, "+9d12h").document["account"]["overrides"]
    past = kulanz(*until, "-1d")

    assert [item["until"] for item in exempted] == ["2026-03-12T03:08:20Z"]
    assert (past.code, past.err.count("\n")) == (1, 1)
    assert (kulanz(*until, "+9999999d").code, kulanz(*until, "+1w").code, kulanz(*until, "+").code) == (2, 2, 2)
    assert kulanz("clock", "set", "+1d", "--json").document["now"] == "2026-03-03T15:08:20Z"
    assert kulanz("replay", "--since", "-1d", "--json").document["accounts"] == 1
    assert kulanz("replay", "--since", "-1h", "--json").document["accounts"] == 0


def test_what_is_owed_can_be_waived(kulanz, services):
    waived = kulanz("account", "waive", "org_1", "--reason", "our mistake", "--json")

    assert waived.document["account"]["standing"] == "good"


def test_an_exception_that_waits_for_a_second_person_is_declined_with_a_reason_that_the_story_tells(kulanz, services):
    careful = kulanz.data_dir / "careful.toml"
    careful.write_text(document.preset("plexo") + '\n[overrides]\nsecond_approver = ["waive"]\n')
    assert kulanz("policy", "activate", str(careful), "--yes").code == 0
    requested = kulanz("account", "waive", "org_1", "--reason", "our mistake", "--json").document["account"]
    (waiting,) = requested["overrides"]
    decline = ("account", "decline", "org_1", waiting["id"], "--reason", "they owe it", "--actor", "bob", "--json")

    planned = kulanz(*decline, "--dry-run").document
    declined = kulanz(*decline).document["account"]
    again = kulanz(*decline)

    assert (waiting["state"], requested["standing"], planned["dry_run"]) == ("awaiting_approval", "grace", True)
    assert (declined["overrides"][0]["state"], declined["standing"]) == ("declined", "grace")
    assert "bob declined the exception (waive). Reason: they owe it" in kulanz("account", "explain", "org_1").out
    assert (again.code, again.err.count("\n"), "bob declined it" in again.err) == (1, 1, True)
    assert kulanz("account", "decline", "org_1", "ov_none", "--reason", "x").code == 1


def test_a_chargeback_is_opened_and_closed_by_hand(kulanz, services):
    opened = kulanz(
        "dispute", "open", "org_1", "--amount", "4900", "--currency", "eur", "--reason", "unknown", "--json"
    ).document
    (dispute,) = opened["account"]["disputes"]
    assert (opened["account"]["standing"], dispute["currency"]) == ("suspended", "EUR")

    closed = kulanz("dispute", "close", dispute["id"], "--outcome", "won", "--json").document

    assert closed["account"]["standing"] == "grace"
    assert kulanz("dispute", "close", "nothing", "--outcome", "won").code == 1
    assert kulanz("dispute", "open", "org_1", "--amount", "-1", "--currency", "EUR", "--reason", "x").code == 2


def test_disputes_are_listed_by_when_they_are_answered(kulanz, services):
    told = ("dispute", "open", "org_1", "--amount", "4900", "--currency", "EUR", "--reason", "unknown")
    kulanz(*told)
    due = kulanz(*told, "--answer-by", "2026-03-20T12:00:00Z", "--json").document["account"]["disputes"]

    listed = kulanz("dispute", "list", "--json").document["disputes"]

    assert {row["answer_by"] for row in due} == {None, "2026-03-20T12:00:00Z"}
    assert [row["answer_by"] for row in listed] == ["2026-03-20T12:00:00Z", None]
    assert "the disputed payment is not known here" in listed[0]["lacks"]
    assert "answer by 2026-03-20T12:00:00Z" in kulanz("todo").out.replace("\n", " ")


def test_a_transfer_is_recorded_by_hand_and_replayed(kulanz, services):
    due = kulanz("account", "show", "org_1", "--json").document["dunning_cases"][0]["amount_due"]
    record = ("account", "record-payment", "org_1", "--currency", "eur", "--json", "--amount")

    planned = kulanz(*record, "100", "--dry-run")
    part = kulanz(*record, "100", "--reference", "thank you").document
    whole = kulanz(*record, str(due)).document

    assert (planned.code, planned.document["dry_run"]) == (0, True)
    assert [case["amount_due"] for case in part["account"]["dunning_cases"]] == [due - 100]
    assert (whole["account"]["standing"], whole["account"]["dunning_cases"]) == ("good", [])
    assert sorted(item["unmatched"] for item in whole["account"]["payments"]) == [0, 100]
    assert kulanz("replay", "--shuffle", "--json").document["differing"] == []
    assert "recorded a transfer" in kulanz("account", "explain", "org_1").out
    assert kulanz(*record, "0").code == 2
    assert kulanz(*record, "5", "--received", "2999-01-01").code == 1
    assert kulanz("account", "record-payment", "nobody", "--amount", "5", "--currency", "EUR").code == 1


def test_replay_finds_what_was_not_decided(kulanz, services):
    assert kulanz("replay", "--shuffle", "--json").document == {
        "accounts": 1,
        "erased": 0,
        "differing": [],
        "seed": pytest.approx(2**31, abs=2**31),
    }
    with services.database.write() as tx:
        row = accounts.get(tx, "org_1")
        assert row is not None
        accounts.save(tx, [msgspec.structs.replace(row, standing="good")])

    result = kulanz("replay", "--json")

    assert result.code == 1
    assert result.document["differing"] == [{"account_id": "org_1", "differs": ["standing"]}]


def test_the_test_clock_stands_is_set_and_goes_back_to_real_time(kulanz, services):
    shown = kulanz("clock", "show", "--json").document
    assert (shown["now"], shown["test"]) == ("2026-03-02T15:08:20Z", True)

    assert kulanz("clock", "set", SATURDAY, "--json").document["now"] == "2026-03-07T14:08:20Z"
    for rehearsal in (("set", "2030-01-01"), ("advance", "1h"), ("reset",)):
        assert kulanz("clock", *rehearsal, "--dry-run").code == 0
    assert kulanz("clock", "advance", "1h", "--no-wait", "--json").document["now"] == "2026-03-07T15:08:20Z"
    assert kulanz("clock", "reset").code == 0
    assert kulanz("clock", "show", "--json").document["test"] is False


def test_commands_that_advance_the_clock_at_once_do_so_one_after_the_other(kulanz, services):
    began = services.clock.now()
    an_unpaid_account(services, 2)  # Work for the worker: until it is there, each waits, having read the clock.
    command = [*KULANZ, "clock", "advance", "1d"]
    with ExitStack() as running:
        advancing = [
            running.enter_context(subprocess.Popen(command, env=kulanz.environ(), cwd=ROOT, stdout=subprocess.DEVNULL))
            for _ in range(2)
        ]
        worker = running.enter_context(subprocess.Popen([*KULANZ, "worker"], env=kulanz.environ(), cwd=ROOT))
        running.callback(worker.terminate)

        assert [item.wait(60) for item in advancing] == [0, 0]

    assert services.clock.now() == began + timedelta(days=2)


def test_while_one_command_moves_the_test_clock_the_others_are_refused(kulanz, services):
    before = services.clock.now()
    with services.clock.lease():
        refused = [
            kulanz("clock", *arguments)
            for arguments in (
                ("set", SATURDAY),
                ("reset",),
                ("advance", "1d", "--no-wait"),
                ("advance", "1d", "--timeout", "1"),
            )
        ]

    assert {(item.code, item.err) for item in refused} == {
        (1, "kulanz: another command moves the test clock: wait for its end\n")
    }
    assert services.clock.now() == before
    assert kulanz("clock", "set", SATURDAY).code == 0


def test_a_test_clock_that_goes_back_behind_what_was_decided_says_so(kulanz, services):
    on = kulanz("clock", "set", SATURDAY)
    back = kulanz("clock", "set", "1999-01-01", "--json")

    assert (on.code, on.err) == (0, "")
    assert (back.code, back.document["now"]) == (0, "1999-01-01T00:00:00Z")
    assert (
        back.err == "kulanz: back from 2026-03-07T14:08:20Z to 1999-01-01T00:00:00Z; what was decided meanwhile stays\n"
    )


def test_advancing_without_a_worker_says_so(kulanz, services):
    refused = kulanz("clock", "advance", "3d", "--timeout", "1")

    assert refused.code == 1
    assert "is a worker running" in refused.err


def test_the_test_clock_is_refused_unless_it_is_allowed(kulanz, services):
    refused = kulanz("clock", "advance", "1d", KULANZ_TEST_CLOCK="", LEMONSQUEEZY_MODE="")

    assert refused.code == 1
    assert "KULANZ_TEST_CLOCK=1" in refused.err
    assert kulanz("clock", "show", KULANZ_TEST_CLOCK="1", LEMONSQUEEZY_MODE="live").code == 1


def test_doctor_says_what_is_wrong_and_what_to_do(kulanz, services):
    examined = kulanz("doctor", "--json", SMTP_URL="smtp://127.0.0.1:1")

    stored_document = {check["check"]: check for check in examined.document["checks"]}
    assert examined.code == 1
    assert stored_document["database"]["ok"]
    assert stored_document["policy"]["ok"]
    assert (stored_document["mail"]["ok"], stored_document["mail"]["advice"]) == (
        False,
        "check SMTP_URL: host, port, name and password",
    )
    assert stored_document["clock"]["advice"] == "start `kulanz clock run`"
    assert stored_document["redis"]["ok"] is None


def test_doctor_counts_what_is_stuck_by_the_state_that_lists_it(kulanz, services, parked):
    with services.database.write() as tx:
        inbox.record(tx, [an_event(state="quarantined", reason="no JSON")], MONDAY)
        outbox.add(tx, [an_effect("ef_1", state="todo"), an_effect("ef_2", state="unknown")])

    stored_document = {check["check"]: check for check in kulanz("doctor", "--json").document["checks"]}

    counts = {
        name: (stored_document[name]["ok"], stored_document[name]["detail"])
        for name in stored_document
        if name.endswith((" events", " effects"))
    }
    assert counts == {
        "parked events": (False, "2"),
        "quarantined events": (False, "1"),
        "parked effects": (True, "0"),
        "to-do effects": (False, "1"),
        "unknown effects": (False, "1"),
    }
    assert stored_document["quarantined events"]["advice"].startswith("`kulanz events list --state quarantined`")
    assert stored_document["to-do effects"]["advice"] == "`kulanz effects list --state todo`"


@pytest.mark.parametrize("call", [("doctor",), ("policy", "list"), ("events", "list")], ids=" ".join)
def test_a_table_that_is_piped_is_80_characters_wide_unless_told_otherwise(kulanz, services, parked, call):
    lines = kulanz(*call).out.splitlines()
    wide = kulanz(*call, COLUMNS="250").out.splitlines()

    assert 20 < max(map(len, lines)) <= 80
    assert 80 < max(map(len, wide)) <= 250
    assert len(wide) < len(lines)


def test_no_id_is_broken_where_a_table_does_not_fit(kulanz, services):
    name = "subscription_of_a_customer_whose_id_is_rather_long_" * 2
    with services.database.write() as tx:
        outbox.add(tx, [an_effect("ef_1", account="org_1", subject=name[:60]), an_effect("ef_2", account="org_1")])

    printed = kulanz("effects", "list").out

    assert name[:60] in printed
    assert [line.split() for line in printed.splitlines() if line.startswith("account_id")].count(
        ["account_id", "org_1"]
    ) == len(kulanz("effects", "list", "--json").document["effects"])


def test_doctor_lists_every_problem_of_the_settings(kulanz):
    examined = kulanz("doctor", "--json", PORT="x", KULANZ_TIMEZONE="y")

    assert examined.code == 1
    assert len(examined.document["checks"]) == 2


def test_the_queue_is_shown_and_its_failed_jobs_are_queued_again(kulanz, services, redis_url):
    kulanz.settings["REDIS_URL"] = redis_url

    status = kulanz("queue", "status", "--json").document

    assert [queue["queued"] for queue in status["queues"]] == [0, 0]
    assert kulanz("queue", "retry", "--all", "--json").document["requeued"] == 0
    assert kulanz("queue", "retry", "nothing").code == 1


def test_no_size_of_a_queue_is_shown_where_redis_does_not_answer(kulanz, services):
    silent = kulanz("queue", "status", REDIS_URL="redis://127.0.0.1:1")

    assert (silent.code, silent.out) == (1, "")
    assert "does not answer" in silent.err
