"""Add-ons through the front door: booked and cancelled by HTTP and by the command line, on both databases."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from kulanz.policy.consequences.effects import rfc3339
from tests.end_to_end.instance import Instance, days
from tests.end_to_end.test_stories import bought, fails
from tests.lemonsqueezy import Purchase, subscription_cancelled, subscription_payment_success, subscription_updated
from tests.replacing import replace


def book(instance: Instance, purchase: Purchase, ends: datetime, **told: Any) -> dict[str, Any]:
    """Book two more users and return the add-on."""
    usual = {"kind": "users", "quantity": 2, "unit_price": 590, "currency": "EUR", "period_ends_at": rfc3339(ends)}
    answer = instance.post(f"/v1/accounts/{purchase.account}/add-ons", {**usual, **told})
    assert answer.status_code == 201, answer.text
    instance.settle()
    document: dict[str, Any] = answer.json()
    return document


def renews(instance: Instance, purchase: Purchase, at: datetime, number: int = 1) -> None:
    """Let the base subscription renew."""
    instance.advance_to(at)
    invoice = replace(purchase, invoice=purchase.invoice + number)
    instance.deliver_event(
        subscription_payment_success(at=at, purchase=invoice, created_at=at),
        subscription_updated(at=at, purchase=purchase, status="active", renews_at=at + days(30)),
    )


def test_an_add_on_is_usable_at_once_and_billed_with_the_next_regular_invoice(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start + days(10))
    before = instance.account(purchase)["version"]

    booked = book(instance, purchase, start + days(10))
    entitlement = instance.get(f"/v1/accounts/{purchase.account}/entitlement")
    renews(instance, purchase, start + days(10))

    assert (booked["status"], booked["ends_at"], booked["draft_amount"]) == ("active", None, round(2 * 590 * 10 / 30))
    assert booked["billed_until"] == rfc3339(start + days(10))
    assert (entitlement["add_ons"], entitlement["quantities"]) == (["users"], {"users": 2})
    assert entitlement["version"] == before + 1
    assert instance.callbacks_received(purchase)[-1] == "account.entitlement_changed"
    assert instance.mails(purchase) == ["add_on_booked"]
    (after,) = instance.account(purchase)["add_ons"]
    assert (after["draft_amount"], after["billed_until"]) == (0, rfc3339(start + days(40)))
    assert after["invoice_id"] == str(purchase.invoice + 1)


def test_a_cancelled_add_on_runs_to_the_end_of_what_is_paid_and_ends_by_itself(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start + days(20))
    booked = book(instance, purchase, start + days(20))
    instance.advance_to(start + days(15))

    answer = instance.delete(f"/v1/accounts/{purchase.account}/add-ons/{booked['id']}")
    again = instance.delete(f"/v1/accounts/{purchase.account}/add-ons/{booked['id']}")
    during = instance.account(purchase)
    instance.advance_to(start + days(20))

    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert answer.json()["ends_at"] == rfc3339(start + days(20))
    assert (again.status_code, again.headers["Content-Type"]) == (409, "application/problem+json")
    assert {"kind": "period_end", "due_at": rfc3339(start + days(20))} in during["timers"]
    (ended,) = instance.account(purchase)["add_ons"]
    assert ended["status"] == "ended"
    assert instance.get(f"/v1/accounts/{purchase.account}/entitlement")["add_ons"] == []
    assert instance.callbacks_received(purchase)[-1] == "account.entitlement_changed"
    assert instance.mails(purchase) == ["add_on_booked", "add_on_cancelled"]


def test_a_booking_withdrawn_from_in_time_ends_at_once_and_is_never_billed(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start + days(20))
    booked = book(instance, purchase, start + days(20))
    instance.advance_to(start + days(14))

    answer = instance.delete(f"/v1/accounts/{purchase.account}/add-ons/{booked['id']}")
    instance.settle()
    renews(instance, purchase, start + days(20))

    assert (answer.json()["status"], answer.json()["draft_amount"]) == ("withdrawn", 0)
    (result,) = instance.account(purchase)["add_ons"]
    assert (result["status"], result["invoice_id"]) == ("withdrawn", None)
    assert instance.mails(purchase) == ["add_on_booked", "add_on_withdrawn"]


def test_add_ons_follow_their_base_subscription_into_a_hold_and_back(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)
    book(instance, purchase, start + days(30), quantity=5)
    fails(instance, purchase, start + days(1))

    instance.advance_to(start + days(8))
    held = instance.get(f"/v1/accounts/{purchase.account}/entitlement")
    instance.provider.change(purchase.subscription, status="active")
    instance.deliver_event(subscription_payment_success(at=start + days(9), purchase=purchase))

    assert (held["plan"], held["add_ons"], "quantities" in held) == ("free", [], False)
    back = instance.get(f"/v1/accounts/{purchase.account}/entitlement")
    assert (back["plan"], back["quantities"]) == ("professional", {"users": 5})


def test_add_ons_end_with_a_subscription_that_the_customer_cancels(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start + days(20))
    book(instance, purchase, start + days(20))

    instance.deliver_event(subscription_cancelled(at=start, purchase=purchase, ends_at=start + days(20)))
    (during,) = instance.account(purchase)["add_ons"]
    instance.advance_to(start + days(20))

    assert (during["status"], during["ends_at"]) == ("active", rfc3339(start + days(20)))
    (ended,) = instance.account(purchase)["add_ons"]
    assert ended["status"] == "ended"


def test_the_command_line_books_lists_and_cancels(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start + days(10))
    account = str(purchase.account)
    ask = ("--unit-price", "590", "--currency", "eur", "--period-ends-at", rfc3339(start + days(10)), "--json")

    planned = instance.cli("add-on", "book", account, "storage", "--quantity", "3", *ask, "--dry-run")
    nothing = instance.cli("add-on", "list", account, "--json")["add_ons"]
    instance.cli("add-on", "book", account, "storage", "--quantity", "3", *ask)
    (listed,) = instance.cli("add-on", "list", account, "--json")["add_ons"]
    instance.cli("add-on", "cancel", account, listed["id"])

    assert planned["changes"][0].startswith("The add-on storage was booked, 3 of it at 5.90 EUR")
    assert nothing == []
    assert (listed["kind"], listed["quantity"], listed["draft_amount"]) == ("storage", 3, 590)
    assert instance.cli("add-on", "list", account, "--json")["add_ons"][0]["status"] == "withdrawn"
    story = instance.cli("account", "explain", account, "--json")
    assert "was withdrawn from in time" in str(story["steps"])
    assert instance.run("replay", "--shuffle")[0] == 0


@pytest.mark.parametrize(
    ("told", "status", "word"),
    [
        ({"quantity": 0}, 422, "quantity"),
        ({"quantity": "2"}, 422, "quantity"),
        ({"unit_price": -1}, 422, "unit_price"),
        ({"unit_price": 10**15, "quantity": 2}, 422, "too much"),
        ({"currency": "USD"}, 422, "EUR"),
        ({"currency": "XYZ"}, 422, "XYZ"),
        ({"period_ends_at": "2001-01-01T00:00:00Z"}, 422, "period_ends_at"),
        ({"period_ends_at": "2026-06-01"}, 422, "period_ends_at"),
        ({"kind": "Users!"}, 422, "kind"),
        ({"subscription_id": "999999999"}, 409, "no running subscription"),
        ({"colour": "red"}, 422, "colour"),
    ],
)
def test_bad_input_is_refused_with_a_problem_and_nothing_is_done(
    instance: Instance, start: datetime, told: dict[str, Any], status: int, word: str
) -> None:
    purchase = bought(instance, start + days(10))
    good = {"kind": "users", "quantity": 1, "unit_price": 590, "currency": "EUR"}
    form = {**good, "period_ends_at": rfc3339(start + days(10)), **told}

    answer = instance.post(f"/v1/accounts/{purchase.account}/add-ons", form)

    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert word in answer.json()["detail"]
    assert instance.account(purchase)["add_ons"] == []


def test_what_there_is_not_is_not_found(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start + days(10))
    unpaid = instance.purchase(began=start)
    instance.deliver_event(subscription_cancelled(at=start, purchase=unpaid, ends_at=start))
    form = {"kind": "users", "quantity": 1, "unit_price": 1, "currency": "EUR"}
    form["period_ends_at"] = rfc3339(start + days(10))

    assert instance.post("/v1/accounts/nobody/add-ons", form).status_code == 404
    assert instance.delete(f"/v1/accounts/{purchase.account}/add-ons/ao_none").status_code == 404
    assert instance.delete(f"/v1/accounts/{purchase.account}/add-ons/%00").status_code == 404
    refused = instance.post(f"/v1/accounts/{unpaid.account}/add-ons", form)
    assert (refused.status_code, refused.json()["title"]) == (409, "Refused")
    assert instance.run("add-on", "cancel", str(purchase.account), "ao_none")[0] == 1
