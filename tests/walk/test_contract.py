"""What programs and people rely on at the front door, fact by fact (CONTRACT): each was wrong once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.lemonsqueezy import (
    Purchase,
    dispute_created,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_success,
    subscription_updated,
)
from tests.provider_server import Reply
from tests.walk.house import House, days
from tests.walk.test_stories import bought, fails


def override(house: House, purchase: Purchase, kind: str, until: datetime) -> tuple[int, dict[str, Any]]:
    form = {"kind": kind, "until": until.isoformat(), "reason": "by hand"}
    answer = house.post(f"/v1/accounts/{purchase.account}/overrides", form)
    return answer.status_code, answer.json()


def test_the_last_word_on_a_chargeback_counts_even_within_one_second(house: House, start: datetime) -> None:
    purchase = bought(house, start)
    house.tell(dispute_created(at=start, purchase=purchase))
    ident = house.account(purchase)["disputes"][0]["id"]

    said = [
        house.post(f"/v1/disputes/{ident}/close", {"outcome": outcome}).json()["status"]
        for outcome in ("lost", "won", "accepted", "won")
    ]

    assert said == ["lost", "won", "accepted", "won"]
    assert house.account(purchase)["standing"] == "good"


def test_each_exception_is_answered_by_itself_although_no_time_passes(house: House, start: datetime) -> None:
    purchase = bought(house, start)
    kinds = ("legal_hold", "suspend", "exempt", "reinstate", "suspend")

    answers = [override(house, purchase, kind, start + days(3)) for kind in kinds]

    assert [(status, document["kind"]) for status, document in answers] == [(201, kind) for kind in kinds]
    assert len({document["id"] for _, document in answers}) == len(kinds)
    assert house.account(purchase)["standing"] == "suspended"


def test_nothing_is_reinstated_where_nothing_is_held(house: House, start: datetime) -> None:
    purchase = bought(house, start)

    status, problem = override(house, purchase, "reinstate", start + timedelta(hours=1))

    assert (status, problem["title"]) == (409, "Refused")
    assert house.account(purchase)["overrides"] == []


def test_a_chargeback_told_by_hand_keeps_every_word(house: House, start: datetime) -> None:
    purchase = bought(house, start)
    form = {
        "amount": 4900,
        "currency": "EUR",
        "fee": 1500,
        "fee_currency": "USD",
        "payment_id": str(purchase.order),
        "reference": "CB-7",
        "reason": "told by the bank",
    }

    answer = house.post(f"/v1/accounts/{purchase.account}/disputes", form)

    assert answer.status_code == 201
    assert {key: answer.json()[key] for key in form} == form
    assert answer.json() == house.account(purchase)["disputes"][0]


def test_a_support_person_reads_why_a_hold_is_not_placed_and_amounts_as_people_write_them(
    house: House, start: datetime
) -> None:
    purchase = bought(house, start)
    fails(house, purchase, start)
    house.tell(subscription_updated(at=start + days(1), purchase=purchase, status="a word of tomorrow"))
    house.advance_to(start + days(7))
    parked = house.cli("account", "explain", str(purchase.account), "--json")
    event = house.cli("events", "list", "--state", "parked", "--json")["events"][0]["id"]
    house.cli("events", "skip", event, "--reason", "no such status")

    form = ("--amount", "4900", "--currency", "EUR", "--fee", "1500", "--reason", "told by the bank")
    house.cli("dispute", "open", str(purchase.account), *form, "--json")
    house.settle()
    told = house.cli("account", "explain", str(purchase.account), "--json")

    assert "nothing is taken yet: an event of this account is parked" in parked["outlook"][0]
    assert "A chargeback of 49.00 EUR was opened (fee: 15.00 EUR)." in told["steps"][-1]["sentences"]


def test_what_was_left_to_a_person_is_told_to_operators_and_withdrawn_when_it_is_no_longer_wanted(
    house: House, start: datetime
) -> None:
    purchase = bought(house, start)
    fails(house, purchase, start)
    house.provider.queue(Reply(status=404, only="DELETE"))
    house.advance_to(start + days(7))
    alert = [one["data"] for one in house.callbacks.documents if one["data"].get("topic") == "effect_parked"][-1]
    parked = cancellation(house, purchase)

    house.tell(subscription_payment_success(at=start + days(7), purchase=purchase))

    assert (parked["state"], alert["subject"], alert["account_id"]) == ("parked", parked["id"], purchase.account)
    assert cancellation(house, purchase)["state"] == "withdrawn"
    assert house.account(purchase)["standing"] == "good"


def cancellation(house: House, purchase: Purchase) -> dict[str, Any]:
    listed = house.cli("effects", "list", "--account", str(purchase.account), "--json")["effects"]
    found: dict[str, Any] = next(effect for effect in listed if effect["type"] == "cancel")
    return found


def test_a_payment_that_gave_up_waiting_is_applied_when_its_subscription_appears(house: House, start: datetime) -> None:
    purchase = house.purchase(began=start - days(30))
    house.tell(subscription_payment_failed(at=start, purchase=purchase))
    house.advance_to(start + days(8))
    given_up = house.cli("events", "list", "--limit", "1", "--json")["events"][0]

    house.tell(subscription_created(at=start - days(30), purchase=purchase))

    assert (given_up["state"], given_up["event_name"]) == ("parked", "subscription_payment_failed")
    assert house.cli("events", "show", given_up["id"], "--json")["state"] == "handled"
    assert house.account(purchase)["standing"] == "grace"
