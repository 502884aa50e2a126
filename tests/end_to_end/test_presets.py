"""The presets for everybody else through the front door: accounts that are put under one of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.end_to_end.instance import Instance, days
from tests.end_to_end.test_stories import bought, fails
from tests.lemonsqueezy import Purchase, subscription_payment_success


def under(instance: Instance, start: datetime, preset: str) -> Purchase:
    """A customer whose thirty days end at `start`, from when on a preset counts for the account."""
    purchase = bought(instance, start)
    terms = {"policy": preset, "until": (start + days(300)).isoformat(), "reason": "moved to these terms"}
    agreed = instance.post(f"/v1/accounts/{purchase.account}/terms", terms)
    assert (agreed.status_code, agreed.json()["policy"]["name"]) == (201, preset), agreed.text
    return purchase


def standing(instance: Instance, purchase: Purchase) -> tuple[str, str, str]:
    account = instance.account(purchase)
    return account["plan"], account["access"], account["standing"]


def asks(instance: Instance, purchase: Purchase, payment: int) -> dict[str, Any]:
    form = {"account_id": purchase.account, "contact_email": purchase.email, "organisation": "Bakery"}
    answer = instance.post("/v1/refund-requests", {**form, "payment_id": str(payment)})
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


@pytest.mark.parametrize(("preset", "grace", "cancels"), [("saas", 14, False), ("saas-strict", 3, True)])
def test_an_unpaid_renewal_ends_as_the_preset_says(
    *, instance: Instance, start: datetime, preset: str, grace: int, cancels: bool
) -> None:
    purchase = under(instance, start, preset)
    fails(instance, purchase, start)

    instance.advance_to(start + days(grace - 1))
    before = standing(instance, purchase)
    instance.advance_to(start + days(grace))
    after = standing(instance, purchase)

    assert before == ("professional", "full", "grace")
    assert after == ("free", "free", "on_hold")
    asked = {request.method for request in instance.provider.requests if str(purchase.subscription) in request.path}
    assert ("DELETE" in asked) is cancels


@pytest.mark.parametrize(
    ("preset", "verdict"), [("saas", "eligible"), ("saas-strict", "not_eligible"), ("b2b-invoice", "review")]
)
def test_a_renewal_goes_back_as_the_preset_says(instance: Instance, start: datetime, preset: str, verdict: str) -> None:
    purchase = under(instance, start, preset)
    instance.deliver_event(subscription_payment_success(at=start, purchase=purchase, created_at=start))
    instance.advance_to(start + days(10))

    request = asks(instance, purchase, purchase.invoice)

    assert (request["verdict"], request["policy"]["name"]) == (verdict, preset)


def test_a_business_gets_three_letters_before_access_ends(instance: Instance, start: datetime) -> None:
    purchase = under(instance, start, "b2b-invoice")
    fails(instance, purchase, start)

    instance.advance_to(start + days(48))

    assert standing(instance, purchase) == ("professional", "full", "grace")
    assert instance.mails(purchase).count("dunning_level") == 3
    instance.advance_to(start + days(49))
    assert standing(instance, purchase) == ("free", "free", "on_hold")
