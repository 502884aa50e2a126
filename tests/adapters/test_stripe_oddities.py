"""What is Stripe's own: versions, a clock of whole seconds, and words that mean two things."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kulanz.policy.facts import DisputeStatus, PaymentSucceeded, Status, SubscriptionSeen
from kulanz.providers import PROVIDERS, Naming
from tests import stripe
from tests.adapters.payload_source import DAY, MONDAY
from tests.adapters.payloads import PAYLOAD_SOURCES

LEMONSQUEEZY, STRIPE, PADDLE, DODO, POLAR = PAYLOAD_SOURCES
OLD = {"parent": None, "subscription": stripe.BOUGHT.subscription}


def one(source: Any, payload: dict[str, Any]) -> Any:
    (fact,) = source.facts(payload)
    return fact


def subscribed(**told: Any) -> SubscriptionSeen:
    fact = one(STRIPE, stripe.subscription(**told))
    assert isinstance(fact, SubscriptionSeen)
    return fact


@pytest.mark.parametrize(
    "where",
    [
        OLD,
        OLD | {"subscription": {"id": stripe.BOUGHT.subscription, "object": "subscription"}},
        {"parent": None, "lines": {"data": [{"subscription": stripe.BOUGHT.subscription}]}},
        {
            "parent": None,
            "lines": {
                "data": [{"parent": {"subscription_item_details": {"subscription": stripe.BOUGHT.subscription}}}]
            },
        },
    ],
)
def test_stripes_invoice_names_its_subscription_in_every_version(where: dict[str, Any]) -> None:
    payload = stripe.invoice("paid", **where)

    fact = one(STRIPE, payload)

    assert isinstance(fact, PaymentSucceeded)
    assert fact.invoice.subscription == STRIPE.subscription
    assert STRIPE.provider.route(payload, Naming()).subscription == f"stripe:subscription:{stripe.BOUGHT.subscription}"


def test_stripes_old_versions_keep_the_period_and_the_plan_at_the_top() -> None:
    seen = subscribed(items={"data": []}, plan={"id": "plan_old", "product": "prod_1"}, current_period_end=MONDAY)

    assert (seen.variant, seen.product, seen.renews_at) == ("stripe:plan_old", "product-prod_1", MONDAY)


def test_stripes_tax_is_a_sum_in_old_versions_and_a_list_in_new_ones() -> None:
    old = one(STRIPE, stripe.invoice("paid", total_taxes=None, tax=359))
    new = one(STRIPE, stripe.invoice("paid", total_taxes=[{"amount": 300}, {"amount": 59}]))

    assert (old.invoice.tax, new.invoice.tax) == (359, 359)


@pytest.mark.parametrize(("currency", "amount"), [("jpy", 500), ("eur", 500), ("kwd", 500)])
def test_stripes_amounts_are_minor_units_already(currency: str, amount: int) -> None:
    fact = one(STRIPE, stripe.invoice("paid", currency=currency, total=amount))

    assert (fact.invoice.currency, fact.invoice.total) == (currency.upper(), amount)


def _paused_by_stripe(cause: str) -> dict[str, Any]:
    return {"status": "paused", "status_details": {"paused": {"subscription": {"type": cause}}}}


@pytest.mark.parametrize(
    ("told", "status", "mode"),
    [
        ({"status": "trialing"}, Status.ON_TRIAL, None),
        ({"status": "incomplete"}, Status.EXPIRED, None),
        ({"status": "incomplete_expired"}, Status.EXPIRED, None),
        ({"status": "unpaid"}, Status.UNPAID, None),
        ({"status": "paused"}, Status.PAUSED, "void"),
        ({"pause_collection": {"behavior": "void"}}, Status.PAUSED, "void"),
        ({"pause_collection": {"behavior": "mark_uncollectible"}}, Status.PAUSED, "free"),
        ({"pause_collection": {"behavior": "keep_as_draft"}}, Status.PAUSED, "free"),
        (_paused_by_stripe("final_payment_failure"), Status.UNPAID, None),
        (_paused_by_stripe("first_payment_failure"), Status.EXPIRED, None),
        ({**_paused_by_stripe("first_payment_failure"), "trial_end": MONDAY}, Status.UNPAID, None),
        ({"cancel_at_period_end": True}, Status.CANCELLED, None),
        ({"cancel_at": MONDAY + 10 * DAY}, Status.CANCELLED, None),
        ({"cancel_at": MONDAY + 400 * DAY}, Status.ACTIVE, None),
        ({"status": "canceled", "cancel_at_period_end": True}, Status.EXPIRED, None),
    ],
)
def test_stripes_statuses_are_read(told: dict[str, Any], status: Status, mode: str | None) -> None:
    seen = subscribed(**told)

    assert (seen.status, seen.pause_mode) == (status, mode)


def test_an_update_that_changed_the_status_outranks_others_of_its_second() -> None:
    changed = subscribed(status="past_due", previous={"status": "active"})
    before = subscribed(status="active", previous={"metadata": {}})
    made = subscribed(name="created", status="active")

    assert made.stamp < before.stamp < changed.stamp


@pytest.mark.parametrize("how", [{"parent": None}, {"parent": {"type": "quote_details"}}])
def test_stripes_single_invoices_are_nobodys(how: dict[str, Any]) -> None:
    payload = stripe.invoice("paid", **how)

    assert not STRIPE.provider.peek(stripe.wire(payload)).recognised
    assert STRIPE.facts(payload) == ()


def test_stripes_guests_are_nobodys() -> None:
    assert not STRIPE.provider.peek(stripe.wire(stripe.charge("succeeded", customer=None))).recognised


@pytest.mark.parametrize(("livemode", "test_mode"), [(True, False), (False, True)])
def test_stripes_livemode_is_the_mode(livemode: object, *, test_mode: bool) -> None:
    payload = stripe.subscription(around={"livemode": livemode})

    assert STRIPE.provider.peek(stripe.wire(payload)).test_mode is test_mode


def test_stripes_dispute_carries_the_fee_and_no_customer() -> None:
    fact = one(STRIPE, stripe.dispute())

    assert (fact.fee, fact.fee_currency, fact.customer) == (1500, "EUR", None)
    assert fact.order == f"stripe:{stripe.BOUGHT.charge}"
    assert STRIPE.provider.route(stripe.dispute(), Naming()).needs_order


@pytest.mark.parametrize(
    ("stated", "answer_by", "answered"),
    [
        ({"due_by": 1774364400, "submission_count": 0}, datetime(2026, 3, 24, 15, tzinfo=UTC), False),
        ({"due_by": 1774364400, "submission_count": 1}, datetime(2026, 3, 24, 15, tzinfo=UTC), True),
        ({"due_by": 0}, None, False),
        ({"due_by": None}, None, False),
        ({}, None, False),
    ],
)
def test_stripes_dispute_says_by_when_it_is_answered_and_whether_it_was(
    stated: dict[str, object], answer_by: datetime | None, *, answered: bool
) -> None:
    fact = one(STRIPE, stripe.dispute(evidence_details=stated))

    assert (fact.answer_by, fact.answered) == (answer_by, answered)


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("warning_needs_response", DisputeStatus.INQUIRY),
        ("warning_under_review", DisputeStatus.INQUIRY),
        ("warning_closed", DisputeStatus.WITHDRAWN),
        ("needs_response", DisputeStatus.OPENED),
        ("under_review", DisputeStatus.UNDER_REVIEW),
        ("won", DisputeStatus.WON),
        ("lost", DisputeStatus.LOST),
        ("prevented", DisputeStatus.PREVENTED),
        ("charge_refunded", DisputeStatus.ACCEPTED),
    ],
)
def test_stripes_disputes_stand_where_they_stand(status: str, ours: DisputeStatus) -> None:
    assert one(STRIPE, stripe.dispute("updated", status=status)).status is ours


def test_an_id_of_another_customers_account_can_be_named_at_no_provider() -> None:
    for name in PROVIDERS:
        bought = stripe.Purchase(account=f"{name}-cus_of_somebody_else")
        routing = STRIPE.provider.route(stripe.subscription(purchase=bought), Naming())

        assert (routing.claim, routing.unusable_claim) == (None, f"{name}-cus_of_somebody_else")


def test_what_changes_in_the_second_of_an_answer_comes_after_it() -> None:
    """We look before we cancel or resume: both happen within a second, and Stripe's answers have whole seconds."""
    held = stripe.subscription(status="past_due")["data"]["object"]
    looked_up = STRIPE.provider.looked_up(held, MONDAY)
    cancelled = subscribed(
        at=MONDAY, status="past_due", cancel_at_period_end=True, previous={"cancel_at_period_end": False}
    )
    unrelated = subscribed(at=MONDAY, status="past_due", cancel_at_period_end=True)

    assert looked_up.stamp.at == cancelled.stamp.at
    assert looked_up.stamp < unrelated.stamp < cancelled.stamp
