"""A plan that one order gives for good, and the orders that give nothing."""

from __future__ import annotations

import pytest

from kulanz.policy.facts import DisputeStatus, OrderStatus, Status
from kulanz.policy.state import Access, Catalogue
from kulanz.queries.story import idle
from tests.policy.stories import DAY, MONDAY, ORDER, PRO, Stage, a_dispute, a_subscription, an_order, terms
from tests.replacing import replace

LIFETIME = "lemonsqueezy:394430"
SINGLE = "lemonsqueezy:2990001"
ENTERPRISE = "lemonsqueezy:394421"
CATALOGUE = Catalogue.of(((PRO, "professional"), (ENTERPRISE, "enterprise"), (LIFETIME, "lifetime:professional")))


def a_stage() -> Stage:
    return Stage(terms=replace(terms(), catalogue=CATALOGUE), now=MONDAY)


def single(status: OrderStatus = OrderStatus.PAID, **told: object) -> object:
    return an_order(status, MONDAY, **{"key": SINGLE, "variant": LIFETIME, **told})


def test_an_order_of_a_lifetime_variant_gives_its_plan_without_an_end() -> None:
    stage = a_stage()

    stage.hear(single(), at=MONDAY)
    stage.wait(MONDAY + 4000 * DAY)

    assert (stage.state.plan, stage.state.access) == ("professional", Access.FULL)
    assert [rule for rule, _ in stage.rules] == ["lifetime.given"]


@pytest.mark.parametrize("status", [OrderStatus.PENDING, OrderStatus.FAILED, OrderStatus.REFUNDED])
def test_an_order_that_is_not_paid_or_was_refunded_gives_nothing(status: OrderStatus) -> None:
    stage = a_stage()

    stage.hear(single(status), at=MONDAY)

    assert (stage.state.plan, stage.state.lifetimes) == ("free", ())


def test_a_full_refund_ends_it_and_a_part_does_not() -> None:
    stage = a_stage()
    stage.hear(single(), at=MONDAY)

    stage.hear(an_order(OrderStatus.PARTIAL_REFUND, MONDAY + DAY, key=SINGLE, variant=LIFETIME, refunded=500))
    after_part = stage.state.plan
    stage.hear(an_order(OrderStatus.REFUNDED, MONDAY + 2 * DAY, key=SINGLE, variant=LIFETIME, refunded=1999))

    assert (after_part, stage.state.plan) == ("professional", "free")
    assert [rule for rule, _ in stage.rules].count("lifetime.ended") == 1


@pytest.mark.parametrize(
    ("status", "plan"),
    [(DisputeStatus.OPENED, "free"), (DisputeStatus.LOST, "free"), (DisputeStatus.WON, "professional")],
)
def test_a_dispute_about_it_takes_it_until_it_is_won(status: DisputeStatus, plan: str) -> None:
    stage = a_stage()
    stage.hear(single(), at=MONDAY)

    stage.hear(a_dispute(DisputeStatus.OPENED, MONDAY + DAY, order=SINGLE))
    stage.hear(a_dispute(status, MONDAY + 2 * DAY, order=SINGLE))

    assert stage.state.plan == plan


def test_the_order_of_a_subscription_never_gives_a_plan() -> None:
    stage = a_stage()

    stage.hear(
        an_order(OrderStatus.PAID, MONDAY, variant=LIFETIME), a_subscription(Status.EXPIRED, MONDAY, order=ORDER)
    )

    assert (stage.state.plan, stage.state.lifetimes) == ("free", ())


def test_a_subscription_to_a_lifetime_variant_is_not_that_plan() -> None:
    stage = a_stage()

    stage.hear(a_subscription(variant=LIFETIME, product="something", order=None))

    assert stage.state.plan == "something"


def test_the_higher_of_a_subscription_and_a_lifetime_counts() -> None:
    stage = a_stage()

    stage.hear(single(), a_subscription(variant=ENTERPRISE, order=None), at=MONDAY)

    assert stage.state.plan == "enterprise"


def test_why_an_order_gives_nothing_is_said() -> None:
    stage = a_stage()
    stage.hear(
        single(variant="lemonsqueezy:1"),
        single(OrderStatus.REFUNDED, key="lemonsqueezy:2990002"),
        an_order(OrderStatus.PAID, MONDAY, variant=PRO),
        a_subscription(Status.ACTIVE, MONDAY, order=ORDER),
    )

    assert [str(each) for each in idle(stage.account.book, stage.terms)] == [
        "The order lemonsqueezy:2990001 gives no plan: KULANZ_PLANS does not map lemonsqueezy:1 to a lifetime plan.",
        "The order lemonsqueezy:2990002 gives no plan: it was refunded.",
    ]
