"""Double payment: two running subscriptions of one account for the same plan, also at two providers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from kulanz.policy.book import Book
from kulanz.policy.facts import Status
from kulanz.policy.state import State, Timer

PAID_TWICE = "paid_twice"
_PATIENCE = timedelta(days=1)
"""Somebody who changes over from one to the other has both for a while."""


def alerts(state: State, book: Book, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield each subscription that repeats an older one, once that has lasted a day."""
    yield from ((key, PAID_TWICE) for key, at in _repeated(state, book) if at <= now)


def timers(state: State, book: Book, now: datetime) -> Iterator[Timer]:
    """Yield when operators are to see it."""
    yield from (Timer(PAID_TWICE, key, at) for key, at in _repeated(state, book) if at > now)


def _repeated(state: State, book: Book) -> Iterator[tuple[str, datetime]]:
    """Yield every running subscription but the oldest of each plan, and when it has been there for a day."""
    if len(state.grants) < 2:  # noqa: PLR2004 - two make a double
        return
    began: dict[str, list[tuple[datetime, str]]] = {}
    for grant in state.grants:
        seen = book.subscriptions[grant.subscription].seen
        if grant.add_on is None and seen.status is Status.ACTIVE:
            began.setdefault(grant.plan, []).append((seen.created_at or seen.stamp.at, grant.subscription))
    for several in began.values():
        yield from ((key, at + _PATIENCE) for at, key in sorted(several)[1:])
