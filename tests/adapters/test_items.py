"""A subscription with several items gives the highest plan of them and every add-on, in whatever order they come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import permutations
from typing import Any

import pytest

from kulanz.policy.facts import ProviderFact
from kulanz.policy.state import Catalogue
from kulanz.providers import PROVIDERS, Naming
from tests import paddle, standard, stripe
from tests.adapters.payload_source import BOUGHT_AT, DAY, MONDAY, Payload
from tests.policy.stories import Stage, terms
from tests.replacing import replace

PRO, ENTERPRISE, SEATS, METERED = "item_pro", "item_enterprise", "item_seats", "item_metered"


@dataclass(frozen=True)
class Seller:
    """One provider, and how a subscription to some items is told there."""

    endpoint: str
    wire: Callable[[object], bytes]
    sell: Callable[..., Payload]

    def facts(self, items: list[tuple[str, int]], at: datetime = BOUGHT_AT, **told: Any) -> tuple[ProviderFact, ...]:
        body = self.wire(self.sell(items, at=at, **told))
        header = PROVIDERS[self.endpoint].peek(body)
        payload = PROVIDERS[self.endpoint].decode(body)
        return PROVIDERS[self.endpoint].translate(header.name, payload, header.content_key.hex(), Naming())

    def stage(self) -> Stage:
        names = {PRO: "professional", ENTERPRISE: "enterprise", SEATS: "addon:seats"}
        catalogue = Catalogue.of(tuple((f"{self.endpoint}:{item}", plan) for item, plan in names.items()))
        return Stage(terms=replace(terms(), catalogue=catalogue), now=BOUGHT_AT)


def _stripe(items: list[tuple[str, int]], *, at: datetime, ends: dict[str, datetime] | None = None, **told: Any) -> Any:
    ended = ends or {}
    listed = [
        {
            "id": f"si_{price}",
            "price": {"id": price, "product": f"prod_{price}"},
            "quantity": quantity,
            "current_period_end": stripe.seconds(ended.get(price, MONDAY)),
        }
        for price, quantity in items
    ]
    return stripe.subscription("updated", at=at, items={"object": "list", "data": listed}, **told)


def _paddle(items: list[tuple[str, int]], *, at: datetime, **told: Any) -> Payload:
    listed = [
        {"status": "active", "quantity": quantity, "price": {"id": price, "product_id": f"pro_{price}"}}
        for price, quantity in items
    ]
    return paddle.subscription("updated", at=at, items=listed, **told)


def _dodo(items: list[tuple[str, int]], *, at: datetime, **told: Any) -> Payload:
    (product, quantity), *more = items
    add_ons = [{"addon_id": add_on, "quantity": number} for add_on, number in more]
    return standard.dodo_subscription("updated", at=at, product_id=product, quantity=quantity, addons=add_ons, **told)


SELLERS = (
    Seller("stripe", stripe.wire, _stripe),
    Seller("paddle", paddle.wire, _paddle),
    Seller("standard", standard.wire, _dodo),
)
every_seller = pytest.mark.parametrize("seller", SELLERS, ids=lambda seller: seller.endpoint)


@every_seller
@pytest.mark.parametrize("order", list(permutations([(METERED, 1), (SEATS, 7), (ENTERPRISE, 1), (PRO, 1)])))
def test_the_highest_plan_and_every_add_on_count_in_any_order(seller: Seller, order: Any) -> None:
    stage = seller.stage()

    stage.hear(*seller.facts(list(order)), at=BOUGHT_AT)

    assert (stage.state.plan, stage.state.add_ons, stage.state.quantities) == (
        "enterprise",
        ("seats",),
        (("seats", 7),),
    )


@every_seller
def test_who_buys_seats_keeps_the_plan(seller: Seller) -> None:
    stage = seller.stage()
    stage.hear(*seller.facts([(ENTERPRISE, 1)]), at=BOUGHT_AT)

    stage.hear(*seller.facts([(SEATS, 3), (ENTERPRISE, 1)], BOUGHT_AT + DAY), at=BOUGHT_AT + DAY)
    more = seller.facts([(ENTERPRISE, 1), (SEATS, 5)], BOUGHT_AT + 2 * DAY)
    stage.hear(*more, at=BOUGHT_AT + 2 * DAY)

    assert (stage.state.plan, stage.state.quantities) == ("enterprise", (("seats", 5),))
    assert [rule for rule, _ in stage.rules].count("plan.quantity_changed") == 1


@every_seller
def test_where_no_item_is_named_the_first_counts(seller: Seller) -> None:
    stage = seller.stage()

    stage.hear(*seller.facts([("unknown_a", 1), ("unknown_b", 1)]), at=BOUGHT_AT)

    assert "unknown_a" in stage.state.plan


@every_seller
def test_a_lower_plan_among_the_items_counts_from_the_end_of_the_period(seller: Seller) -> None:
    stage = seller.stage()
    stage.hear(*seller.facts([(SEATS, 2), (ENTERPRISE, 1)]), at=BOUGHT_AT)

    stage.hear(*seller.facts([(PRO, 1), (SEATS, 2)], BOUGHT_AT + DAY), at=BOUGHT_AT + DAY)
    before = stage.state.plan
    stage.wait(MONDAY)

    assert (before, stage.state.plan, stage.state.add_ons) == ("enterprise", "professional", ("seats",))


def test_a_cancellation_ends_each_item_with_its_own_period() -> None:
    seller, yearly = SELLERS[0], MONDAY + 300 * DAY
    stage = seller.stage()
    items, ends = [(SEATS, 2), (ENTERPRISE, 1)], {ENTERPRISE: yearly, SEATS: MONDAY}
    stage.hear(*seller.facts(items, ends=ends), at=BOUGHT_AT)

    at = BOUGHT_AT + DAY
    stage.hear(*seller.facts(items, at, ends=ends, cancel_at=yearly, canceled_at=at), at=at)
    shown = stage.state
    stage.wait(MONDAY)
    after = stage.state
    stage.wait(yearly)

    assert [rule for rule, _ in stage.rules].count("subscription.cancelled") == 1
    assert (shown.plan, shown.add_ons) == ("enterprise", ("seats",))
    assert (after.plan, after.add_ons) == ("enterprise", ())
    assert stage.state.plan == "free"
