"""Every provider as a teller of the same stories: what it sends when this or that happens.

A new provider joins by one more `PayloadSource` in `PAYLOAD_SOURCES`; then this whole folder asks it too.
"""

from __future__ import annotations

from typing import Any

from tests import lemonsqueezy as ls
from tests import paddle, standard, stripe
from tests.adapters.payload_source import BOUGHT_AT, DAY, MONDAY, PayloadSource, StoryEvent


def _lemonsqueezy() -> PayloadSource:
    bought = ls.Purchase(began=BOUGHT_AT)
    stated = {"purchase": bought}
    first = {"id": bought.invoice + 50, "billing_reason": "initial", "created_at": BOUGHT_AT}
    trial = {"status": "on_trial", "trial_ends_at": MONDAY + 14 * DAY, "created_at": MONDAY}
    return PayloadSource(
        name="lemonsqueezy",
        endpoint="lemonsqueezy",
        subscription=f"lemonsqueezy:{bought.subscription}",
        variant=f"lemonsqueezy:{bought.variant}",
        wire=ls.wire,
        delivery=ls.delivery,
        secret=ls.SECRET,
        other_secret="another-secret",
        timed=False,
        events={
            StoryEvent.BUYS: lambda at: [
                ls.order_created(at=at, **stated),
                ls.subscription_created(at=at, **stated),
                ls.subscription_payment_success(at=at, **stated, **first),
            ],
            StoryEvent.TRIES: lambda at: [ls.subscription_created(at=at, **stated, **trial)],
            StoryEvent.FAILS: lambda at: [
                ls.subscription_payment_failed(at=at, **stated),
                ls.subscription_updated(at=at, **stated, status="past_due"),
            ],
            StoryEvent.FAILS_AGAIN: lambda at: [ls.subscription_payment_failed(at=at, **stated)],
            StoryEvent.RECOVERS: lambda at: [
                ls.subscription_payment_recovered(at=at, **stated),
                ls.subscription_payment_success(at=at, **stated),
                ls.subscription_updated(at=at, **stated, status="active"),
            ],
            StoryEvent.CANCELS: lambda at: [
                ls.subscription_cancelled(at=at, **stated),
                ls.subscription_updated(
                    at=at, **stated, status="cancelled", cancelled=True, ends_at=bought.renewal_after(at)
                ),
            ],
            StoryEvent.ENDS: lambda at: [ls.subscription_expired(at=at, **stated)],
            StoryEvent.REFUNDS: lambda at: [ls.order_refunded(at=at, **stated)],
            StoryEvent.REFUNDS_PARTLY: lambda at: [
                ls.order_refunded(at=at, **stated, status="partial_refund", refunded_amount=500)
            ],
            StoryEvent.INQUIRES: lambda at: [ls.dispute_created(at=at, **stated, status="inquiry")],
            StoryEvent.DISPUTES: lambda at: [ls.dispute_created(at=at, **stated)],
            StoryEvent.WINS: lambda at: [ls.dispute_resolved(at=at, **stated, created_at=MONDAY)],
            StoryEvent.LOSES: lambda at: [ls.dispute_resolved(at=at, **stated, status="lost", created_at=MONDAY)],
        },
    )


def _stripe() -> PayloadSource:
    bought = stripe.Purchase(began=BOUGHT_AT)
    stated: Any = {"purchase": bought}
    trial = {"status": "trialing", "trial_end": MONDAY + 14 * DAY, "created": MONDAY}
    return PayloadSource(
        name="stripe",
        endpoint="stripe",
        subscription=f"stripe:{bought.subscription}",
        variant=f"stripe:{bought.price}",
        wire=stripe.wire,
        delivery=stripe.delivery,
        secret=stripe.SECRET,
        other_secret="whsec_another",
        timed=True,
        events={
            # All within one second, as Stripe does it: the subscription is made before it is paid for.
            StoryEvent.BUYS: lambda at: [
                stripe.subscription("created", at=at, **stated, status="incomplete"),
                stripe.charge("succeeded", at=at, **stated),
                stripe.subscription("updated", at=at, **stated, previous={"status": "incomplete"}),
                stripe.invoice("paid", at=at, **stated, id="in_first", billing_reason="subscription_create"),
                stripe.invoice(
                    "payment_succeeded", at=at, **stated, id="in_first", billing_reason="subscription_create"
                ),
            ],
            StoryEvent.TRIES: lambda at: [stripe.subscription("created", at=at, **stated, **trial)],
            StoryEvent.FAILS: lambda at: [
                stripe.invoice("payment_failed", at=at, **stated),
                stripe.subscription("updated", at=at, **stated, status="past_due", previous={"status": "active"}),
            ],
            StoryEvent.FAILS_AGAIN: lambda at: [stripe.invoice("payment_failed", at=at, **stated, attempt_count=2)],
            StoryEvent.RECOVERS: lambda at: [
                stripe.invoice("paid", at=at, **stated, attempt_count=3),
                stripe.charge("succeeded", at=at, **stated, id="ch_recovered", created=at),
                stripe.subscription("updated", at=at, **stated, previous={"status": "past_due"}),
            ],
            StoryEvent.CANCELS: lambda at: [
                stripe.subscription(
                    "updated", at=at, **stated, cancel_at_period_end=True, previous={"cancel_at_period_end": False}
                )
            ],
            StoryEvent.ENDS: lambda at: [
                stripe.subscription("deleted", at=at, **stated, status="canceled", ended_at=at)
            ],
            StoryEvent.REFUNDS: lambda at: [stripe.charge("refunded", at=at, **stated)],
            StoryEvent.REFUNDS_PARTLY: lambda at: [
                stripe.charge("refunded", at=at, **stated, amount_refunded=500, refunded=False)
            ],
            StoryEvent.INQUIRES: lambda at: [
                stripe.dispute("created", at=at, **stated, status="warning_needs_response")
            ],
            StoryEvent.DISPUTES: lambda at: [
                stripe.dispute("created", at=at, **stated, created=MONDAY),
                stripe.dispute("funds_withdrawn", at=at, **stated, created=MONDAY, status="needs_response"),
            ],
            StoryEvent.WINS: lambda at: [
                stripe.dispute("closed", at=at, **stated, created=MONDAY),
                stripe.dispute("funds_reinstated", at=at, **stated, created=MONDAY, status="won"),
            ],
            StoryEvent.LOSES: lambda at: [stripe.dispute("closed", at=at, **stated, created=MONDAY, status="lost")],
        },
    )


def _paddle() -> PayloadSource:
    bought = paddle.Purchase(began=BOUGHT_AT)
    stated: Any = {"purchase": bought}
    first = {"id": "txn_first", "origin": "web"}
    trial = {"next_billed_at": MONDAY + 14 * DAY, "created_at": MONDAY}
    return PayloadSource(
        name="paddle",
        endpoint="paddle",
        subscription=f"paddle:{bought.subscription}",
        variant=f"paddle:{bought.price}",
        wire=paddle.wire,
        delivery=paddle.delivery,
        secret=paddle.SECRET,
        other_secret="pdl_ntfset_another",
        timed=True,
        events={
            StoryEvent.BUYS: lambda at: [
                paddle.customer(at=at, **stated),
                paddle.subscription("created", at=at, **stated),
                paddle.subscription("activated", at=at, **stated),
                paddle.transaction("completed", at=at, **stated, **first),
            ],
            StoryEvent.TRIES: lambda at: [paddle.subscription("trialing", at=at, **stated, **trial)],
            StoryEvent.FAILS: lambda at: [
                paddle.transaction("payment_failed", at=at, **stated),
                paddle.subscription("past_due", at=at, **stated),
                paddle.transaction("past_due", at=at, **stated),
            ],
            StoryEvent.FAILS_AGAIN: lambda at: [
                paddle.transaction("payment_failed", at=at, **stated, status="past_due")
            ],
            StoryEvent.RECOVERS: lambda at: [
                paddle.transaction("completed", at=at, **stated),
                paddle.subscription("updated", at=at, **stated),
            ],
            StoryEvent.CANCELS: lambda at: [
                paddle.subscription(
                    "updated",
                    at=at,
                    **stated,
                    scheduled_change={"action": "cancel", "effective_at": paddle.moment(bought.period_end(at))},
                )
            ],
            StoryEvent.ENDS: lambda at: [paddle.subscription("canceled", at=at, **stated)],
            StoryEvent.REFUNDS: lambda at: [
                paddle.adjustment("refund", at=at, **stated, status="pending_approval"),
                paddle.adjustment("refund", "updated", at=at + DAY, **stated),
            ],
            StoryEvent.REFUNDS_PARTLY: lambda at: [paddle.adjustment("refund", at=at, **stated, type="partial")],
            StoryEvent.INQUIRES: lambda at: [paddle.adjustment("chargeback_warning", at=at, **stated)],
            StoryEvent.DISPUTES: lambda at: [paddle.adjustment("chargeback", at=at, **stated)],
            StoryEvent.WINS: lambda at: [paddle.adjustment("chargeback_reverse", at=at, **stated)],
        },
    )


def _dodo() -> PayloadSource:
    bought = standard.Purchase(began=BOUGHT_AT)
    stated: Any = {"purchase": bought}
    trial = {"trial_period_days": 14, "created_at": MONDAY, "next_billing_date": MONDAY + 14 * DAY}
    return PayloadSource(
        name="dodo",
        endpoint="standard",
        subscription=f"standard:{bought.subscription}",
        variant=f"standard:{bought.product}",
        wire=standard.wire,
        delivery=standard.delivery,
        secret=standard.SECRET,
        other_secret="whsec_YW5vdGhlciBzZWNyZXQ=",
        timed=True,
        events={
            StoryEvent.BUYS: lambda at: [
                standard.dodo_payment("succeeded", at=at, **stated),
                standard.dodo_subscription("active", at=at, **stated),
            ],
            StoryEvent.TRIES: lambda at: [standard.dodo_subscription("active", at=at, **stated, **trial)],
            StoryEvent.FAILS: lambda at: [
                standard.dodo_payment("failed", at=at, **stated, payment_id="pay_try_1"),
                standard.dodo_subscription("on_hold", at=at, **stated),
            ],
            StoryEvent.FAILS_AGAIN: lambda at: [
                standard.dodo_payment("failed", at=at, **stated, payment_id="pay_try_2", retry_attempt=1)
            ],
            StoryEvent.RECOVERS: lambda at: [
                standard.dodo_payment("succeeded", at=at, **stated, payment_id="pay_try_3", retry_attempt=2),
                standard.dodo_subscription("active", at=at, **stated),
                standard.dodo_subscription("renewed", at=at, **stated),
            ],
            StoryEvent.CANCELS: lambda at: [
                standard.dodo_subscription(
                    "updated", at=at, **stated, cancel_at_next_billing_date=True, cancelled_at=at
                )
            ],
            StoryEvent.ENDS: lambda at: [standard.dodo_subscription("expired", at=at, **stated)],
            StoryEvent.REFUNDS: lambda at: [standard.dodo_refund(at=at, **stated)],
            StoryEvent.REFUNDS_PARTLY: lambda at: [standard.dodo_refund(at=at, **stated, is_partial=True, amount=500)],
            StoryEvent.INQUIRES: lambda at: [
                standard.dodo_dispute("opened", at=at, **stated, dispute_stage="pre_dispute")
            ],
            StoryEvent.DISPUTES: lambda at: [standard.dodo_dispute("opened", at=at, **stated)],
            StoryEvent.WINS: lambda at: [standard.dodo_dispute("won", at=at, **stated, created_at=MONDAY)],
            StoryEvent.LOSES: lambda at: [standard.dodo_dispute("lost", at=at, **stated, created_at=MONDAY)],
        },
    )


def _polar() -> PayloadSource:
    bought = standard.POLAR
    stated: Any = {"purchase": bought}
    first = {"id": "f1f1f1f1-6666-4d7c-8a55-51b8c30f9c07", "billing_reason": "subscription_create"}
    trial = {"status": "trialing", "trial_end": MONDAY + 14 * DAY, "created_at": MONDAY}
    return PayloadSource(
        name="polar",
        endpoint="standard",
        subscription=f"standard:{bought.subscription}",
        variant=f"standard:{bought.product}",
        wire=standard.wire,
        delivery=standard.delivery,
        secret="polar_whs_a-secret-of-the-shop",
        other_secret="polar_whs_another",
        timed=True,
        events={
            StoryEvent.BUYS: lambda at: [
                standard.polar_subscription("created", at=at, **stated),
                standard.polar_subscription("active", at=at, **stated),
                standard.polar_order("created", at=at, **stated, **first),
                standard.polar_order("paid", at=at, **stated, **first),
            ],
            StoryEvent.TRIES: lambda at: [standard.polar_subscription("created", at=at, **stated, **trial)],
            StoryEvent.FAILS: lambda at: [
                standard.polar_order("updated", at=at, **stated, next_payment_attempt_at=at + 2 * DAY),
                standard.polar_subscription("past_due", at=at, **stated),
            ],
            StoryEvent.FAILS_AGAIN: lambda at: [
                standard.polar_order("updated", at=at, **stated, next_payment_attempt_at=at + 3 * DAY)
            ],
            StoryEvent.RECOVERS: lambda at: [
                standard.polar_order("paid", at=at, **stated),
                standard.polar_subscription("active", at=at, **stated),
            ],
            StoryEvent.CANCELS: lambda at: [standard.polar_subscription("canceled", at=at, **stated)],
            StoryEvent.ENDS: lambda at: [standard.polar_subscription("revoked", at=at, **stated)],
            StoryEvent.REFUNDS: lambda at: [standard.polar_order("refunded", at=at, **stated, **first)],
            StoryEvent.REFUNDS_PARTLY: lambda at: [
                standard.polar_order(
                    "refunded", at=at, **stated, **first, status="partially_refunded", refunded_amount=500
                )
            ],
            StoryEvent.INQUIRES: lambda at: [standard.polar_refund("early_warning", at=at, **stated)],
            StoryEvent.DISPUTES: lambda at: [standard.polar_refund("needs_response", at=at, **stated)],
            StoryEvent.WINS: lambda at: [standard.polar_refund("won", at=at, **stated)],
            StoryEvent.LOSES: lambda at: [standard.polar_refund("lost", at=at, **stated)],
        },
    )


PAYLOAD_SOURCES = (_lemonsqueezy(), _stripe(), _paddle(), _dodo(), _polar())
