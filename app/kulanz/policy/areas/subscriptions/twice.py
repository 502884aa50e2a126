"""Double payment: two running subscriptions of one account for the same plan, also at two providers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from kulanz.policy.book import Book
from kulanz.policy.facts import Status
from kulanz.policy.state import Grant, State, Timer

PAID_TWICE = "paid_twice"
_PATIENCE = timedelta(days=1)
"""A customer who changes over from one to the other has both for a while."""


def alerts(state: State, now: datetime) -> list[tuple[str, str]]:
    """Return each subscription that repeats an older one, once that has lasted a day."""
    return [(key, PAID_TWICE) for key, at in state.doubles if at <= now]


def timers(state: State, now: datetime) -> list[Timer]:
    """Return when operators are to see it."""
    return [Timer(PAID_TWICE, key, at) for key, at in state.doubles if at > now]


def doubles(grants: Sequence[Grant], book: Book) -> tuple[tuple[str, datetime], ...]:
    """Return every running subscription but the oldest of each plan, and when it has been there for a day."""
    if len(grants) < 2:  # noqa: PLR2004 - two make a double
        return ()
    by_plan: dict[str, list[tuple[datetime, str]]] = {}
    for grant in grants:
        seen = book.subscriptions[grant.subscription].seen
        if grant.add_on is None and seen.status is Status.ACTIVE:
            began = seen.created_at or seen.stamp.at
            by_plan.setdefault(grant.plan, []).append((began, grant.subscription))
    return tuple((key, began + _PATIENCE) for several in by_plan.values() for began, key in sorted(several)[1:])
