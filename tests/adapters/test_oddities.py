"""What is each provider's own: versions, clocks, currencies, and words that mean two things."""

from __future__ import annotations

from typing import Any

import pytest

from kulanz.errors import UntranslatableError
from kulanz.policy.facts import (
    BillingReason,
    CustomerSeen,
    DisputeSeen,
    DisputeStatus,
    InvoiceSeen,
    OrderSeen,
    OrderStatus,
    PaymentFailed,
    RefundSeen,
    Status,
)
from kulanz.providers import Naming
from tests import lemonsqueezy, paddle, standard, stripe
from tests.adapters.payload_source import BOUGHT_AT, DAY, MONDAY
from tests.adapters.payloads import PAYLOAD_SOURCES

LEMONSQUEEZY, STRIPE, PADDLE, DODO, POLAR = PAYLOAD_SOURCES
OLD = {"parent": None, "subscription": stripe.BOUGHT.subscription}


def one(source: Any, payload: dict[str, Any]) -> Any:
    (fact,) = source.facts(payload)
    return fact


ODD = {"account": "_org"}


@pytest.mark.parametrize(
    ("source", "payload"),
    [
        (LEMONSQUEEZY, lemonsqueezy.subscription_created(**ODD)),
        (STRIPE, stripe.subscription(purchase=stripe.Purchase(**ODD))),
        (PADDLE, paddle.subscription(purchase=paddle.Purchase(**ODD))),
        (DODO, standard.dodo_subscription("active", purchase=standard.Purchase(**ODD))),
        (POLAR, standard.polar_subscription("active", purchase=standard.Purchase(**ODD))),
    ],
)
def test_every_provider_tells_an_id_that_only_an_account_from_before_may_have(source: Any, payload: Any) -> None:
    routing = source.provider.route(payload, Naming(account_secret="s"))

    assert (routing.claim, routing.kept_claim, routing.unusable_claim) == (None, "_org", "_org")
    assert not any(getattr(fact, "signed", False) for fact in source.facts(payload, Naming(account_secret="s")))


# Paddle.


def test_paddles_first_payment_is_one_payment_although_it_is_paid_before_there_is_a_subscription() -> None:
    paid = paddle.transaction("paid", subscription_id=None, origin="web")
    completed = one(PADDLE, paddle.transaction("completed", origin="web"))

    assert not PADDLE.provider.peek(paddle.wire(paid)).recognised
    assert PADDLE.facts(paid) == ()
    assert completed.invoice.reason is BillingReason.INITIAL


def test_paddles_single_sale_is_an_order() -> None:
    fact = one(PADDLE, paddle.transaction("completed", subscription_id=None))

    assert isinstance(fact, OrderSeen)
    assert (fact.status, fact.total) == (OrderStatus.PAID, 4900)


def test_a_warning_that_is_taken_back_does_not_take_a_chargeback_back() -> None:
    warning = one(PADDLE, paddle.adjustment("chargeback_warning_reverse", at=MONDAY + DAY))
    chargeback = one(PADDLE, paddle.adjustment("chargeback"))

    assert warning.key != chargeback.key
    assert (warning.status, chargeback.status) == (DisputeStatus.WITHDRAWN, DisputeStatus.OPENED)


def test_a_later_change_of_an_old_chargeback_is_no_news() -> None:
    changed = one(PADDLE, paddle.adjustment("chargeback", "updated", created_at=MONDAY, at=MONDAY + 9 * DAY))
    won = one(PADDLE, paddle.adjustment("chargeback_reverse", at=MONDAY + DAY))
    taken_back = one(
        PADDLE, paddle.adjustment("chargeback", "updated", created_at=MONDAY, at=MONDAY + 9 * DAY, status="reversed")
    )

    assert changed.stamp < won.stamp < taken_back.stamp
    assert taken_back.status is DisputeStatus.WITHDRAWN


@pytest.mark.parametrize("status", ["pending_approval", "rejected"])
def test_a_refund_that_is_not_approved_does_not_count(status: str) -> None:
    refund = one(PADDLE, paddle.adjustment("refund", status=status))

    assert isinstance(refund, RefundSeen)
    assert not refund.counts


@pytest.mark.parametrize("action", ["credit", "credit_reverse", "something_new"])
def test_nobody_acts_on_other_adjustments(action: str) -> None:
    assert PADDLE.facts(paddle.adjustment(action)) == ()


def test_older_refunds_say_item_by_item_whether_all_went_back() -> None:
    whole = one(PADDLE, paddle.adjustment("refund", type=None))
    part = one(PADDLE, paddle.adjustment("refund", type=None, items=[{"type": "full"}, {"type": "partial"}]))

    assert (whole.whole, part.whole) == (True, False)
    assert whole.payment == part.payment == f"paddle:{paddle.BOUGHT.transaction}"


def test_a_scheduled_pause_is_no_cancellation() -> None:
    change = {"action": "pause", "effective_at": paddle.moment(MONDAY + DAY)}

    assert one(PADDLE, paddle.subscription(scheduled_change=change)).status is Status.ACTIVE


def test_a_cancellation_without_a_usable_date_is_complained_about() -> None:
    with pytest.raises(UntranslatableError, match=r"scheduled_change\.effective_at"):
        PADDLE.facts(paddle.subscription(scheduled_change={"action": "cancel", "effective_at": "soon"}))


def test_paddles_customer_says_where_to_write_to() -> None:
    fact = one(PADDLE, paddle.customer())

    assert isinstance(fact, CustomerSeen)
    assert (fact.key, fact.email) == (f"paddle:{paddle.BOUGHT.customer}", "anne@bakery.example")


# Standard Webhooks.


@pytest.mark.parametrize(
    ("amount", "currency", "cents"),
    [
        (400, "USD", 400),
        ("400", "USD", 400),
        ("4.00", "USD", 400),
        ("49.5", "EUR", 4950),
        ("500.00", "JPY", 500),
        ("1.250", "KWD", 1250),
    ],
)
def test_dodos_disputed_amount_comes_in_several_shapes(amount: object, currency: str, cents: int) -> None:
    assert one(DODO, standard.dodo_dispute(amount=amount, currency=currency)).amount == cents


@pytest.mark.parametrize(
    ("name", "told", "status"),
    [
        ("opened", {}, DisputeStatus.OPENED),
        ("opened", {"dispute_stage": "pre_dispute"}, DisputeStatus.INQUIRY),
        ("opened", {"dispute_stage": "pre_arbitration"}, DisputeStatus.OPENED),
        ("challenged", {}, DisputeStatus.UNDER_REVIEW),
        ("expired", {}, DisputeStatus.LOST),
        ("accepted", {}, DisputeStatus.ACCEPTED),
        ("cancelled", {}, DisputeStatus.WITHDRAWN),
        ("lost", {"is_resolved_by_rdr": True}, DisputeStatus.PREVENTED),
    ],
)
def test_dodos_disputes_stand_where_they_stand(name: str, told: dict[str, Any], status: DisputeStatus) -> None:
    assert one(DODO, standard.dodo_dispute(name, **told)).status is status


def test_a_dispute_of_nobody_is_complained_about() -> None:
    with pytest.raises(UntranslatableError, match="payment_id"):
        DODO.facts(standard.dodo_dispute(customer=None, payment_id=None))


def test_dodos_trial_is_over_after_its_days() -> None:
    trial = {"trial_period_days": 14, "created_at": MONDAY}
    during = one(DODO, standard.dodo_subscription("updated", at=MONDAY + 13 * DAY, **trial))
    after = one(DODO, standard.dodo_subscription("updated", at=MONDAY + 14 * DAY, **trial))

    assert (during.status, after.status) == (Status.ON_TRIAL, Status.ACTIVE)
    assert during.trial_ends_at == MONDAY + 14 * DAY


def test_dodos_failed_attempt_is_recorded_and_opens_nothing_by_itself() -> None:
    assert isinstance(one(DODO, standard.dodo_payment("failed")), InvoiceSeen)


def test_polars_order_fails_when_it_has_a_date_for_the_next_attempt() -> None:
    tried = one(POLAR, standard.polar_order("updated", next_payment_attempt_at=MONDAY + DAY))
    untried = one(POLAR, standard.polar_order("created"))

    assert isinstance(tried, PaymentFailed)
    assert isinstance(untried, InvoiceSeen)


def test_an_old_paid_order_that_is_touched_again_is_no_payment() -> None:
    assert isinstance(one(POLAR, standard.polar_order("updated", at=MONDAY, status="paid")), InvoiceSeen)


def test_polar_and_dodo_share_names_and_are_told_apart() -> None:
    dodo, polar = standard.dodo_subscription("active"), standard.polar_subscription("active")

    assert dodo["type"] == polar["type"]
    assert one(DODO, dodo).key == f"standard:{standard.BOUGHT.subscription}"
    assert one(POLAR, polar).product == "professional"


def test_polars_prevented_dispute_is_known_from_its_refund() -> None:
    fact = one(POLAR, standard.polar_refund("prevented"))

    assert isinstance(fact, DisputeSeen)
    assert (fact.status, fact.amount) == (DisputeStatus.PREVENTED, 4900)
    assert POLAR.facts(standard.polar_refund(None)) == ()


def test_polars_dispute_says_by_when_it_is_answered_and_one_under_review_was() -> None:
    payload = standard.polar_refund("needs_response")
    payload["data"]["dispute"]["evidence_due_by"] = "2026-03-24T15:00:00Z"
    reviewed = standard.polar_refund("under_review")

    asked, answered = one(POLAR, payload), one(POLAR, reviewed)

    assert (f"{asked.answer_by:%d %H}", asked.answered, answered.answered) == ("24 15", False, True)


# All of them.


@pytest.mark.parametrize("source", [STRIPE, PADDLE, DODO, POLAR], ids=lambda teller: teller.name)
def test_a_time_that_no_calendar_has_is_complained_about(source: Any) -> None:
    (payload, *_) = source.tell(next(iter(source.events)), BOUGHT_AT)
    for odd in (None, "", "soon", -1, 10**15, [], "0000-00-00"):
        stated = payload | dict.fromkeys({"created", "timestamp"} & payload.keys(), odd)
        stated["data"] = {**payload["data"], "updated_at": odd}
        with pytest.raises(UntranslatableError):
            source.facts(stated)
