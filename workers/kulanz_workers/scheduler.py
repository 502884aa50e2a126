"""The clock: every second it rings if anything is due. It works nothing off itself, and a late tick loses nothing."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta

from kulanz.errors import KulanzError
from kulanz.privacy.vacuum import Scrubbing
from kulanz.reconcile.night import Night
from kulanz.runtime import clock_guard
from kulanz.runtime.clock import real_now
from kulanz.runtime.notifier import EFFECTS, EVENTS
from kulanz.services import Services
from kulanz.store import inbox, outbox, timers
from kulanz.store.database import Connection
from kulanz.telemetry import metrics
from kulanz.telemetry.logs import log

TICK = 1.0
REPAIRED_AFTER = timedelta(seconds=2)
"""What has been due for longer was not brought forward by the ring that came with it."""
RENEWED_BY = 3.0
"""Seconds after which every living worker has renewed its leases."""
LONGEST_LEASE = timedelta(minutes=1)
"""Much longer than a lease is made for."""
ROUND = 60.0
"""Seconds after which it rings in any case, for what is found only by looking (events that have waited for a week)."""


class Clock:
    """Remembers when it last did what is not done every second."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._rounded_at = float("-inf")
        self._away = False
        self._night = Night(services)
        self.scrubbing = Scrubbing(services)
        self._watch = clock_guard.Watch(real_now())
        self._mend_at = 0.0

    def run(self, stopping: threading.Event) -> None:
        """Tick until told to stop."""
        while not stopping.is_set():
            self._attempt()
            stopping.wait(TICK)

    def tick(self) -> frozenset[str]:
        """Look once; return the queues that were rung for."""
        database = self._services.database
        self._night.look(real_now())
        self.scrubbing.look()
        self._mend()
        with database.relaxed() as tx:
            may_fire = clock_guard.believable(tx, real_now()) or self._services.clock.test_time(tx) is not None
        with database.read() as conn:
            due = self._due(conn, may_fire=may_fire)
        for queue in due:
            self._services.bell.ring(queue)
        return due

    def _mend(self) -> None:
        """After the host's clock was set back, let nothing wait until it is again as late as it was.

        It may have been while no clock ran: the first tick mends, too. Leases are left for a moment, in which whoever
        lives renews his.
        """
        if self._watch.set_back(real_now()):
            log.warning("clock.set_back")
            self._mend_at = time.monotonic() + RENEWED_BY
        if time.monotonic() < self._mend_at:
            return
        self._mend_at = float("inf")
        with self._services.database.relaxed() as tx:
            outbox.bring_forward(tx, real_now())
            outbox.free(tx, real_now() + LONGEST_LEASE)

    def _attempt(self) -> None:
        try:
            self.tick()
            self._away = False
        except KulanzError as error:
            if not self._away:
                log.warning("clock.put_off", error=type(error).__name__, detail=error.detail)
            self._away = True

    def _due(self, conn: Connection, *, may_fire: bool) -> frozenset[str]:
        if time.monotonic() - self._rounded_at >= ROUND:
            self._rounded_at = time.monotonic()
            return frozenset({EVENTS, EFFECTS})
        next_timer = timers.next_due_or_expiry(conn) if may_fire else None
        timer_due = next_timer is not None and next_timer <= self._services.clock.now(conn)
        effect, event = outbox.oldest_pending(conn), inbox.oldest_received(conn)
        effect_due = effect is not None and effect <= real_now()
        _count_repairs(_long(event, self._services.clock.now(conn)), _long(effect, real_now()))
        return frozenset(({EVENTS} if timer_due or event is not None else set()) | ({EFFECTS} if effect_due else set()))


def _long(since: datetime | None, now: datetime) -> bool:
    return since is not None and now - since > REPAIRED_AFTER


def _count_repairs(events: bool, effects: bool) -> None:  # noqa: FBT001
    """Count the rings for what its own ring should have brought forward long ago."""
    for queue, late in ((EVENTS, events), (EFFECTS, effects)):
        if late:
            metrics.REPAIRS.labels(queue).inc()
