"""What an update leaves out stays as it was told before, at every provider and in any order of the events."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.facts import ProviderFact
from kulanz.policy.state import Access, State
from kulanz.providers import PROVIDERS, Naming
from tests import lemonsqueezy as ls
from tests import paddle, standard, stripe
from tests.adapters.payload_source import Payload
from tests.policy.stories import Catalogue, terms
from tests.purchase import MONDAY
from tests.replacing import replace

HOUR = timedelta(hours=1)
Way = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Update:
    """A purchase at one provider, an update of it, and where that has ids that no decision needs."""

    provider: str
    variant: str
    told: tuple[Payload, ...]
    update: Payload
    ids: tuple[Way, ...]


_LS, _STRIPE, _PADDLE = ls.Purchase(began=MONDAY), stripe.Purchase(began=MONDAY), paddle.Purchase(began=MONDAY)
_POLAR, _DODO = standard.POLAR, standard.BOUGHT
_ATTRIBUTES = ("data", "attributes")
_OBJECT = ("data", "object")
UPDATES = {
    "lemonsqueezy": Update(
        provider="lemonsqueezy",
        variant=f"lemonsqueezy:{_LS.variant}",
        told=(ls.subscription_created(at=MONDAY, purchase=_LS),),
        update=ls.subscription_updated(at=MONDAY + HOUR, purchase=_LS),
        ids=tuple(
            (*_ATTRIBUTES, name)
            for name in ("customer_id", "variant_id", "product_id", "product_name", "order_id", "user_email")
        ),
    ),
    "stripe": Update(
        provider="stripe",
        variant=f"stripe:{_STRIPE.price}",
        told=(stripe.subscription("created", at=MONDAY, purchase=_STRIPE),),
        update=stripe.subscription("updated", at=MONDAY + HOUR, purchase=_STRIPE),
        ids=(
            (*_OBJECT, "customer"),
            (*_OBJECT, "items"),
            (*_OBJECT, "items", "data", 0, "price"),
            (*_OBJECT, "items", "data", 0, "price", "id"),
            (*_OBJECT, "items", "data", 0, "price", "product"),
            (*_OBJECT, "metadata"),
        ),
    ),
    "paddle": Update(
        provider="paddle",
        variant=f"paddle:{_PADDLE.price}",
        told=(paddle.subscription("created", at=MONDAY, purchase=_PADDLE),),
        update=paddle.subscription("updated", at=MONDAY + HOUR, purchase=_PADDLE),
        ids=(
            ("data", "customer_id"),
            ("data", "items"),
            ("data", "items", 0, "price"),
            ("data", "items", 0, "price", "id"),
            ("data", "items", 0, "price", "product_id"),
            ("data", "custom_data"),
        ),
    ),
    "polar": Update(
        provider="standard",
        variant=f"standard:{_POLAR.product}",
        told=(standard.polar_subscription("active", at=MONDAY),),
        update=standard.polar_subscription("updated", at=MONDAY + HOUR),
        ids=tuple(("data", name) for name in ("customer_id", "customer", "product_id", "product", "metadata", "seats")),
    ),
    "dodo": Update(
        provider="standard",
        variant=f"standard:{_DODO.product}",
        told=(standard.dodo_subscription("active", at=MONDAY),),
        update=standard.dodo_subscription("updated", at=MONDAY + HOUR),
        ids=tuple(("data", name) for name in ("customer", "product_id", "metadata", "quantity")),
    ),
}
WIRES = {"lemonsqueezy": ls.wire, "stripe": stripe.wire, "paddle": paddle.wire, "standard": standard.wire}


def without(payload: Payload, *ways: Way, absent: bool = False) -> Payload:
    """Return a payload in which some fields are null, or are not there at all."""
    changed = deepcopy(payload)
    for *path, last in ways:
        place: Any = changed
        for step in path:
            place = place[step] if not isinstance(place, dict) or place.get(step) is not None else {}
        if absent and isinstance(place, dict):
            place.pop(last, None)
        else:
            place[last] = None
    return changed


def facts_of(update: Update, payload: Payload) -> tuple[ProviderFact, ...]:
    provider, body = PROVIDERS[update.provider], WIRES[update.provider](payload)
    header = provider.peek(body)
    assert header.recognised
    return provider.translate(header.name, provider.decode(body), header.content_key.hex(), Naming())


def states(update: Update, *payloads: Payload) -> Iterator[State]:
    """Yield the state of the account after these events, in every order."""
    known = replace(terms(), catalogue=Catalogue.of(((update.variant, "professional"),)))
    for order in permutations(payloads):
        book = Book()
        for payload in order:
            book = book.with_facts(facts_of(update, payload))
        yield assess(book, known, "UTC", MONDAY + 2 * HOUR)


def _cases() -> Iterator[tuple[str, Way]]:
    return ((name, way) for name, update in UPDATES.items() for way in update.ids)


@pytest.mark.parametrize("absent", [False, True], ids=["null", "absent"])
@pytest.mark.parametrize(("name", "way"), [*_cases()], ids=str)
def test_an_id_that_an_update_leaves_out_keeps_what_was_known(name: str, way: Way, *, absent: bool) -> None:
    update = UPDATES[name]

    for state in states(update, *update.told, without(update.update, way, absent=absent)):
        assert (state.plan, state.access) == ("professional", Access.FULL)


@pytest.mark.parametrize("name", UPDATES)
def test_an_update_without_any_id_changes_what_it_tells_and_keeps_the_rest(name: str) -> None:
    update = UPDATES[name]
    whole = next(states(update, *update.told, update.update))

    for state in states(update, *update.told, without(update.update, *update.ids)):
        assert (state.plan, state.access, state.standing) == (whole.plan, whole.access, whole.standing)
        assert state.grants == whole.grants


@pytest.mark.parametrize("name", UPDATES)
def test_an_update_without_ids_that_is_the_only_one_gives_nothing_and_is_shown(name: str) -> None:
    update = UPDATES[name]
    (state,) = states(update, without(update.update, *update.ids))

    assert (state.plan, state.access) == ("free", Access.FREE)


def test_a_change_of_plan_between_two_updates_without_ids_counts_from_its_own_time() -> None:
    update, other = UPDATES["lemonsqueezy"], ls.Purchase(began=MONDAY, variant=47002)
    dearer = ls.subscription_updated(at=MONDAY + 90 * timedelta(minutes=1), purchase=other)
    nameless = without(ls.subscription_updated(at=MONDAY + 95 * timedelta(minutes=1), purchase=other), *update.ids)
    early = without(update.update, *update.ids)
    known = replace(
        terms(), catalogue=Catalogue.of(((update.variant, "professional"), ("lemonsqueezy:47002", "enterprise")))
    )
    found = set()

    for order in permutations((*update.told, early, dearer, nameless)):
        book = Book()
        for payload in order:
            book = book.join(Book().with_facts(facts_of(update, payload)))
        found.add(repr(book))
        assert assess(book, known, "UTC", MONDAY + 2 * HOUR).plan == "enterprise"

    assert len(found) == 1
