"""Every provider as a teller of the same stories: what it sends when this or that happens.

A new provider joins by one more `Teller` in `TELLERS`; then everything in this folder is asked of it too.
"""

from __future__ import annotations

from typing import Any

from tests import lemonsqueezy as ls
from tests import paddle, standard, stripe
from tests.adapters.teller import BOUGHT_AT, DAY, MONDAY, Chapter, Teller


def _lemonsqueezy() -> Teller:
    bought = ls.Purchase(began=BOUGHT_AT)
    told = {"purchase": bought}
    first = {"id": bought.invoice + 50, "billing_reason": "initial", "created_at": BOUGHT_AT}
    trial = {"status": "on_trial", "trial_ends_at": MONDAY + 14 * DAY, "created_at": MONDAY}
    return Teller(
        name="lemonsqueezy",
        endpoint="lemonsqueezy",
        subscription=f"lemonsqueezy:{bought.subscription}",
        variant=f"lemonsqueezy:{bought.variant}",
        wire=ls.wire,
        delivery=ls.delivery,
        secret=ls.SECRET,
        other_secret="another-secret",
        timed=False,
        chapters={
            Chapter.BUYS: lambda at: [
                ls.order_created(at=at, **told),
                ls.subscription_created(at=at, **told),
                ls.subscription_payment_success(at=at, **told, **first),
            ],
            Chapter.TRIES: lambda at: [ls.subscription_created(at=at, **told, **trial)],
            Chapter.FAILS: lambda at: [
                ls.subscription_payment_failed(at=at, **told),
                ls.subscription_updated(at=at, **told, status="past_due"),
            ],
            Chapter.FAILS_AGAIN: lambda at: [ls.subscription_payment_failed(at=at, **told)],
            Chapter.RECOVERS: lambda at: [
                ls.subscription_payment_recovered(at=at, **told),
                ls.subscription_payment_success(at=at, **told),
                ls.subscription_updated(at=at, **told, status="active"),
            ],
            Chapter.CANCELS: lambda at: [
                ls.subscription_cancelled(at=at, **told),
                ls.subscription_updated(
                    at=at, **told, status="cancelled", cancelled=True, ends_at=bought.renewal_after(at)
                ),
            ],
            Chapter.ENDS: lambda at: [ls.subscription_expired(at=at, **told)],
            Chapter.REFUNDS: lambda at: [ls.order_refunded(at=at, **told)],
            Chapter.REFUNDS_PARTLY: lambda at: [
                ls.order_refunded(at=at, **told, status="partial_refund", refunded_amount=500)
            ],
            Chapter.INQUIRES: lambda at: [ls.dispute_created(at=at, **told, status="inquiry")],
            Chapter.DISPUTES: lambda at: [ls.dispute_created(at=at, **told)],
            Chapter.WINS: lambda at: [ls.dispute_resolved(at=at, **told, created_at=MONDAY)],
            Chapter.LOSES: lambda at: [ls.dispute_resolved(at=at, **told, status="lost", created_at=MONDAY)],
        },
    )


def _stripe() -> Teller:
    bought = stripe.Purchase(began=BOUGHT_AT)
    told: Any = {"purchase": bought}
    trial = {"status": "trialing", "trial_end": MONDAY + 14 * DAY, "created": MONDAY}
    return Teller(
        name="stripe",
        endpoint="stripe",
        subscription=f"stripe:{bought.subscription}",
        variant=f"stripe:{bought.price}",
        wire=stripe.wire,
        delivery=stripe.delivery,
        secret=stripe.SECRET,
        other_secret="whsec_another",
        timed=True,
        chapters={
            # All within one second, as Stripe does it: the subscription is made before it is paid for.
            Chapter.BUYS: lambda at: [
                stripe.subscription("created", at=at, **told, status="incomplete"),
                stripe.charge("succeeded", at=at, **told),
                stripe.subscription("updated", at=at, **told, previous={"status": "incomplete"}),
                stripe.invoice("paid", at=at, **told, id="in_first", billing_reason="subscription_create"),
                stripe.invoice("payment_succeeded", at=at, **told, id="in_first", billing_reason="subscription_create"),
            ],
            Chapter.TRIES: lambda at: [stripe.subscription("created", at=at, **told, **trial)],
            Chapter.FAILS: lambda at: [
                stripe.invoice("payment_failed", at=at, **told),
                stripe.subscription("updated", at=at, **told, status="past_due", previous={"status": "active"}),
            ],
            Chapter.FAILS_AGAIN: lambda at: [stripe.invoice("payment_failed", at=at, **told, attempt_count=2)],
            Chapter.RECOVERS: lambda at: [
                stripe.invoice("paid", at=at, **told, attempt_count=3),
                stripe.charge("succeeded", at=at, **told, id="ch_recovered", created=at),
                stripe.subscription("updated", at=at, **told, previous={"status": "past_due"}),
            ],
            Chapter.CANCELS: lambda at: [
                stripe.subscription(
                    "updated", at=at, **told, cancel_at_period_end=True, previous={"cancel_at_period_end": False}
                )
            ],
            Chapter.ENDS: lambda at: [stripe.subscription("deleted", at=at, **told, status="canceled", ended_at=at)],
            Chapter.REFUNDS: lambda at: [stripe.charge("refunded", at=at, **told)],
            Chapter.REFUNDS_PARTLY: lambda at: [
                stripe.charge("refunded", at=at, **told, amount_refunded=500, refunded=False)
            ],
            Chapter.INQUIRES: lambda at: [stripe.dispute("created", at=at, **told, status="warning_needs_response")],
            Chapter.DISPUTES: lambda at: [
                stripe.dispute("created", at=at, **told, created=MONDAY),
                stripe.dispute("funds_withdrawn", at=at, **told, created=MONDAY, status="needs_response"),
            ],
            Chapter.WINS: lambda at: [
                stripe.dispute("closed", at=at, **told, created=MONDAY),
                stripe.dispute("funds_reinstated", at=at, **told, created=MONDAY, status="won"),
            ],
            Chapter.LOSES: lambda at: [stripe.dispute("closed", at=at, **told, created=MONDAY, status="lost")],
        },
    )


def _paddle() -> Teller:
    bought = paddle.Purchase(began=BOUGHT_AT)
    told: Any = {"purchase": bought}
    first = {"id": "txn_first", "origin": "web"}
    trial = {"next_billed_at": MONDAY + 14 * DAY, "created_at": MONDAY}
    return Teller(
        name="paddle",
        endpoint="paddle",
        subscription=f"paddle:{bought.subscription}",
        variant=f"paddle:{bought.price}",
        wire=paddle.wire,
        delivery=paddle.delivery,
        secret=paddle.SECRET,
        other_secret="pdl_ntfset_another",
        timed=True,
        chapters={
            Chapter.BUYS: lambda at: [
                paddle.customer(at=at, **told),
                paddle.subscription("created", at=at, **told),
                paddle.subscription("activated", at=at, **told),
                paddle.transaction("completed", at=at, **told, **first),
            ],
            Chapter.TRIES: lambda at: [paddle.subscription("trialing", at=at, **told, **trial)],
            Chapter.FAILS: lambda at: [
                paddle.transaction("payment_failed", at=at, **told),
                paddle.subscription("past_due", at=at, **told),
                paddle.transaction("past_due", at=at, **told),
            ],
            Chapter.FAILS_AGAIN: lambda at: [paddle.transaction("payment_failed", at=at, **told, status="past_due")],
            Chapter.RECOVERS: lambda at: [
                paddle.transaction("completed", at=at, **told),
                paddle.subscription("updated", at=at, **told),
            ],
            Chapter.CANCELS: lambda at: [
                paddle.subscription(
                    "updated",
                    at=at,
                    **told,
                    scheduled_change={"action": "cancel", "effective_at": paddle.moment(bought.period_end(at))},
                )
            ],
            Chapter.ENDS: lambda at: [paddle.subscription("canceled", at=at, **told)],
            Chapter.REFUNDS: lambda at: [
                paddle.adjustment("refund", at=at, **told, status="pending_approval"),
                paddle.adjustment("refund", "updated", at=at + DAY, **told),
            ],
            Chapter.REFUNDS_PARTLY: lambda at: [paddle.adjustment("refund", at=at, **told, type="partial")],
            Chapter.INQUIRES: lambda at: [paddle.adjustment("chargeback_warning", at=at, **told)],
            Chapter.DISPUTES: lambda at: [paddle.adjustment("chargeback", at=at, **told)],
            Chapter.WINS: lambda at: [paddle.adjustment("chargeback_reverse", at=at, **told)],
        },
    )


def _dodo() -> Teller:
    bought = standard.Purchase(began=BOUGHT_AT)
    told: Any = {"purchase": bought}
    trial = {"trial_period_days": 14, "created_at": MONDAY, "next_billing_date": MONDAY + 14 * DAY}
    return Teller(
        name="dodo",
        endpoint="standard",
        subscription=f"standard:{bought.subscription}",
        variant=f"standard:{bought.product}",
        wire=standard.wire,
        delivery=standard.delivery,
        secret=standard.SECRET,
        other_secret="whsec_YW5vdGhlciBzZWNyZXQ=",
        timed=True,
        chapters={
            Chapter.BUYS: lambda at: [
                standard.dodo_payment("succeeded", at=at, **told),
                standard.dodo_subscription("active", at=at, **told),
            ],
            Chapter.TRIES: lambda at: [standard.dodo_subscription("active", at=at, **told, **trial)],
            Chapter.FAILS: lambda at: [
                standard.dodo_payment("failed", at=at, **told, payment_id="pay_try_1"),
                standard.dodo_subscription("on_hold", at=at, **told),
            ],
            Chapter.FAILS_AGAIN: lambda at: [
                standard.dodo_payment("failed", at=at, **told, payment_id="pay_try_2", retry_attempt=1)
            ],
            Chapter.RECOVERS: lambda at: [
                standard.dodo_payment("succeeded", at=at, **told, payment_id="pay_try_3", retry_attempt=2),
                standard.dodo_subscription("active", at=at, **told),
                standard.dodo_subscription("renewed", at=at, **told),
            ],
            Chapter.CANCELS: lambda at: [
                standard.dodo_subscription("updated", at=at, **told, cancel_at_next_billing_date=True, cancelled_at=at)
            ],
            Chapter.ENDS: lambda at: [standard.dodo_subscription("expired", at=at, **told)],
            Chapter.REFUNDS: lambda at: [standard.dodo_refund(at=at, **told)],
            Chapter.REFUNDS_PARTLY: lambda at: [standard.dodo_refund(at=at, **told, is_partial=True, amount=500)],
            Chapter.INQUIRES: lambda at: [standard.dodo_dispute("opened", at=at, **told, dispute_stage="pre_dispute")],
            Chapter.DISPUTES: lambda at: [standard.dodo_dispute("opened", at=at, **told)],
            Chapter.WINS: lambda at: [standard.dodo_dispute("won", at=at, **told, created_at=MONDAY)],
            Chapter.LOSES: lambda at: [standard.dodo_dispute("lost", at=at, **told, created_at=MONDAY)],
        },
    )


def _polar() -> Teller:
    bought = standard.POLAR
    told: Any = {"purchase": bought}
    first = {"id": "f1f1f1f1-6666-4d7c-8a55-51b8c30f9c07", "billing_reason": "subscription_create"}
    trial = {"status": "trialing", "trial_end": MONDAY + 14 * DAY, "created_at": MONDAY}
    return Teller(
        name="polar",
        endpoint="standard",
        subscription=f"standard:{bought.subscription}",
        variant=f"standard:{bought.product}",
        wire=standard.wire,
        delivery=standard.delivery,
        secret="polar_whs_a-secret-of-the-shop",
        other_secret="polar_whs_another",
        timed=True,
        chapters={
            Chapter.BUYS: lambda at: [
                standard.polar_subscription("created", at=at, **told),
                standard.polar_subscription("active", at=at, **told),
                standard.polar_order("created", at=at, **told, **first),
                standard.polar_order("paid", at=at, **told, **first),
            ],
            Chapter.TRIES: lambda at: [standard.polar_subscription("created", at=at, **told, **trial)],
            Chapter.FAILS: lambda at: [
                standard.polar_order("updated", at=at, **told, next_payment_attempt_at=at + 2 * DAY),
                standard.polar_subscription("past_due", at=at, **told),
            ],
            Chapter.FAILS_AGAIN: lambda at: [
                standard.polar_order("updated", at=at, **told, next_payment_attempt_at=at + 3 * DAY)
            ],
            Chapter.RECOVERS: lambda at: [
                standard.polar_order("paid", at=at, **told),
                standard.polar_subscription("active", at=at, **told),
            ],
            Chapter.CANCELS: lambda at: [standard.polar_subscription("canceled", at=at, **told)],
            Chapter.ENDS: lambda at: [standard.polar_subscription("revoked", at=at, **told)],
            Chapter.REFUNDS: lambda at: [standard.polar_order("refunded", at=at, **told, **first)],
            Chapter.REFUNDS_PARTLY: lambda at: [
                standard.polar_order(
                    "refunded", at=at, **told, **first, status="partially_refunded", refunded_amount=500
                )
            ],
            Chapter.INQUIRES: lambda at: [standard.polar_refund("early_warning", at=at, **told)],
            Chapter.DISPUTES: lambda at: [standard.polar_refund("needs_response", at=at, **told)],
            Chapter.WINS: lambda at: [standard.polar_refund("won", at=at, **told)],
            Chapter.LOSES: lambda at: [standard.polar_refund("lost", at=at, **told)],
        },
    )


TELLERS = (_lemonsqueezy(), _stripe(), _paddle(), _dodo(), _polar())
