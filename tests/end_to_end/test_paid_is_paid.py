"""What a plan change, a resumption, a pause and a cancellation without dates do, through the front door."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.end_to_end.instance import Instance, days
from tests.end_to_end.test_stories import bought, fails
from tests.lemonsqueezy import (
    Purchase,
    subscription_cancelled,
    subscription_paused,
    subscription_payment_failed,
    subscription_payment_success,
    subscription_resumed,
    subscription_updated,
)

ENTERPRISE = 47002


def upgrades_unpaid(instance: Instance, purchase: Purchase, at: datetime) -> None:
    """The customer chooses Enterprise within the paid month, and the charge for that fails."""
    told = {"variant_id": ENTERPRISE, "product_name": "Enterprise", "renews_at": purchase.renewal_after(at)}
    failed = subscription_payment_failed(
        at=at, purchase=purchase, id=purchase.invoice + 60, billing_reason="updated", created_at=at
    )
    instance.deliver_event(
        subscription_updated(at=at, purchase=purchase, **told),
        failed,
        subscription_updated(at=at + timedelta(seconds=1), purchase=purchase, status="past_due", **told),
    )


def explained(instance: Instance, purchase: Purchase) -> str:
    """What the command line says about an account, as people read it."""
    code, text, _ = instance.run("account", "explain", str(purchase.account))
    assert code == 0
    return text


def test_an_unpaid_upgrade_that_is_taken_back_leaves_the_paid_plan(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start + days(20))
    instance.advance_to(start + days(1))

    upgrades_unpaid(instance, purchase, start + days(1))
    at = start + days(1) + timedelta(minutes=1)
    instance.deliver_event(subscription_updated(at=at, purchase=purchase))

    assert instance.account(purchase)["plan"] == "professional"


def test_an_unpaid_upgrade_keeps_the_paid_plan_to_the_end_of_what_is_paid(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start + days(20))
    instance.advance_to(start + days(1))

    upgrades_unpaid(instance, purchase, start + days(1))
    instance.advance_to(start + days(19))

    account = instance.account(purchase)
    assert (account["plan"], account["standing"], account["dunning_cases"]) == ("professional", "good", [])
    assert account["subscriptions"][0]["upgrade_unpaid"] is True
    assert "is not paid for yet" in explained(instance, purchase)
    assert instance.provider.calls.count(f"DELETE /v1/subscriptions/{purchase.subscription}") == 0
    instance.advance_to(start + days(20))
    assert instance.account(purchase)["standing"] == "grace"


def test_a_resumption_in_the_portal_releases_no_hold_and_the_invoice_is_looked_up(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start)
    instance.provider.add(subscription_payment_failed(at=start, purchase=purchase))
    fails(instance, purchase, start)
    instance.advance_to(start + days(8))
    instance.deliver_event(subscription_cancelled(at=start + days(7), purchase=purchase, ends_at=start + days(20)))
    instance.provider.requests.clear()

    instance.provider.change(purchase.subscription, status="active", cancelled=False)
    at = start + days(8)
    instance.deliver_event(
        subscription_resumed(at=at, purchase=purchase), subscription_updated(at=at, purchase=purchase)
    )

    account = instance.account(purchase)
    assert (account["standing"], account["plan"]) == ("on_hold", "free")
    assert f"GET /v1/subscription-invoices/{purchase.invoice}" in instance.provider.calls
    assert "account.recovered" not in instance.callbacks_received(purchase)


def test_a_resumption_of_what_was_paid_by_then_releases_the_hold_by_the_look(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start)
    fails(instance, purchase, start)
    instance.advance_to(start + days(8))

    instance.provider.add(subscription_payment_success(at=start + days(8), purchase=purchase))
    instance.provider.change(purchase.subscription, status="active", cancelled=False)
    instance.deliver_event(subscription_resumed(at=start + days(8), purchase=purchase))

    assert instance.account(purchase)["plan"] == "professional"


def test_a_payment_that_only_the_look_knows_spares_the_hold(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)
    fails(instance, purchase, start)
    instance.advance_to(start + days(6))

    instance.provider.add(subscription_payment_success(at=start + days(6), purchase=purchase))
    instance.advance_to(start + days(8))

    account = instance.account(purchase)
    assert (account["standing"], account["plan"]) == ("good", "professional")


def test_an_invoice_that_fails_on_and_on_keeps_its_first_deadline(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)
    fails(instance, purchase, start)
    for day in (2, 4):
        at = start + days(day)
        instance.advance_to(at)
        instance.deliver_event(subscription_updated(at=at, purchase=purchase, status="active"))
        fails(instance, purchase, at + timedelta(minutes=5))

    grace_ends_at = instance.account(purchase)["grace_ends_at"]
    assert datetime.fromisoformat(grace_ends_at) == start + days(7)


def test_a_success_of_zero_recovers_nothing(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)
    instance.deliver_event(subscription_updated(at=start, purchase=purchase, status="past_due"))
    nothing = {"total": 0, "subtotal": 0, "tax": 0}

    instance.deliver_event(
        subscription_payment_success(at=start + timedelta(minutes=1), purchase=purchase, id=purchase.invoice, **nothing)
    )

    assert instance.account(purchase)["standing"] == "grace"


def test_a_cancellation_without_dates_ends_with_what_was_paid_for(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start + days(20))
    gone = {"ends_at": None, "renews_at": None}

    instance.deliver_event(subscription_cancelled(at=start, purchase=purchase, **gone))

    assert instance.account(purchase)["plan"] == "professional"
    assert "None" not in explained(instance, purchase)
    instance.advance_to(start + days(20))
    assert instance.account(purchase)["plan"] == "free"


def test_a_cancellation_after_a_pause_brings_no_plan_back(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start + days(20))
    instance.deliver_event(subscription_paused(at=start, purchase=purchase))
    assert instance.account(purchase)["plan"] == "free"

    instance.advance_to(start + days(1))
    gone = {"ends_at": None, "renews_at": None}
    instance.deliver_event(subscription_cancelled(at=start + days(1), purchase=purchase, **gone))

    assert instance.account(purchase)["plan"] == "free"
    assert "None" not in explained(instance, purchase)


def test_dunning_rests_in_a_free_pause(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)
    fails(instance, purchase, start)
    instance.advance_to(start + days(1))
    pause = {"mode": "free", "resumes_at": None}

    instance.deliver_event(subscription_paused(at=start + days(1), purchase=purchase, status="paused", pause=pause))
    instance.advance_to(start + days(30))

    account = instance.account(purchase)
    assert (account["plan"], account["dunning_cases"][0]["state"]) == ("professional", "frozen")
    assert instance.mails(purchase) == []
    assert instance.provider.calls.count(f"DELETE /v1/subscriptions/{purchase.subscription}") == 0
    assert "rests while its subscription is paused" in explained(instance, purchase)


def test_a_renewal_that_nothing_is_heard_of_is_looked_up(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)
    instance.provider.requests.clear()

    instance.advance_to(start + days(7))

    assert instance.provider.calls.count(f"GET /v1/subscriptions/{purchase.subscription}") == 1
    assert instance.account(purchase)["plan"] == "professional"
