"""The way of an event through the house: receive, process, deliver. Read this first.

    POST → receive → inbox → (ring) → process → decisions, timers, outbox → (ring) → deliver → the world

The database is the record and Redis only a doorbell: every step finds its work in the database, does it in one
transaction, and may be killed at any line. `receive` is `kulanz.receiving.intake`; the clock rings for whatever is due.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kulanz import host_time, metrics
from kulanz.clock import real_now
from kulanz.decision_log import Cause
from kulanz.docket import Docket
from kulanz.drain import apply_events
from kulanz.errands import PATIENCE, ask_for_missing, carry_out_due
from kulanz.errors import NotFoundError, RefusedError
from kulanz.keeping import retention
from kulanz.ordering import orders, versions
from kulanz.ordering.commands import Command
from kulanz.policy.facts import Fact
from kulanz.policy.model import Decision
from kulanz.services import Services
from kulanz.store import accounts, agenda, erasing, inbox, timers
from kulanz.store.database import Connection


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
    return Progress(events=ask_for_missing(services), effects=carry_out_due(services, limit))


def next_due(conn: Connection, now: datetime) -> datetime | None:
    """Return when there is something to do next if nothing arrives: a timer, the end of retention, a long wait."""
    timer, oldest = agenda.next_due(conn), inbox.oldest_waiting(conn)
    patience_ends = oldest + PATIENCE if oldest is not None and oldest + PATIENCE > now else None
    return min((moment for moment in (timer, patience_ends) if moment is not None), default=None)


def command(
    services: Services,
    account: str,
    order: Command,
    actor: str,
    *,
    signed_in: bool = False,
    dry_run: bool = False,
    then: Callable[[Connection, tuple[Fact, ...]], None] | None = None,
) -> Decision:
    """Carry out what a person ordered, at once; with `dry_run` say what would follow and write nothing (I8).

    `signed_in` says that the actor's name was authenticated: any other is a note, and approves nothing.
    `then` is called with the facts that the order was, in the same transaction: what it writes is written with them.
    """
    services.vault.prepare()
    with services.database.write() as tx:
        row = accounts.get(tx, account)
        if row is None:
            raise NotFoundError(f"no account {account!r}")
        if row.key is None:
            raise RefusedError(f"{account}: {erasing.GONE}")
        docket = Docket(services, tx, services.clock.now(tx))
        docket.take([row.id])
        versions.prepare(services, docket, tx, order, actor, dry_run=dry_run)
        facts = orders.facts_of(order, docket.account(row.id), docket.terms, actor, docket.now, signed_in=signed_in)
        decision = docket.decide(row.id, facts, Cause(kind="command", name=type(order).__name__, ref=actor))
        if not dry_run:
            docket.put_back()
            if then is not None:
                then(tx, facts)
    if not dry_run:
        services.bell.ring()
    return decision


def _is_due(services: Services) -> bool:
    """Whether anything is due by itself, by a clock that can be believed."""
    with services.database.read() as conn:
        moment = agenda.next_due(conn)
        if moment is None or moment > services.clock.now(conn):
            return False
    with services.database.relaxed() as tx:
        return services.clock.test_time(tx) is not None or host_time.believable(tx, real_now())


def _fire_timers(services: Services, limit: int) -> int:
    services.vault.prepare()
    with services.database.write() as tx:
        docket = Docket(services, tx, services.clock.now(tx))
        due = timers.due(tx, docket.now, limit)
        kinds: dict[str, list[str]] = {}
        for timer in due:
            kinds.setdefault(timer.account, []).append(timer.kind)
        docket.take(kinds)
        for account, names in kinds.items():
            docket.decide(account, (), Cause(kind="timer", name=names[0], ref=None))
        docket.put_back()
    for timer in due:
        metrics.TIMER_LATENESS.observe((docket.now - timer.due_at).total_seconds())
    return len(due)
