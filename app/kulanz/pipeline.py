"""The pipeline of an event: receive, process, deliver. Read this first.

    POST → receive → inbox → (wake up) → process → decisions, timers, outbox → (wake up) → deliver → callbacks, mail

The database is the record; Redis only wakes workers. Each step finds its work in the database, does it in one
transaction, and may be killed at any line. `receive` is `kulanz.ingest.receiver`; the scheduler wakes workers for
everything that is due.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kulanz.policy.areas.sharing.area import SHARED_END
from kulanz.privacy import retention
from kulanz.processing import facts_first, owners
from kulanz.processing.decision_log import Cause
from kulanz.processing.dispatcher import MISSING_SUBSCRIPTION_AFTER, dispatch_due, look_up_missing
from kulanz.processing.events import apply_events
from kulanz.processing.unit_of_work import UnitOfWork
from kulanz.runtime import clock_guard
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import inbox, timers
from kulanz.store.database import Connection
from kulanz.telemetry import metrics


@dataclass(frozen=True, slots=True)
class Progress:
    """What one step of the pipeline moved."""

    events: int = 0
    timers: int = 0
    effects: int = 0

    @property
    def moved(self) -> bool:
        """Whether there may be more."""
        return bool(self.events or self.timers or self.effects)


def process(services: Services, limit: int = 500) -> Progress:
    """Apply a batch of received events and of due timers, each in one transaction. Safe to run anywhere, any time."""
    with services.database.drain_lock():
        events = apply_events(services, limit)
        if not _is_due(services):
            return Progress(events=events)
        return Progress(
            events=events, timers=_fire_timers(services, limit) + retention.destroy_archived(services, None)
        )


def deliver(services: Services, limit: int = 50) -> Progress:
    """Carry out a batch of effects that are due; no transaction is open across the network."""
    return Progress(events=look_up_missing(services), effects=dispatch_due(services, limit))


def next_due(conn: Connection, now: datetime) -> datetime | None:
    """Return when there is something to do next if nothing arrives: a timer, the end of retention, a long wait."""
    timer, oldest = timers.next_due_or_expiry(conn, but=facts_first.HELD_BACK), inbox.oldest_waiting(conn)
    patience_ends = (
        oldest + MISSING_SUBSCRIPTION_AFTER
        if oldest is not None and oldest + MISSING_SUBSCRIPTION_AFTER > now
        else None
    )
    return min((moment for moment in (timer, patience_ends) if moment is not None), default=None)


def _is_due(services: Services) -> bool:
    """Whether anything is due by itself, by a clock that can be believed."""
    with services.database.read() as conn:
        moment = timers.next_due_or_expiry(conn)
        if moment is None or moment > services.clock.now(conn):
            return False
    with services.database.relaxed() as tx:
        return services.clock.test_time(tx) is not None or clock_guard.is_trusted(tx, real_now())


def _fire_timers(services: Services, limit: int) -> int:
    """Fire what is due once everything that lay in the inbox when it came due is settled."""
    services.vault.prepare()
    with services.database.write() as tx:
        now = services.clock.now(tx)
        until = facts_first.horizon(services, tx, now)
        if until is None:
            return 0
        unit_of_work = UnitOfWork(services, tx, now, is_behind=lambda _: False)
        due = timers.due(tx, now, limit, until=until)
        kinds: dict[str, list[str]] = {}
        for timer in due:
            kinds.setdefault(timer.account, []).append(timer.kind)
        ended = [(timer.account, timer.subject) for timer in due if timer.kind == SHARED_END]
        owners.end_sharing(tx, unit_of_work, ended, kinds)
        for account, names in kinds.items():
            unit_of_work.decide(account, (), Cause(kind="timer", name=names[0], ref=None))
        unit_of_work.save()
    for timer in due:
        metrics.TIMER_LATENESS.observe((unit_of_work.now - timer.due_at).total_seconds())
    return len(due)
