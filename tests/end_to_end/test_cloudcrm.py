"""Stories of the preset `cloudcrm` through the front door: HTTP, the clock, the command line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from kulanz.policy.consequences.effects import rfc3339
from tests.end_to_end.instance import Instance, an_instance_on_its_database, days
from tests.end_to_end.test_add_ons import book, renews
from tests.end_to_end.test_stories import bought, fails
from tests.lemonsqueezy import subscription_payment_success, subscription_updated


@pytest.fixture(scope="module")
def instance(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with an_instance_on_its_database(request, tmp_path_factory, KULANZ_POLICY="cloudcrm") as instance:
        yield instance


def clauses(instance: Instance, account: str | None) -> list[tuple[str, str | None]]:
    """The rules and clauses of the changes of add-ons, each once, in order."""
    stated = instance.get(f"/v1/accounts/{account}/timeline?limit=500")["decisions"]
    matches = [(change["rule"], change["clause"]) for item in stated for change in item["changes"]]
    return [item for item in dict.fromkeys(matches) if item[0].startswith("add_on.")]


def test_storage_is_booked_in_packages_collected_and_charged_with_the_next_invoice(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start + days(15))

    booked = book(instance, purchase, start + days(15), kind="storage")
    entitlement = instance.get(f"/v1/accounts/{purchase.account}/entitlement")
    renews(instance, purchase, start + days(15))

    assert booked["draft_amount"] == 590
    assert entitlement["quantities"] == {"storage": 20}
    assert clauses(instance, purchase.account) == [
        ("add_on.booked", "1"),
        ("add_on.drafted", "1-Abrechnung"),
        ("add_on.invoiced", "1-Abrechnung"),
        ("add_on.renewed", "1-Abrechnung"),
    ]


def test_cancelled_after_the_withdrawal_period_it_shows_its_last_day_and_ends_there(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start + days(5))
    booked = book(instance, purchase, start + days(5))
    renews(instance, purchase, start + days(5))
    instance.advance_to(start + days(20))

    instance.cli("add-on", "cancel", str(purchase.account), booked["id"])
    (during,) = instance.account(purchase)["add_ons"]
    document = instance.cli("account", "explain", str(purchase.account), "--json")
    instance.advance_to(start + days(35))

    assert (during["status"], during["ends_at"]) == ("cancelled", rfc3339(start + days(35)))
    assert f"What was paid for ends at {during['ends_at']}" in str(document["outlook"])
    assert instance.account(purchase)["add_ons"][0]["status"] == "ended"
    assert clauses(instance, purchase.account)[-2:] == [("add_on.cancelled", "2"), ("add_on.ended", "2")]


def test_withdrawn_from_within_fourteen_days_it_ends_at_once_and_leaves_no_draft(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start + days(20))
    kept = book(instance, purchase, start + days(20), quantity=1)
    undone = book(instance, purchase, start + days(20), quantity=4)
    instance.advance_to(start + days(13))

    answer = instance.delete(f"/v1/accounts/{purchase.account}/add-ons/{undone['id']}")
    instance.settle()

    assert (answer.json()["status"], answer.json()["draft_amount"]) == ("withdrawn", 0)
    left = {item["id"]: item for item in instance.account(purchase)["add_ons"]}
    assert left[kept["id"]]["draft_amount"] == kept["draft_amount"] > 0
    assert instance.get(f"/v1/accounts/{purchase.account}/entitlement")["quantities"] == {"users": 1}
    assert clauses(instance, purchase.account)[-1] == ("add_on.withdrawn", "2-Widerruf")
    assert instance.mails(purchase)[-1] == "add_on_withdrawn"


def test_withdrawn_from_after_it_was_invoiced_its_line_is_a_refund_that_the_policy_grants(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start + days(5))
    booked = book(instance, purchase, start + days(5))
    renews(instance, purchase, start + days(5))

    instance.cli("add-on", "cancel", str(purchase.account), booked["id"])
    (listed,) = instance.account(purchase)["refund_requests"]
    request = instance.get(f"/v1/refund-requests/{listed['id']}")
    denied = instance.post(f"/v1/refund-requests/{listed['id']}/deny", {})
    whole = instance.post(
        "/v1/refund-requests",
        {
            "account_id": purchase.account,
            "payment_id": request["payment_id"],
            "contact_email": purchase.email,
            "organisation": "Bakery",
        },
    )

    assert (request["verdict"], request["clause"]) == ("eligible", "2-Widerruf")
    assert (booked["draft_amount"], request["refundable_amount"]) == (197, 197 + 2 * 590)
    assert request["payment_id"] == str(purchase.invoice + 1)
    assert denied.status_code == 422
    assert (whole.status_code, whole.json()["verdict"]) == (201, "review")
    assert instance.account(purchase)["plan"] == "professional"


def test_withdrawn_from_while_the_invoice_is_unpaid_its_line_is_taken_off_what_is_due(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start + days(5))
    booked = book(instance, purchase, start + days(5))
    instance.advance_to(start + days(5))
    fails(instance, purchase, start + days(5))
    before = instance.account(purchase)["dunning_cases"][0]["amount_due"]

    instance.cli("add-on", "cancel", str(purchase.account), booked["id"])
    during = instance.account(purchase)
    instance.provider.change(purchase.subscription, status="active")
    instance.deliver_event(subscription_payment_success(at=instance.now(), purchase=purchase))

    assert before - during["dunning_cases"][0]["amount_due"] == booked["draft_amount"] + 2 * 590
    assert during["refund_requests"] == []
    (asked,) = instance.account(purchase)["refund_requests"]
    assert (asked["verdict"], asked["clause"]) == ("eligible", "2-Widerruf")


def test_beside_a_subscription_for_a_year_pieces_are_cancelled_to_the_end_of_their_month(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start + days(10))
    instance.deliver_event(subscription_updated(at=start, purchase=purchase, renews_at=start + days(350)))
    booked = book(instance, purchase, start + days(350), quantity=3)
    month_ends = booked["billed_until"]
    instance.advance_to(start + days(40))

    answer = instance.post(f"/v1/accounts/{purchase.account}/add-ons/{booked['id']}/cancel", {"quantity": 1})
    too_many = instance.post(f"/v1/accounts/{purchase.account}/add-ons/{booked['id']}/cancel", {"quantity": 3})
    during = instance.get(f"/v1/accounts/{purchase.account}/entitlement")["quantities"]
    part = answer.json()
    instance.advance_to(start + days(75))

    assert month_ends < rfc3339(start + days(31))
    assert (part["quantity"], part["status"], part["part_of"]) == (1, "cancelled", booked["id"])
    assert rfc3339(start + days(40)) < part["ends_at"] < rfc3339(start + days(71))
    assert (too_many.status_code, during) == (422, {"users": 3})
    listed = {item["id"]: item for item in instance.account(purchase)["add_ons"]}
    assert (listed[part["id"]]["status"], listed[booked["id"]]["status"]) == ("ended", "active")
    assert listed[booked["id"]]["draft_amount"] > booked["draft_amount"]
    assert instance.get(f"/v1/accounts/{purchase.account}/entitlement")["quantities"] == {"users": 2}


def test_what_is_not_sold_cannot_be_booked(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start + days(20))
    form = {"kind": "printers", "quantity": 1, "unit_price": 590, "currency": "EUR"}

    answer = instance.post(
        f"/v1/accounts/{purchase.account}/add-ons", form | {"period_ends_at": rfc3339(start + days(20))}
    )
    command = instance.run(
        *("add-on", "book", str(purchase.account), "printers", "--unit-price", "590", "--currency", "EUR"),
        *("--period-ends-at", rfc3339(start + days(20))),
    )

    assert (answer.status_code, answer.json()["detail"]) == (422, "kind: expected one of users, storage")
    assert command[0] == 1
    assert command[2] == "kulanz: kind: expected one of users, storage\n"
    assert instance.account(purchase)["add_ons"] == []
