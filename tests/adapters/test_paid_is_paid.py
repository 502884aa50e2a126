"""A failed charge for a dearer plan, and a success for something else, by whichever provider tells them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from kulanz.policy.state import Catalogue, Standing
from tests import lemonsqueezy as ls
from tests import paddle, standard, stripe
from tests.adapters.payload_source import BOUGHT_AT, DAY, MONDAY, PayloadSource, StoryEvent
from tests.adapters.payloads import PAYLOAD_SOURCES
from tests.adapters.test_stories import hear
from tests.policy.stories import Stage, terms
from tests.replacing import replace

Payload = dict[str, Any]
Payloads = Callable[[datetime], list[Payload]]
SOURCES = {source.name: source for source in PAYLOAD_SOURCES}
CHANGED = MONDAY - 10 * DAY
SOON = timedelta(seconds=5)
DEARER = {
    "lemonsqueezy": "lemonsqueezy:47002",
    "stripe": "stripe:price_dearer",
    "paddle": "paddle:pri_dearer",
    "dodo": "standard:pdt_dearer",
    "polar": "standard:prod_dearer",
}


def _lemonsqueezy(at: datetime) -> list[Payload]:
    bought = ls.Purchase(began=BOUGHT_AT)
    told: Payload = {"purchase": bought, "variant_id": 47002, "renews_at": MONDAY}
    failed = {"id": 991, "billing_reason": "updated", "created_at": at}
    return [
        ls.subscription_updated(at=at, **told),
        ls.subscription_payment_failed(at=at, purchase=bought, **failed),
        ls.subscription_updated(at=at + SOON, **told, status="past_due"),
    ]


def _stripe(at: datetime) -> list[Payload]:
    bought = replace(stripe.Purchase(began=BOUGHT_AT), price="price_dearer")
    failed = {"id": "in_upgrade", "billing_reason": "subscription_update", "created": at}
    return [
        stripe.subscription(at=at, purchase=bought),
        stripe.invoice("payment_failed", at=at, purchase=bought, **failed),
        stripe.subscription(at=at + SOON, purchase=bought, status="past_due"),
    ]


def _paddle(at: datetime) -> list[Payload]:
    bought = replace(paddle.Purchase(began=BOUGHT_AT), price="pri_dearer")
    failed = {"id": "txn_upgrade", "origin": "subscription_update", "created_at": at}
    return [
        paddle.subscription(at=at, purchase=bought),
        paddle.transaction("payment_failed", at=at, purchase=bought, **failed),
        paddle.subscription("past_due", at=at + SOON, purchase=bought, status="past_due"),
    ]


def _dodo(at: datetime) -> list[Payload]:
    bought = replace(standard.Purchase(began=BOUGHT_AT), product="pdt_dearer")
    return [
        standard.dodo_subscription("plan_changed", at=at, purchase=bought),
        standard.dodo_payment("failed", at=at, purchase=bought, payment_id="pay_upgrade"),
        standard.dodo_subscription("on_hold", at=at + SOON, purchase=bought),
    ]


def _polar(at: datetime) -> list[Payload]:
    bought = replace(standard.POLAR, began=BOUGHT_AT, product="prod_dearer")
    failed = {"id": "order_upgrade", "billing_reason": "subscription_update", "next_payment_attempt_at": at + DAY}
    return [
        standard.polar_subscription("updated", at=at, purchase=bought),
        standard.polar_order("updated", at=at, purchase=bought, **failed),
        standard.polar_subscription("past_due", at=at + SOON, purchase=bought),
    ]


UPGRADES: dict[str, Payloads] = {
    "lemonsqueezy": _lemonsqueezy,
    "stripe": _stripe,
    "paddle": _paddle,
    "dodo": _dodo,
    "polar": _polar,
}


def a_customer(source: PayloadSource) -> Stage:
    catalogue = Catalogue.of(((source.variant, "professional"), (DEARER[source.name], "enterprise")))
    stage = Stage(terms=replace(terms(), catalogue=catalogue), now=BOUGHT_AT)
    hear(stage, source, StoryEvent.BUYS, BOUGHT_AT)
    return stage


@pytest.mark.parametrize("name", UPGRADES)
def test_an_upgrade_whose_charge_fails_leaves_the_paid_plan_to_the_end_of_the_period(name: str) -> None:
    source = SOURCES[name]
    stage = a_customer(source)

    for payload in UPGRADES[name](CHANGED):
        stage.hear(*source.facts(payload), at=CHANGED + SOON)
    stage.wait(MONDAY - timedelta(minutes=1))

    assert (stage.state.plan, stage.state.standing, stage.state.cases) == ("professional", Standing.GOOD, ())
    assert stage.state.grants[0].unpaid_plan == "enterprise"
    stage.wait(MONDAY)
    assert (stage.state.plan, stage.state.standing) == ("professional", Standing.GRACE)


def _ls_paid(**told: Any) -> Payload:
    return ls.subscription_payment_success(at=MONDAY + DAY, purchase=ls.Purchase(began=BOUGHT_AT), id=992, **told)


def _stripe_paid(**told: Any) -> Payload:
    bought = stripe.Purchase(began=BOUGHT_AT)
    return stripe.invoice("paid", at=MONDAY + DAY, purchase=bought, id="in_other", created=MONDAY + DAY, **told)


def _paddle_paid(**told: Any) -> Payload:
    bought = paddle.Purchase(began=BOUGHT_AT)
    return paddle.transaction("completed", at=MONDAY + DAY, purchase=bought, id="txn_other", **told)


def _dodo_paid(**told: Any) -> Payload:
    bought = standard.Purchase(began=BOUGHT_AT)
    return standard.dodo_payment("succeeded", at=MONDAY + DAY, purchase=bought, payment_id="pay_other", **told)


def _polar_paid(**told: Any) -> Payload:
    bought = replace(standard.POLAR, began=BOUGHT_AT)
    return standard.polar_order("paid", at=MONDAY + DAY, purchase=bought, id="order_other", **told)


SOMETHING_ELSE = [
    ("lemonsqueezy", lambda: _ls_paid(total=0)),
    ("lemonsqueezy", lambda: _ls_paid(billing_reason="updated")),
    ("stripe", lambda: _stripe_paid(total=0)),
    ("stripe", lambda: _stripe_paid(billing_reason="subscription_update")),
    ("stripe", lambda: _stripe_paid(billing_reason="manual")),
    ("paddle", lambda: _paddle_paid(origin="subscription_charge")),
    ("paddle", lambda: _paddle_paid(origin="subscription_payment_method_change")),
    ("paddle", lambda: _paddle_paid(origin="subscription_update")),
    ("dodo", lambda: _dodo_paid(total_amount=0, tax=0)),
    ("polar", lambda: _polar_paid(billing_reason="subscription_update")),
]
UNPAID = {
    "lemonsqueezy": lambda at: ls.subscription_updated(at=at, purchase=ls.Purchase(began=BOUGHT_AT), status="past_due"),
    "stripe": lambda at: stripe.subscription(at=at, purchase=stripe.Purchase(began=BOUGHT_AT), status="past_due"),
    "paddle": lambda at: paddle.subscription(at=at, purchase=paddle.Purchase(began=BOUGHT_AT), status="past_due"),
    "dodo": lambda at: standard.dodo_subscription("on_hold", at=at, purchase=standard.Purchase(began=BOUGHT_AT)),
    "polar": lambda at: standard.polar_subscription(
        "past_due", at=at, purchase=replace(standard.POLAR, began=BOUGHT_AT)
    ),
}


def in_grace_by_a_snapshot(name: str) -> Stage:
    stage = a_customer(SOURCES[name])
    stage.hear(*SOURCES[name].facts(UNPAID[name](MONDAY)), at=MONDAY)
    assert stage.state.standing is Standing.GRACE
    return stage


@pytest.mark.parametrize(("name", "payload"), SOMETHING_ELSE)
def test_a_success_for_something_else_leaves_a_renewal_unpaid(name: str, payload: Callable[[], Payload]) -> None:
    stage = in_grace_by_a_snapshot(name)

    stage.hear(*SOURCES[name].facts(payload()), at=MONDAY + DAY)

    assert stage.state.standing is Standing.GRACE


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("lemonsqueezy", _ls_paid),
        ("stripe", lambda: _stripe_paid(billing_reason=None)),
        ("paddle", lambda: _paddle_paid(origin="invented")),
        ("dodo", _dodo_paid),
        ("polar", _polar_paid),
    ],
)
def test_a_success_that_may_be_the_renewal_settles_it(name: str, payload: Callable[[], Payload]) -> None:
    stage = in_grace_by_a_snapshot(name)

    stage.hear(*SOURCES[name].facts(payload()), at=MONDAY + DAY)

    assert stage.state.standing is Standing.GOOD


def test_an_attempt_at_dodo_that_fails_again_in_the_same_period_gets_no_new_grace() -> None:
    stage, source = in_grace_by_a_snapshot("dodo"), SOURCES["dodo"]
    active = standard.dodo_subscription("active", at=MONDAY + 2 * DAY, purchase=standard.Purchase(began=BOUGHT_AT))
    stage.hear(*source.facts(active), at=MONDAY + 2 * DAY)

    stage.hear(*source.facts(UNPAID["dodo"](MONDAY + 3 * DAY)), at=MONDAY + 3 * DAY)

    assert stage.case.deadline == MONDAY + 7 * DAY
