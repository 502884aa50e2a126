"""Double payment: two running subscriptions of one account for the same plan, also at two providers."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from msgspec.structs import replace as evolve

from kulanz.policy.book import Book
from kulanz.policy.facts import Status
from kulanz.policy.state import State, Timer

PAID_TWICE = "paid_twice"
_PATIENCE = timedelta(days=1)
"""A customer who changes over from one to the other has both for a while."""


def alerts(state: State, now: datetime) -> list[tuple[str, str]]:
    """Return each subscription that repeats an older one, once that has lasted a day."""
    by_now = [double.subject for double in state.doubles if double.due_at <= now]
    return [(key, PAID_TWICE) for key in (*state.doubled, *by_now)]


def found(draft: State, book: Book) -> State:
    """Return the draft with every running subscription but the oldest of each plan."""
    subs, active, since = book.subscriptions, Status.ACTIVE, draft.as_of - _PATIENCE
    by_plan: defaultdict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for grant in draft.grants:
        seen = subs[grant.subscription].seen
        if seen.status is active and grant.add_on is None:
            by_plan[grant.plan].append((seen.created_at or seen.stamp.at, grant.subscription))
    over: list[str] = []
    ahead: list[Timer] = []
    for several in by_plan.values():
        for began, key in sorted(several)[1:] if len(several) > 1 else ():
            if began <= since:
                over.append(key)
            else:
                ahead.append(Timer(PAID_TWICE, key, began + _PATIENCE))
    return evolve(draft, doubled=tuple(over), doubles=tuple(ahead)) if over or ahead else draft
