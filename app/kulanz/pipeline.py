"""The workers' two steps: process received events and due timers, deliver outgoing actions. Read this first.

    POST → Receiver → inbox → (wake up) → process → decisions, timers, outbox → (wake up) → deliver → callbacks, mail

The first step, receiving, is in the web process: `kulanz.ingest.receiver`. The jobs of `kulanz_workers.jobs` call
`process` and `deliver`; the scheduler wakes them for everything that is due. The database is the record, Redis only
wakes workers. Each step finds its work in the database, does it in one transaction, and may be killed at any line.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kulanz.policy.areas.keeping.area import SHARED_END
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
    """Progress of one step of the pipeline."""

    events: int = 0
    timers: int = 0
    archived: int = 0
    """Classes of archived records that were destroyed, because their legal retention is over."""
    effects: int = 0

    @property
    def moved(self) -> bool:
        """Whether there may be more."""
        return bool(self.events or self.timers or self.archived or self.effects)


def process(services: Services, limit: int = 500) -> Progress:
    """Apply received events, fire due timers, destroy archived records whose time is over: one transaction each.

    Safe to run anywhere, any time.
    """
    with services.database.drain_lock():
        events = apply_events(services, limit)
        if not _is_due(services):
            return Progress(events=events)
        timers_fired = _fire_timers(services, limit)
        return Progress(events=events, timers=timers_fired, archived=retention.destroy_archived(services, None))


def deliver(services: Services, limit: int = 50) -> Progress:
    """Deliver a batch of due outgoing actions; no transaction is open across the network."""
    return Progress(events=look_up_missing(services), effects=dispatch_due(services, limit))


def next_due(conn: Connection, now: datetime) -> datetime | None:
    """Return the time of the next work if no event arrives: for `kulanz clock advance`, which goes there.

    That is a timer, the end of a retention, or the look at the provider for a subscription that an event waits for.
    """
    timer, oldest = timers.next_due_or_expiry(conn, but=facts_first.HELD_BACK), inbox.oldest_waiting(conn)
    wait_ends = (
        oldest + MISSING_SUBSCRIPTION_AFTER
        if oldest is not None and oldest + MISSING_SUBSCRIPTION_AFTER > now
        else None
    )
    return min((moment for moment in (timer, wait_ends) if moment is not None), default=None)


def _is_due(services: Services) -> bool:
    """Whether a timer or the end of a retention is due, by a clock that did not jump."""
    with services.database.read() as conn:
        moment = timers.next_due_or_expiry(conn)
        if moment is None or moment > services.clock.now(conn):
            return False
    with services.database.relaxed() as tx:
        return services.clock.test_time(tx) is not None or clock_guard.is_trusted(tx, real_now())


def _fire_timers(services: Services, limit: int) -> int:
    """Decide about the accounts of timers that came due before `facts_first.horizon`.

    The horizon is the time up to which every delivery acknowledged earlier is applied: no account loses access by a
    timer while its payment lies in the inbox.
    """
    services.vault.prepare()
    with services.database.write() as tx:
        now = services.clock.now(tx)
        until = facts_first.horizon(services, tx, now)
        if until is None:
            return 0
        # Up to the horizon no account is behind its events: the unit of work need not ask.
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
