"""What programs and people rely on at the front door, fact by fact (CONTRACT): each was wrong once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.end_to_end.instance import Instance, days
from tests.end_to_end.test_stories import bought, fails
from tests.lemonsqueezy import (
    Purchase,
    dispute_created,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_success,
    subscription_updated,
)
from tests.provider_server import Reply


def override(instance: Instance, purchase: Purchase, kind: str, until: datetime) -> tuple[int, dict[str, Any]]:
    form = {"kind": kind, "until": until.isoformat(), "reason": "by hand"}
    answer = instance.post(f"/v1/accounts/{purchase.account}/overrides", form)
    return answer.status_code, answer.json()


def test_the_last_word_on_a_chargeback_counts_even_within_one_second(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)
    instance.deliver_event(dispute_created(at=start, purchase=purchase))
    ident = instance.account(purchase)["disputes"][0]["id"]

    said = [
        instance.post(f"/v1/disputes/{ident}/close", {"outcome": outcome}).json()["status"]
        for outcome in ("lost", "won", "accepted", "won")
    ]

    assert said == ["lost", "won", "accepted", "won"]
    assert instance.account(purchase)["standing"] == "good"


def test_each_exception_is_answered_by_itself_although_no_time_passes(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)
    kinds = ("legal_hold", "suspend", "exempt", "reinstate", "suspend")

    answers = [override(instance, purchase, kind, start + days(3)) for kind in kinds]

    assert [(status, document["kind"]) for status, document in answers] == [(201, kind) for kind in kinds]
    assert len({document["id"] for _, document in answers}) == len(kinds)
    assert instance.account(purchase)["standing"] == "suspended"


def test_nothing_is_reinstated_where_nothing_is_held(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)

    status, problem = override(instance, purchase, "reinstate", start + timedelta(hours=1))

    assert (status, problem["title"]) == (409, "Refused")
    assert instance.account(purchase)["overrides"] == []


def test_a_chargeback_told_by_hand_keeps_every_word(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)
    form = {
        "amount": 4900,
        "currency": "EUR",
        "fee": 1500,
        "fee_currency": "USD",
        "payment_id": str(purchase.order),
        "reference": "CB-7",
        "reason": "told by the bank",
    }

    answer = instance.post(f"/v1/accounts/{purchase.account}/disputes", form)

    assert answer.status_code == 201
    assert {key: answer.json()[key] for key in form} == form
    assert answer.json() == instance.account(purchase)["disputes"][0]


def test_a_support_person_reads_why_a_hold_is_not_placed_and_amounts_as_people_write_them(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start)
    fails(instance, purchase, start)
    instance.deliver_event(subscription_updated(at=start + days(1), purchase=purchase, status="a word of tomorrow"))
    instance.advance_to(start + days(7))
    parked = instance.cli("account", "explain", str(purchase.account), "--json")
    event = instance.cli("events", "list", "--state", "parked", "--json")["events"][0]["id"]
    instance.cli("events", "skip", event, "--reason", "no such status")

    form = ("--amount", "4900", "--currency", "EUR", "--fee", "1500", "--reason", "told by the bank")
    instance.cli("dispute", "open", str(purchase.account), *form, "--json")
    instance.settle()
    document = instance.cli("account", "explain", str(purchase.account), "--json")

    assert f"Dunning is held back: {event} is not applied and may report a payment." in parked["outlook"][0]
    assert "A chargeback of 49.00 EUR was opened (fee: 15.00 EUR)." in [
        sentence for step in document["steps"] for sentence in step["sentences"]
    ]


def test_what_was_left_to_a_person_is_told_to_operators_and_withdrawn_when_it_is_no_longer_wanted(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start)
    fails(instance, purchase, start)
    instance.provider.queue(Reply(status=404, only="DELETE"))
    instance.advance_to(start + days(7))
    alert = [
        document["data"]
        for document in instance.callbacks.documents
        if document["data"].get("topic") == "effect_parked"
    ][-1]
    parked = cancellation(instance, purchase)

    instance.deliver_event(subscription_payment_success(at=start + days(7), purchase=purchase))

    assert (parked["state"], alert["subject"], alert["account_id"]) == ("parked", parked["id"], purchase.account)
    assert cancellation(instance, purchase)["state"] == "withdrawn"
    assert instance.account(purchase)["standing"] == "good"


def cancellation(instance: Instance, purchase: Purchase) -> dict[str, Any]:
    listed = instance.cli("effects", "list", "--account", str(purchase.account), "--json")["effects"]
    document: dict[str, Any] = next(effect for effect in listed if effect["type"] == "cancel")
    return document


def test_a_payment_that_gave_up_waiting_is_applied_when_its_subscription_appears(
    instance: Instance, start: datetime
) -> None:
    purchase = instance.purchase(began=start - days(30))
    instance.deliver_event(subscription_payment_failed(at=start, purchase=purchase))
    instance.advance_to(start + days(8))
    given_up = instance.cli("events", "list", "--limit", "1", "--json")["events"][0]

    instance.deliver_event(subscription_created(at=start - days(30), purchase=purchase))

    assert (given_up["state"], given_up["event_name"]) == ("parked", "subscription_payment_failed")
    assert instance.cli("events", "show", given_up["id"], "--json")["state"] == "handled"
    assert instance.account(purchase)["standing"] == "grace"
