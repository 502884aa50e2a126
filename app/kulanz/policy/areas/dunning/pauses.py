"""Pauses of a subscription, in which its dunning rests and keeps the remaining time."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from kulanz.policy.book.provider import Subscription
from kulanz.policy.facts import Status

LONGEST = timedelta(days=90)
"""How long dunning rests in a free pause without a known end, until operators have to look."""


_status_of = attrgetter("status")


class Pause(NamedTuple):
    """A time in which the provider calls a subscription paused."""

    since: datetime
    ends: datetime | None
    free: bool
    """Whether the service is given meanwhile."""


def current(sub: Subscription, now: datetime) -> Pause | None:
    """Return the pause that a subscription is in."""
    return next((pause for pause in _pauses(sub) if pause.ends is None or pause.ends > now), None)


def rested(sub: Subscription, since: datetime, now: datetime) -> timedelta:
    """Return how long the pauses were since a time that are over."""
    over = (pause for pause in _pauses(sub) if pause.ends is not None and since < pause.ends <= now)
    return sum((pause.ends - max(pause.since, since) for pause in over if pause.ends), timedelta())


def looked_at(pause: Pause) -> datetime | None:
    """Return when a pause has to be looked at: at its end, or when a free one has lasted too long without one.

    An end may be ahead although it was reported: where the provider's clock is ahead of ours.
    """
    return pause.ends or (pause.since + LONGEST if pause.free else None)


def _pauses(sub: Subscription) -> list[Pause]:
    pauses: list[Pause] = []
    if Status.PAUSED not in map(_status_of, sub.history):
        return pauses
    runs = [(paused, list(group)) for paused, group in groupby(sub.history, lambda item: item.status is Status.PAUSED)]
    # A subscription that a version before stored has no history yet.
    following = [*(group[0].stamp.at for _, group in runs[1:]), None][: len(runs)]
    for (paused, group), resumed in zip(runs, following, strict=True):
        if paused:
            last = group[-1]
            free = last.pause == "free"
            ends = [at for at in (resumed, last.until if free else None) if at is not None]
            pauses.append(Pause(group[0].stamp.at, min(ends, default=None), free))
    return pauses
