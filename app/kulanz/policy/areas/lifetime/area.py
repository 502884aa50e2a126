"""Plans that one order gives for good: an order of a variant that `KULANZ_PLANS` maps to `lifetime:<plan>`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from msgspec.structs import replace as evolve

from kulanz.policy.areas import full_refunds
from kulanz.policy.areas.area import Area
from kulanz.policy.areas.disputes import chargebacks
from kulanz.policy.book import Book
from kulanz.policy.book.provider import Order, is_refunded
from kulanz.policy.facts import OrderStatus, OwnFact
from kulanz.policy.state import Change, Lifetime, Moment, State, Terms, Transition

_PAID = frozenset({OrderStatus.PAID, OrderStatus.PARTIAL_REFUND})


class LifetimeArea(Area):
    """Plans of single orders: a plan without an end, until the order is refunded or disputed."""

    families: ClassVar[tuple[str, ...]] = ("orders",)

    def assess(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with the plans that orders give; disputes have been read before."""
        if not moment.terms.catalogue.lifetimes:
            return draft
        return evolve(draft, lifetimes=tuple(_given(book, moment.terms)))

    def changes(self, step: Transition, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Yield each plan that an order begins or ceases to give."""
        before = set(step.before.lifetimes) if step.before else set()
        after = set(step.after.lifetimes)
        for rule, lifetimes in (("lifetime.given", after - before), ("lifetime.ended", before - after)):
            for order, plan in sorted(lifetimes):
                detail = {"order": order, "plan": plan}
                yield Change(rule=rule, clause="", policy=step.terms.current, subject=order, rank=40, detail=detail)


def idle(book: Book, terms: Terms) -> Iterator[tuple[str, str]]:
    """Yield each single order that gives no plan, and why: `refunded`, `disputed`, `unpaid` or `not_mapped`."""
    disputed = _disputed(book, terms)
    bought = {sub.seen.order for sub in book.subscriptions.values()}
    for key, order in sorted(book.orders.items()):
        if key not in bought and (why := _why_not(key, order, disputed, terms)) is not None:
            yield key, why


def _given(book: Book, terms: Terms) -> Iterator[Lifetime]:
    lifetimes = terms.catalogue.lifetimes
    sold = {key: order for key, order in book.orders.items() if order.seen.variant in lifetimes}
    if not sold:
        return
    disputed = _disputed(book, terms)
    bought = {sub.seen.order for sub in book.subscriptions.values()}
    for key, order in sorted(sold.items()):
        if key not in bought and _why_not(key, order, disputed, terms) is None:
            yield Lifetime(key, lifetimes[order.seen.variant or ""])


def _why_not(key: str, order: Order, disputed: set[str], terms: Terms) -> str | None:
    if is_refunded(order.seen):
        return "refunded"
    if key in disputed:
        return "disputed"
    if order.seen.status not in _PAID:
        return "unpaid"
    if order.seen.variant not in terms.catalogue.lifetimes:
        return "not_mapped"
    return None


def _disputed(book: Book, terms: Terms) -> set[str]:
    """Return the payments that a dispute which is open, or ended against us, may be about."""
    return {
        payment
        for dispute in chargebacks.known(book, terms).values()
        if dispute.seen.status not in full_refunds.NO_OUTCOME
        for payment in full_refunds.disputed(dispute, book)
    }
