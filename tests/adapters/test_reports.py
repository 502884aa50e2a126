"""Situations that merchants have reported, payload by payload."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from kulanz.policy.areas.addresses import mail_address
from kulanz.policy.areas.refunds.payments import payments
from kulanz.policy.book import Book
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.consequences.letters import jsonable
from kulanz.policy.facts import PaymentFailed, Status, SubscriptionSeen
from kulanz.policy.state import Catalogue, Standing
from kulanz.providers import PROVIDERS, Naming
from kulanz.queries import outlook, sentences
from tests import lemonsqueezy as ls
from tests import paddle, standard, stripe
from tests.adapters.payload_source import BOUGHT_AT, DAY, MONDAY, Payload, PayloadSource, StoryEvent
from tests.adapters.payloads import PAYLOAD_SOURCES
from tests.policy.stories import Stage, plexo_but, terms
from tests.replacing import replace

LEMONSQUEEZY, STRIPE, PADDLE, DODO, POLAR = PAYLOAD_SOURCES


def a_customer(source: PayloadSource, **dispute: Any) -> Stage:
    """Somebody who has paid for thirty days that end on MONDAY."""
    catalogue = Catalogue.of(((source.variant, "professional"),))
    stage = Stage(terms=replace(terms(plexo_but(dispute=dispute)), catalogue=catalogue), now=BOUGHT_AT)
    for payload in source.tell(StoryEvent.BUYS, BOUGHT_AT):
        stage.hear(*source.facts(payload), at=BOUGHT_AT)
    return stage


def hear(stage: Stage, source: PayloadSource, at: Any, *payloads: Payload) -> None:
    for payload in payloads:
        stage.hear(*source.facts(payload), at=at)


def test_a_declined_card_before_the_due_date_opens_no_case() -> None:
    stage = a_customer(STRIPE)
    by_hand = {"collection_method": "send_invoice", "due_date": stripe.seconds(MONDAY + 30 * DAY)}
    running = {"collection_method": "send_invoice", "current_period_end": None}
    purchase = stripe.Purchase(began=BOUGHT_AT)

    hear(
        stage,
        STRIPE,
        MONDAY,
        stripe.subscription("updated", at=MONDAY, purchase=purchase, **running),
        stripe.invoice("payment_failed", at=MONDAY, purchase=purchase, **by_hand),
    )
    stage.wait(MONDAY + 29 * DAY)
    before = (stage.state.plan, stage.state.standing, stage.state.cases)
    late = MONDAY + 31 * DAY
    hear(stage, STRIPE, late, stripe.invoice("payment_failed", at=late, purchase=purchase, **by_hand))

    assert before == ("professional", Standing.GOOD, ())
    assert stage.case.opened_at == late


def test_several_events_of_one_renewal_at_dodo_are_one_case_with_its_amount() -> None:
    stage = a_customer(DODO)
    stated: Any = {"purchase": standard.Purchase(began=BOUGHT_AT)}

    hear(
        stage,
        DODO,
        MONDAY,
        standard.dodo_payment("failed", at=MONDAY, payment_id="pay_try_1", charge_type="renewal", **stated),
        standard.dodo_subscription("on_hold", at=MONDAY + timedelta(seconds=3), **stated),
        standard.dodo("dunning.started", {"subscription_id": standard.BOUGHT.subscription}, at=MONDAY),
    )

    assert (len(stage.state.cases), stage.case.failures) == (1, 1)
    assert (stage.case.amount_due, stage.case.currency) == (4900, "EUR")


def test_a_payment_of_nothing_at_dodo_settles_nothing() -> None:
    stage = a_customer(DODO)
    stated: Any = {"purchase": standard.Purchase(began=BOUGHT_AT)}
    hear(stage, DODO, MONDAY, *DODO.tell(StoryEvent.FAILS, MONDAY))

    later = MONDAY + DAY
    nothing = {"payment_id": "pay_setup", "total_amount": 0, "tax": 0, "is_update_payment_method": True}
    hear(stage, DODO, later, standard.dodo_payment("succeeded", at=later, **nothing, **stated))

    assert (len(stage.state.cases), stage.state.standing) == (1, Standing.GRACE)


@pytest.mark.parametrize(("name", "status"), [("past_due", "past_due"), ("unpaused", "active")])
def test_dodos_newer_events_of_a_subscription_are_read(name: str, status: str) -> None:
    (seen,) = DODO.facts(standard.dodo_subscription(name, status=status))

    assert isinstance(seen, SubscriptionSeen)
    assert seen.status is {"past_due": Status.PAST_DUE, "active": Status.ACTIVE}[status]


@pytest.mark.parametrize("name", ["cycled", "migrated"])
def test_polars_newer_events_of_a_subscription_are_read(name: str) -> None:
    (seen,) = POLAR.facts(standard.polar_subscription(name))

    assert isinstance(seen, SubscriptionSeen)


def parts(source: PayloadSource, first: int, second: int) -> list[Payload]:
    if source is PADDLE:
        said = [{"id": "adj_1", "totals": {"total": str(first)}}, {"id": "adj_2", "totals": {"total": str(second)}}]
        sold = {"transaction_id": "txn_first", "type": "partial"}
        return [paddle.adjustment("refund", at=MONDAY - DAY, **sold, **part) for part in said]
    if source is DODO:
        told: Any = {"purchase": standard.Purchase(began=BOUGHT_AT), "is_partial": True, "at": MONDAY - DAY}
        return [
            standard.dodo_refund(refund_id="ref_1", amount=first, **told),
            standard.dodo_refund(refund_id="ref_2", amount=second, **told),
        ]
    growing = [(MONDAY - DAY, first), (MONDAY - DAY + timedelta(hours=1), first + second)]
    if source is LEMONSQUEEZY:
        ids: Any = {"purchase": ls.Purchase(began=BOUGHT_AT), "status": "partial_refund", "refunded": False}
        return [ls.order_refunded(at=at, refunded_amount=amount, **ids) for at, amount in growing]
    if source is POLAR:
        paid: Any = {"id": "f1f1f1f1-6666-4d7c-8a55-51b8c30f9c07", "status": "partially_refunded"}
        return [
            standard.polar_order("refunded", at=at, refunded_amount=amount, refunded_tax_amount=0, **paid)
            for at, amount in growing
        ]
    charged: Any = {"purchase": stripe.Purchase(began=BOUGHT_AT)}
    return [
        stripe.charge("refunded", at=at, amount_refunded=amount, refunded=amount == stripe.BOUGHT.amount, **charged)
        for at, amount in growing
    ]


@pytest.mark.parametrize("source", PAYLOAD_SOURCES, ids=lambda source: source.name)
@pytest.mark.parametrize("turned", [False, True])
def test_refunds_in_parts_that_add_up_to_all_are_a_full_refund(source: PayloadSource, *, turned: bool) -> None:
    part, whole = a_customer(source), a_customer(source)

    hear(part, source, MONDAY - DAY, *parts(source, 500, 4399))
    hear(whole, source, MONDAY - DAY, *(reversed(parts(source, 500, 4400)) if turned else parts(source, 500, 4400)))

    assert [payment.refunded for payment in payments(part.account.book) if payment.refunded] == [4899]
    assert [payment.refunded for payment in payments(whole.account.book) if payment.refunded] == [4900]
    assert "alert.unrequested_refund" not in [rule for rule, _ in part.rules]
    assert [rule for rule, _ in whole.rules].count("alert.unrequested_refund") == 1


def test_a_changed_plan_at_lemon_squeezy_is_acted_on_and_outranks_a_mere_update() -> None:
    provider, at = PROVIDERS["lemonsqueezy"], MONDAY
    changed = ls.event("subscription_plan_changed", ls.Purchase(), at=at, variant_id=47002, product_name="Enterprise")
    updated = ls.subscription_updated(at=at)

    stamps = {}
    for name, payload in (("changed", changed), ("updated", updated)):
        body = ls.wire(payload)
        header = provider.peek(body)
        assert header.recognised
        (seen,) = provider.translate(header.name, provider.decode(body), header.content_key.hex(), Naming())
        assert isinstance(seen, SubscriptionSeen)
        stamps[name] = seen
    (created,) = LEMONSQUEEZY.facts(ls.subscription_created(at=at))

    assert stamps["changed"].variant == "lemonsqueezy:47002"
    assert isinstance(created, SubscriptionSeen)
    assert stamps["updated"].stamp < stamps["changed"].stamp < created.stamp


def test_a_transaction_that_is_past_due_at_paddle_is_a_case_by_itself() -> None:
    stage = a_customer(PADDLE)
    stated: Any = {"purchase": paddle.Purchase(began=BOUGHT_AT)}

    hear(stage, PADDLE, MONDAY, paddle.transaction("past_due", at=MONDAY, **stated))

    assert (stage.state.standing, stage.case.amount_due) == (Standing.GRACE, 4900)


def test_two_events_of_one_failed_attempt_at_paddle_count_once() -> None:
    attempt = {"payment_attempt_id": "1", "status": "error", "created_at": paddle.moment(MONDAY)}
    facts = [
        fact
        for name, seconds in (("payment_failed", 2), ("past_due", 5))
        for fact in PADDLE.facts(
            paddle.transaction(name, at=MONDAY, updated_at=MONDAY + timedelta(seconds=seconds), payments=[attempt])
        )
    ]

    assert [fact.at for fact in facts if isinstance(fact, PaymentFailed)] == [MONDAY, MONDAY]


def test_a_trial_that_is_paid_for_at_paddle_has_a_first_payment() -> None:
    stated: Any = {"purchase": paddle.Purchase(began=BOUGHT_AT)}
    book = Book().with_facts(
        [
            *PADDLE.facts(paddle.subscription("trialing", at=BOUGHT_AT, **stated)),
            *PADDLE.facts(paddle.transaction("completed", at=BOUGHT_AT, origin="web", **stated)),
        ]
    )

    assert [(payment.paid, payment.total) for payment in payments(book)] == [(True, 4900)]


@pytest.mark.parametrize("source", [PADDLE, POLAR], ids=lambda source: source.name)
@pytest.mark.parametrize("turned", [False, True])
def test_mails_follow_an_address_that_the_customer_changed(source: PayloadSource, *, turned: bool) -> None:
    stage = a_customer(source)
    new = {"email": "new@bakery.example"}
    moved = (
        paddle.customer("updated", at=MONDAY, **new)
        if source is PADDLE
        else standard.polar("customer.updated", {"id": standard.POLAR.customer, **new}, at=MONDAY)
    )
    old = (
        paddle.customer("updated", at=MONDAY - DAY)
        if source is PADDLE
        else standard.polar("customer.updated", {"id": standard.POLAR.customer, "email": "old@x.example"}, at=BOUGHT_AT)
    )

    hear(stage, source, MONDAY, *([moved, old] if turned else [old, moved]))

    assert mail_address(source.subscription, stage.account.book) == "new@bakery.example"


def known(detail: Mapping[str, Any]) -> dict[str, Any]:
    """A detail as it is recorded: without what is not known."""
    return {name: value for name, value in detail.items() if value is not None}


def told(stage: Stage) -> list[str]:
    """Every sentence that the record of an account says."""
    return [
        sentences.sentence({"rule": change.rule, "detail": jsonable(known(change.detail))})
        for decision in stage.decisions
        for change in decision.changes
    ]


def test_a_pause_is_told_as_a_pause_and_its_end_is_announced() -> None:
    stage = a_customer(LEMONSQUEEZY)
    at, back = BOUGHT_AT + DAY, BOUGHT_AT + 10 * DAY
    pause = {"mode": "void", "resumes_at": ls.moment(back)}
    stated: Any = {"purchase": ls.Purchase(began=BOUGHT_AT), "status": "paused"}

    hear(stage, LEMONSQUEEZY, at, ls.subscription_paused(at=at, pause=pause, **stated))

    assert stage.state.plan == "free"
    assert not [line for line in told(stage) if "paid for is over" in line]
    assert [line for line in told(stage) if "no longer gives the plan professional: it is paused" in line]
    ahead = [str(each) for each in outlook.scheduled(stage.state, stage.account.book, stage.terms)]
    assert ahead == [f"Subscription {LEMONSQUEEZY.subscription} is to resume at {rfc3339(back)}."]


def test_a_lower_plan_of_a_trial_is_not_told_as_paid_for_and_is_announced() -> None:
    catalogue = Catalogue.of((("lemonsqueezy:47001", "professional"), ("lemonsqueezy:47002", "enterprise")))
    stage = Stage(terms=replace(terms(), catalogue=catalogue), now=MONDAY)
    end = MONDAY + 14 * DAY
    trial: Any = {"status": "on_trial", "trial_ends_at": end, "renews_at": end}

    hear(stage, LEMONSQUEEZY, MONDAY, ls.subscription_created(at=MONDAY, variant_id=47002, **trial))
    later = MONDAY + DAY
    hear(stage, LEMONSQUEEZY, later, ls.subscription_updated(at=later, variant_id=47001, **trial))

    assert not [line for line in told(stage) if "is paid for" in line]
    ahead = [str(each) for each in outlook.scheduled(stage.state, stage.account.book, stage.terms)]
    assert ahead == [f"Subscription {LEMONSQUEEZY.subscription} gives the plan professional from {rfc3339(end)} on."]


def test_a_failure_that_comes_with_a_later_deadline_is_not_told_as_one_that_moves_nothing() -> None:
    stage = a_customer(LEMONSQUEEZY)
    stated: Any = {"purchase": ls.Purchase(began=BOUGHT_AT)}

    hear(stage, LEMONSQUEEZY, MONDAY, ls.subscription_payment_failed(at=MONDAY, **stated))
    hear(stage, LEMONSQUEEZY, MONDAY + DAY, ls.subscription_payment_failed(at=MONDAY + DAY, **stated))

    assert [line for line in told(stage) if "failed again" in line]
    assert not [line for line in told(stage) if "does not move" in line]
