"""The way of an event through the house: receive, process, deliver. Read this first.

    POST → receive → inbox → (ring) → process → decisions, timers, outbox → (ring) → deliver → the world

The database is the record and Redis only a doorbell: every step finds its work in the database, does it in one
transaction, and may be killed at any line. `receive` is `app.intake`; the clock rings for whatever is due.
"""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from app import coding, orders
from app.addressing import AddressBook
from app.clock import real_now
from app.commands import Command
from app.docket import Cause, Docket
from app.errors import KulanzError, NotFoundError, StorageUnavailableError, UntranslatableError
from app.gateway import LONGEST_ATTEMPT, Errand, Report, carry_out
from app.gateway.report import State as Delivery
from app.policy.assess import assess
from app.policy.effects import Effect, SendMail
from app.policy.facts import Fact, Outcome
from app.policy.model import Decision
from app.policy.telling import reported, still_wanted
from app.providers import PROVIDERS, Routing
from app.services import Services
from app.store import accounts, inbox, marks, outbox, timers
from app.store.database import Connection
from app.store.inbox import Event, Settled
from app.store.outbox import EffectRow

log = structlog.get_logger()

CLOCK_JUMPED = "clock_jump"
"""The mark that keeps timers from firing until an operator has looked at the host's clock."""


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
        return Progress(events=_apply_events(services, limit), timers=_fire_timers(services, limit))


def deliver(services: Services, limit: int = 50) -> Progress:
    """Carry out a batch of effects that are due; no transaction is open across the network."""
    rows = outbox.lease(services.database, limit, real_now(), LONGEST_ATTEMPT.total_seconds())
    for row in rows:
        _carry(services, row)
    return Progress(effects=len(rows))


def command(services: Services, account: str, order: Command, actor: str, *, dry_run: bool = False) -> Decision:
    """Carry out what a person ordered, at once; with `dry_run` say what would follow and write nothing (I8)."""
    with services.database.write() as tx:
        row = accounts.get(tx, account)
        if row is None:
            raise NotFoundError(f"no account {account!r}")
        docket = Docket(services, tx, services.clock.now(tx))
        docket.take([row.id])
        facts = orders.facts_of(order, docket.account(row.id), docket.terms, actor, docket.now)
        decision = docket.decide(row.id, facts, Cause(kind="command", name=type(order).__name__, ref=actor))
        if not dry_run:
            docket.put_back()
    if not dry_run:
        services.bell.ring()
    return decision


# Events


def _apply_events(services: Services, limit: int) -> int:
    worker = f"{socket.gethostname()}:{os.getpid()}"
    ids = inbox.claim(services.database, worker, limit, real_now())
    if not ids:
        return 0
    try:
        _apply(services, ids, worker)
    except StorageUnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, one event must not hold up the others
        log.warning("batch.failed", events=len(ids), error=_reason(error))
        _one_by_one(services, ids, worker)
    return len(ids)


def _one_by_one(services: Services, ids: Sequence[int], worker: str) -> None:
    """Apply each event of a failed batch alone, and count the failure against the one that fails."""
    for event in ids:
        try:
            _apply(services, [event], worker)
        except StorageUnavailableError:
            raise
        except Exception as error:
            log.warning("event.failed", inbox=event, error=_reason(error))
            with services.database.write() as tx:
                state = inbox.failed(tx, event, _reason(error), permanent=False, now_real=real_now())
                if state == "parked":
                    _alert_parked(services, tx, event)


def _apply(services: Services, ids: Sequence[int], worker: str) -> None:
    with services.database.write() as tx:
        batch = _Batch(services, tx, inbox.take(tx, ids, worker))
        batch.apply()
        inbox.release(tx, worker)


class _Batch:
    """Some events on their way from rows to facts to decisions, within one transaction."""

    def __init__(self, services: Services, tx: Connection, events: Sequence[Event]) -> None:
        self._services = services
        self._tx = tx
        self._events = {event.id: event for event in events}
        self._docket = Docket(services, tx, services.clock.now(tx))
        self._bodies: dict[int, bytes] = {}
        self._payloads: dict[int, dict[str, object]] = {}
        self._settled: list[Settled] = []

    def apply(self) -> None:
        """Read, address, translate, decide, and settle every event."""
        routings = {event.id: routing for event in self._events.values() if (routing := self._route(event))}
        book = AddressBook(self._tx, routings.values())
        heard = self._address(routings, book)
        self._docket.take({account for account, _, _ in heard})
        for old, new in book.renamed.items():
            self._docket.join(old, new, Cause(kind="event", name="account_named", ref=new))
        for account, event, facts in sorted(heard, key=_order):
            self._decide(account, event, facts)
        self._docket.put_back()
        book.write()
        inbox.settle(self._tx, self._settled, self._docket.now)
        appeared = {routing.subscription for routing in routings.values() if not routing.needs_subscription}
        if appeared:
            inbox.wake(self._tx, {name for name in appeared if name is not None})

    def _route(self, event: Event) -> Routing | None:
        """Read one event; what cannot be read is parked with its reason."""
        provider = PROVIDERS[event.provider]
        try:
            body = self._open(event)
            payload = provider.decode(body)
        except KulanzError as error:
            self._park(event, error.detail, event.account)
            return None
        self._bodies[event.id], self._payloads[event.id] = body, payload
        return provider.route(payload, self._services.naming)

    def _open(self, event: Event) -> bytes:
        if event.account is None:
            return self._services.vault.open(event.body)
        key = accounts.data_key(self._tx, event.account)
        if key is None:
            raise UntranslatableError("the account's key was destroyed")
        return self._services.vault.data_key(key).open(event.body)

    def _address(self, routings: dict[int, Routing], book: AddressBook) -> list[tuple[str, Event, tuple[Fact, ...]]]:
        """Find each event's account and facts; a payment whose subscription is unknown waits for it."""
        heard: list[tuple[str, Event, tuple[Fact, ...]]] = []
        for ident, routing in sorted(routings.items(), key=lambda item: item[1].needs_subscription):
            event = self._events[ident]
            if routing.needs_subscription and not book.knows(routing.subscription):
                self._settled.append(
                    Settled(
                        event.id,
                        "waiting",
                        event.account,
                        event.body,
                        "its subscription is not known yet",
                        routing.subscription,
                    )
                )
                continue
            account = book.address(routing)
            if account is None:
                self._park(event, "it names neither an account nor a customer", None)
                continue
            try:
                heard.append((account, event, self._translate(event)))
            except UntranslatableError as error:
                self._park(event, error.detail, account)
        return [(book.renamed.get(account, account), event, facts) for account, event, facts in heard]

    def _translate(self, event: Event) -> tuple[Fact, ...]:
        provider = PROVIDERS[event.provider]
        digest = provider.glance(self._bodies[event.id]).content_key.hex()
        return provider.translate(event.name, self._payloads[event.id], digest, self._services.naming)

    def _decide(self, account: str, event: Event, facts: tuple[Fact, ...]) -> None:
        cause = Cause(kind="event", name=event.name, ref=f"evt_{event.id}")
        decision = self._docket.decide(account, facts, cause)
        name = self._docket.name(account)
        body = event.body if event.account == name else self._docket.seal(account, self._bodies[event.id])
        self._settled.append(Settled(event.id, "handled", name, body, facts_at=_at(facts)))
        if decision.changed:
            log.info(
                "event.applied", inbox=event.id, name=event.name, rule=decision.principal and decision.principal.rule
            )

    def _park(self, event: Event, reason: str, account: str | None) -> None:
        inbox.failed(self._tx, event.id, reason, permanent=True, now_real=real_now(), account=account)
        _alert_parked(self._services, self._tx, event.id)


def _order(item: tuple[str, Event, tuple[Fact, ...]]) -> tuple[str, datetime, int]:
    account, event, facts = item
    return account, _at(facts) or event.received_at, event.id


def _at(facts: tuple[Fact, ...]) -> datetime | None:
    found = [at for fact in facts if (at := getattr(fact, "at", None) or _stamped(fact)) is not None]
    return min(found, default=None)


def _stamped(fact: Fact) -> datetime | None:
    stamp = getattr(fact, "stamp", None)
    return stamp.at if stamp is not None else None


def _alert_parked(services: Services, tx: Connection, event: int) -> None:
    """Tell operators at once: while an event is parked, dunning takes nothing from its account."""
    orders.alert(services, tx, topic="event_parked", subject=f"evt_{event}")


def _reason(error: Exception) -> str:
    """Say what went wrong and where, without the values that were at hand: they may be personal."""
    if isinstance(error, KulanzError):
        return error.detail
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


# Timers


def _fire_timers(services: Services, limit: int) -> int:
    with services.database.read() as conn:
        if not timers.due(conn, services.clock.now(conn), 1) or marks.get(conn, CLOCK_JUMPED) is not None:
            return 0
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
    return len(due)


# Effects


def _carry(services: Services, row: EffectRow) -> None:
    """Carry one effect out if its account still wants it, and tell the policy what became of it."""
    with services.database.read() as conn:
        effect = _read(services, conn, row)
        wanted, now = _wanted(services, conn, row.account, effect), services.clock.now(conn)
    lost = row.lease_until is not None
    attempts = row.attempts + lost
    if not wanted:
        report = Report(state=Delivery.SKIPPED, outcome=Outcome.WITHDRAWN)
    elif lost and isinstance(effect, SendMail):
        report = Report(state=Delivery.UNKNOWN, outcome=Outcome.UNKNOWN, error="a worker died while it was sent")
    else:
        errand = Errand(account=row.account, decided_at=row.created_at, now=now, attempts=attempts)
        report = carry_out(effect, services.means(), errand)
    _conclude(services, row, effect, report, attempts)


def _read(services: Services, conn: Connection, row: EffectRow) -> Effect:
    key = accounts.data_key(conn, row.account)
    payload = services.vault.data_key(key).open(row.payload) if key else services.vault.open(row.payload)
    return coding.read_effect(row.kind, payload)


def _wanted(services: Services, conn: Connection, account: str, effect: Effect) -> bool:
    stored = accounts.get(conn, account)
    if stored is None or stored.book is None or stored.key is None:
        return True
    book = coding.unpack_book(services.vault.data_key(stored.key).open(stored.book))
    terms = services.terms(conn)
    state = assess(book, terms, book.word("timezone") or terms.timezone, services.clock.now(conn))
    return still_wanted(effect, state, book)


def _conclude(services: Services, row: EffectRow, effect: Effect, report: Report, attempts: int) -> None:
    retried = report.state is Delivery.RETRY
    withdrawn = report.outcome is Outcome.WITHDRAWN
    with services.database.write() as tx:
        outbox.finish(
            tx,
            row.id,
            "pending" if retried else "withdrawn" if withdrawn else str(report.state),
            attempts=attempts + (not withdrawn),
            error=report.error,
            next_attempt_at=real_now() + (report.retry_after or timedelta()) if retried else None,
            done_at=None if retried else real_now(),
        )
        _hear(services, tx, row, effect, report)
    log.info("effect.tried", effect=row.id, type=row.type, state=str(report.state), attempts=attempts + 1)


def _hear(services: Services, tx: Connection, row: EffectRow, effect: Effect, report: Report) -> None:
    if accounts.get(tx, row.account) is None:
        return
    docket = Docket(services, tx, services.clock.now(tx))
    docket.take([row.account])
    outcome = None if report.state is Delivery.RETRY else report.outcome
    book = docket.account(row.account).book
    facts = (*report.facts, *(reported(effect, outcome, docket.now, book) if outcome else ()))
    if facts:
        docket.decide(row.account, facts, Cause(kind="effect", name=row.type, ref=row.id))
        docket.put_back()
