"""Scheduler: notifies the workers of due work every second. It processes nothing itself."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta

from kulanz.errors import KulanzError
from kulanz.privacy.after_restore import HeadLoop
from kulanz.privacy.vacuum import VacuumLoop
from kulanz.reconcile.event_subscriptions import EventSubscriptionsLoop
from kulanz.reconcile.schedule import ReconcileSchedule
from kulanz.runtime import clock_guard
from kulanz.runtime.clock import real_now
from kulanz.runtime.notifier import EFFECTS_QUEUE, EVENTS_QUEUE
from kulanz.services import Services
from kulanz.store import inbox, outbox, timers
from kulanz.store.database import Connection
from kulanz.telemetry import metrics
from kulanz.telemetry.logs import log
from kulanz_workers.alert_loop import AlertLoop

TICK_INTERVAL = 1.0
LATE_AFTER = timedelta(seconds=2)
"""Work that has been due for longer was not started by its own wake-up signal."""
LEASES_RENEWED_WITHIN = 3.0
"""Seconds after which every living worker has renewed its leases."""
MAX_LEASE = timedelta(minutes=1)
"""Much longer than a lease is made for."""
FULL_ROUND_INTERVAL = 60.0
"""Longest pause between two notifications, for work without a timer (events that have waited for a week)."""


class Scheduler:
    """Remembers the last run of each task that does not run every second."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._rounded_at = float("-inf")
        self._away = False
        self._reconcile_schedule = ReconcileSchedule(services)
        self._event_subscriptions_loop = EventSubscriptionsLoop(services)
        self.vacuum_loop = VacuumLoop(services)
        self.head_loop = HeadLoop(services)
        self._alert_loop = AlertLoop(services)
        self._clock_watch = clock_guard.ClockWatch(real_now())
        self._repair_at = 0.0

    def run(self, stopping: threading.Event) -> None:
        """Tick until a signal stops the scheduler."""
        while not stopping.is_set():
            self._attempt()
            stopping.wait(TICK_INTERVAL)

    def tick(self) -> frozenset[str]:
        """Look once; return the queues that were notified."""
        database = self._services.database
        self._reconcile_schedule.tick(real_now())
        self._event_subscriptions_loop.tick(real_now())
        self.vacuum_loop.tick()
        self.head_loop.tick()
        self._alert_loop.tick()
        self._repair_after_clock_step()
        with database.relaxed() as tx:
            may_fire = clock_guard.is_trusted(tx, real_now()) or self._services.clock.test_time(tx) is not None
        with database.read() as conn:
            due = self._due(conn, may_fire=may_fire)
        for queue in due:
            self._services.notifier.notify(queue)
        return due

    def _repair_after_clock_step(self) -> None:
        """Move due times after the host's clock was set back, so that no action waits for the old time.

        The clock may have been set back while no scheduler ran: the first tick corrects, too. Leases are left alone at
        first: living workers renew theirs.
        """
        if self._clock_watch.was_set_back(real_now()):
            log.warning("clock.set_back")
            self._repair_at = time.monotonic() + LEASES_RENEWED_WITHIN
        if time.monotonic() < self._repair_at:
            return
        self._repair_at = float("inf")
        with self._services.database.relaxed() as tx:
            outbox.bring_forward(tx, real_now())
            outbox.free(tx, real_now() + MAX_LEASE)

    def _attempt(self) -> None:
        try:
            self.tick()
            self._away = False
        except KulanzError as error:
            if not self._away:
                log.warning("scheduler.put_off", error=type(error).__name__, detail=error.detail)
            self._away = True

    def _due(self, conn: Connection, *, may_fire: bool) -> frozenset[str]:
        if time.monotonic() - self._rounded_at >= FULL_ROUND_INTERVAL:
            self._rounded_at = time.monotonic()
            return frozenset({EVENTS_QUEUE, EFFECTS_QUEUE})
        next_timer = timers.next_due_or_expiry(conn) if may_fire else None
        timer_due = next_timer is not None and next_timer <= self._services.clock.now(conn)
        effect, event = outbox.oldest_pending(conn), inbox.oldest_received(conn)
        effect_due = effect is not None and effect <= real_now()
        _count_repairs(_is_late(event, self._services.clock.now(conn)), _is_late(effect, real_now()))
        return frozenset(
            ({EVENTS_QUEUE} if timer_due or event is not None else set()) | ({EFFECTS_QUEUE} if effect_due else set())
        )


def _is_late(since: datetime | None, now: datetime) -> bool:
    return since is not None and now - since > LATE_AFTER


def _count_repairs(events: bool, effects: bool) -> None:  # noqa: FBT001
    """Count the signals for work that its own wake-up signal should have started long ago."""
    for queue, late in ((EVENTS_QUEUE, events), (EFFECTS_QUEUE, effects)):
        if late:
            metrics.NOTIFICATION_REPAIRS.labels(queue).inc()
