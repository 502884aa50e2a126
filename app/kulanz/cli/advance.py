"""Moves the test clock from due time to due time, waiting each time until all that follows is done."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from kulanz import pipeline
from kulanz.errors import InvalidInputError, RefusedError
from kulanz.formats.wording import how_many
from kulanz.processing import facts_first
from kulanz.processing.dispatcher import MISSING_SUBSCRIPTION_AFTER
from kulanz.runtime.clock import ClockLease, real_now
from kulanz.runtime.notifier import EFFECTS_QUEUE, EVENTS_QUEUE
from kulanz.store import inbox, outbox, timers

if TYPE_CHECKING:
    from kulanz.services import Services

POLL_INTERVAL = 0.02
NOTIFY_INTERVAL = 0.5
ASKING = 3.0
"""Seconds that asking the provider may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Work left at the clock's time; two equal backlogs mean that nothing has moved."""

    received: int
    timer: datetime | None
    untried: int
    overdue: bool
    """A payment has waited too long for its subscription: the provider is asked, and need not answer."""

    def timeout(self, seconds: float) -> float:
        """Return for how long to wait for a change: not at all where nothing is to be done."""
        if self.received or self.timer or self.untried:
            return seconds
        return min(seconds, ASKING) if self.overdue else 0.0

    def __str__(self) -> str:
        parts = (
            f"{how_many(self.received, 'event')} received but not applied" if self.received else "",
            f"a timer due since {self.timer.isoformat()}" if self.timer else "",
            f"{how_many(self.untried, 'effect')} not tried" if self.untried else "",
        )
        return ", ".join(part for part in parts if part)


def jump_by(services: Services, by: timedelta) -> datetime:
    """Set the clock so much later and return at once."""
    target = later(services.clock.now(), by)
    services.clock.set(target)
    services.notifier.notify()
    return target


def go_on(services: Services, lease: ClockLease, by: timedelta, timeout: float) -> datetime:
    """Bring the clock so much later, stopping at every due time between; `timeout` is seconds without progress."""
    now = services.clock.now()
    target = later(now, by)
    if by:
        services.clock.set(now)
    settle(services, lease, timeout)
    if not by:
        return target
    while (due := next_due(services)) is not None and due <= target:
        services.clock.set(max(due, services.clock.now()))
        settle(services, lease, timeout)
    services.clock.set(target)
    settle(services, lease, timeout)
    return target


def settle(services: Services, lease: ClockLease, timeout: float) -> None:
    """Wait until every accepted event is applied, nothing is due, and every effect has been tried once."""
    lease.renew()
    last, moved_at, rung_at = None, time.monotonic(), float("-inf")
    while patience := (backlog := _backlog(services)).timeout(timeout):
        lease.renew()
        now = time.monotonic()
        if backlog != last:
            last, moved_at = backlog, now
        if now - moved_at > patience:
            _give_up(backlog)
            return
        if now - rung_at > NOTIFY_INTERVAL:
            rung_at = now
            services.notifier.notify(EVENTS_QUEUE)
            services.notifier.notify(EFFECTS_QUEUE)
        time.sleep(POLL_INTERVAL)


def _give_up(backlog: Backlog) -> None:
    if str(backlog):
        raise RefusedError(f"nothing moves: {backlog}; is a worker running (`kulanz up`, `kulanz worker`)?")


def _backlog(services: Services) -> Backlog:
    with services.database.read() as conn:
        now, waiting = services.clock.now(conn), inbox.oldest_waiting(conn)
        # What an event holds back waits for that event, not for the clock.
        due = timers.next_due_or_expiry(conn, but=facts_first.HELD_BACK)
        return Backlog(
            received=inbox.counts(conn).get("received", 0),
            timer=due if due is not None and due <= now else None,
            untried=outbox.untried(conn, real_now()),
            overdue=waiting is not None and waiting + MISSING_SUBSCRIPTION_AFTER <= now,
        )


def next_due(services: Services) -> datetime | None:
    """Return when the instance has something to do next if nothing arrives."""
    with services.database.read() as conn:
        return pipeline.next_due(conn, services.clock.now(conn))


def later(now: datetime, by: timedelta) -> datetime:
    """Return the time so much later; InvalidInputError beyond the calendar."""
    try:
        return now + by
    except OverflowError as error:
        raise InvalidInputError("that is beyond the year 9999") from error
