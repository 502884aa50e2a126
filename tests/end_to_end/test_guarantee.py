"""The guarantee of the default policy through the front door: from which day it runs, and when it ends."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.end_to_end.instance import Instance, days
from tests.lemonsqueezy import (
    Purchase,
    order_created,
    subscription_created,
    subscription_payment_success,
    subscription_updated,
)


def asks(instance: Instance, purchase: Purchase, **told: Any) -> dict[str, Any]:
    form = {"account_id": purchase.account, "contact_email": purchase.email, "organisation": "Bakery"}
    answer = instance.post("/v1/refund-requests", {**form, "payment_id": str(purchase.order), **told})
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_after_a_trial_by_an_order_of_nothing_the_thirty_days_run_from_the_first_money_to_the_end_of_a_day(
    instance: Instance, start: datetime
) -> None:
    purchase = instance.purchase(began=start)
    money = start + days(14)
    instance.deliver_event(
        order_created(at=start, purchase=purchase, total=0, subtotal=0, tax=0),
        subscription_created(at=start, purchase=purchase, status="on_trial", trial_ends_at=money, renews_at=money),
    )
    instance.advance_to(money)
    paid = {"billing_reason": "initial", "created_at": money}
    instance.deliver_event(
        subscription_payment_success(at=money, purchase=purchase, **paid),
        subscription_updated(
            at=money, purchase=purchase, status="active", trial_ends_at=money, renews_at=money + days(60)
        ),
    )
    last_day = (money + days(30)).replace(hour=23, minute=59, second=0)

    instance.advance_to(last_day)
    request = asks(instance, purchase)

    assert (request["verdict"], request["clause"], request["why"]) == ("eligible", "3.1", "within_window")
    assert request["refundable_amount"] == purchase.price - purchase.taxes


def test_on_the_day_after_the_thirtieth_the_first_payment_goes_back_no_more(
    instance: Instance, start: datetime
) -> None:
    purchase = instance.purchase(began=start)
    first = {"billing_reason": "initial", "created_at": start}
    instance.deliver_event(
        order_created(at=start, purchase=purchase),
        subscription_payment_success(at=start, purchase=purchase, **first),
        subscription_created(at=start, purchase=purchase, renews_at=start + days(60)),
    )

    instance.advance_to((start + days(31)).replace(hour=0, minute=0, second=0))
    request = asks(instance, purchase)

    assert (request["verdict"], request["clause"]) == ("not_eligible", "12")
