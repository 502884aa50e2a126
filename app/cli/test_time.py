"""Moves the test clock from due time to due time, waiting each time until all that follows is done."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.clock import real_now
from app.doorbell import EFFECTS, EVENTS
from app.errors import InvalidInputError, RefusedError
from app.store import inbox, outbox, timers

if TYPE_CHECKING:
    from app.services import Services

LOOK_EVERY = 0.02
RING_EVERY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What is still to be done at the time that the clock shows; two equal ones mean that nothing has moved."""

    received: int
    timer: datetime | None
    untried: int

    def __bool__(self) -> bool:
        return bool(self.received or self.timer or self.untried)

    def __str__(self) -> str:
        parts = (
            f"{self.received} events received but not applied" if self.received else "",
            f"a timer due since {self.timer.isoformat()}" if self.timer else "",
            f"{self.untried} effects not tried" if self.untried else "",
        )
        return ", ".join(part for part in parts if part)


def jump_by(services: Services, by: timedelta) -> datetime:
    """Set the clock so much later and return at once."""
    target = _later(services.clock.now(), by)
    services.clock.set(target)
    services.bell.ring()
    return target


def go_on(services: Services, by: timedelta, timeout: float) -> datetime:
    """Bring the clock so much later, stopping at every due time between; `timeout` is seconds without progress."""
    now = services.clock.now()
    target = _later(now, by)
    if by:
        services.clock.set(now)
    settle(services, timeout)
    if not by:
        return target
    while (due := _next_due(services)) is not None and due <= target:
        services.clock.set(max(due, services.clock.now()))
        settle(services, timeout)
    services.clock.set(target)
    settle(services, timeout)
    return target


def settle(services: Services, timeout: float) -> None:
    """Wait until every accepted event is applied, nothing is due, and every effect has been tried once."""
    last, moved_at, rung_at = None, time.monotonic(), float("-inf")
    while backlog := _backlog(services):
        now = time.monotonic()
        if backlog != last:
            last, moved_at = backlog, now
        if now - moved_at > timeout:
            raise RefusedError(f"nothing moves: {backlog}; is a worker running (`kulanz up`, `kulanz worker`)?")
        if now - rung_at > RING_EVERY:
            rung_at = now
            services.bell.ring(EVENTS)
            services.bell.ring(EFFECTS)
        time.sleep(LOOK_EVERY)


def _backlog(services: Services) -> Backlog:
    with services.database.read() as conn:
        due = timers.next_due(conn)
        return Backlog(
            received=inbox.counts(conn).get("received", 0),
            timer=due if due is not None and due <= services.clock.now(conn) else None,
            untried=outbox.untried(conn, real_now()),
        )


def _next_due(services: Services) -> datetime | None:
    with services.database.read() as conn:
        return timers.next_due(conn)


def _later(now: datetime, by: timedelta) -> datetime:
    try:
        return now + by
    except OverflowError as error:
        raise InvalidInputError("that is beyond the year 9999") from error
