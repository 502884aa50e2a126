"""Double payment: two running subscriptions of one account for the same plan, also at two providers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from kulanz.policy.book import Book
from kulanz.policy.facts import Status, SubscriptionSeen
from kulanz.policy.state import State, Timer

PAID_TWICE = "paid_twice"
_PATIENCE = timedelta(days=1)
"""Somebody who changes over from one to the other has both for a while."""


def alerts(state: State, book: Book, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield each subscription that repeats an older one, once that has lasted a day."""
    return ((key, PAID_TWICE) for began, key in _repeated(state, book) if began + _PATIENCE <= now)


def timers(state: State, book: Book, now: datetime) -> list[Timer]:
    """Return when operators are to see it."""
    new = [key for key, sub in book.subscriptions.items() if _began(sub.seen) + _PATIENCE > now]
    if not new:
        return []
    return [Timer(PAID_TWICE, key, began + _PATIENCE) for began, key in _repeated(state, book) if key in new]


def _repeated(state: State, book: Book) -> list[tuple[datetime, str]]:
    """Return every running subscription but the oldest of each plan, with its beginning."""
    by_plan: dict[str, list[tuple[datetime, str]]] = {}
    if len(state.grants) > 1:
        for grant in state.grants:
            seen = book.subscriptions[grant.subscription].seen
            if grant.add_on is None and seen.status is Status.ACTIVE:
                by_plan.setdefault(grant.plan, []).append((_began(seen), grant.subscription))
    return [later for several in by_plan.values() if len(several) > 1 for later in sorted(several)[1:]]


def _began(seen: SubscriptionSeen) -> datetime:
    return seen.created_at or seen.stamp.at
