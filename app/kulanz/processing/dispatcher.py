"""Carrying effects out: is it still wanted, try it with no transaction open, tell the policy what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Event as Signal
from threading import Thread
from time import monotonic, sleep

from kulanz.delivery import Errand, Report, carry_out
from kulanz.delivery.report import State, parked
from kulanz.errors import FarEndError, StorageUnavailableError, UnreadableError, reason_of
from kulanz.policy.assess import assess
from kulanz.policy.consequences.effects import reported, still_wanted
from kulanz.policy.effects import (
    CancelSubscription,
    DisableLicence,
    Effect,
    Notify,
    RefundPayment,
    ResumeSubscription,
    SendMail,
)
from kulanz.policy.facts import Fact, Outcome, Provenance, SubscriptionSeen
from kulanz.privacy import erasure
from kulanz.processing.account_resolver import AddressBook
from kulanz.processing.decision_log import Cause
from kulanz.processing.events import alert_parked
from kulanz.processing.outbox import alert
from kulanz.processing.unit_of_work import Docket
from kulanz.providers import Routing
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import accounts, codec, erasing, inbox, outbox
from kulanz.store.database import Connection
from kulanz.store.inbox import Event
from kulanz.store.outbox import EffectRow
from kulanz.telemetry import metrics
from kulanz.telemetry.logs import log

AT_ONCE = 4
"""Accounts whose effects are carried out side by side: one slow far end does not hold up the others."""
LEASE = timedelta(seconds=4)
"""How long the effects of a worker that was killed wait for another; one that lives renews its leases."""
RENEWED_EVERY = timedelta(seconds=1)
RECORDED_WITHIN, RECORDED_AGAIN = 20.0, 0.5
"""Seconds for which an outcome that the database does not take is offered again, and between two offers."""
_SHOWN_UNDONE = (CancelSubscription, ResumeSubscription, RefundPayment, DisableLicence, Notify)
_FOR_A_PERSON = {State.PARKED: "effect_parked", State.TODO: "effect_to_do"}
PATIENCE = timedelta(days=7)
"""How long a payment waits for its subscription before the provider is asked (CONTRACT section 6)."""
MOST_CRASHES = 3
"""Workers that died at an effect, after which it is put aside."""
ASKED_AT_ONCE = 20
ASKED_AGAIN = 60.0
"""Seconds after which a provider that gave no answer is asked again."""


def carry_out_due(services: Services, limit: int) -> int:
    """Carry out a batch of effects that are due and return how many were tried.

    Where a worker died at one of an account's, they are carried out alone, after the others: it may do so again.
    """
    rows = outbox.lease(services.database, limit, real_now(), LEASE.total_seconds())
    rounds: dict[str, list[EffectRow]] = {}
    for row in rows:
        rounds.setdefault(row.account, []).append(row)
    if rows:
        with _renewed(services, [row.id for row in rows]):
            suspect = {account for account, those in rounds.items() if any(row.begun_at for row in those)}
            safe = [those for account, those in rounds.items() if account not in suspect]
            list(services.carriers(AT_ONCE).map(lambda rows: _carry_in_turn(services, rows), safe))
            for account in suspect:
                _carry_in_turn(services, rounds[account])
    return len(rows)


def ask_for_missing(services: Services) -> int:
    """Ask the provider for subscriptions that payments have waited for too long; what nobody knows is parked."""
    with services.database.read() as conn:
        before = services.clock.now(conn) - PATIENCE
        waiting = inbox.overdue_waiting(conn, before, ASKED_AT_ONCE)
    now = monotonic()
    due = [event for event in waiting if now >= services.asked_at.get(event.id, 0.0) + ASKED_AGAIN]
    services.asked_at.update((event.id, now) for event in due)
    return sum(_ask(services, event) for event in due)


@contextmanager
def _renewed(services: Services, ids: Sequence[str]) -> Iterator[None]:
    """Keep leases from lapsing while the block lasts. Where that fails, `outbox.begin` still keeps others apart."""
    done = Signal()

    def renew() -> None:
        while not done.wait(RENEWED_EVERY.total_seconds()):
            try:
                outbox.renew(services.database, ids, real_now() + LEASE)
            except StorageUnavailableError as error:
                log.warning("lease.not_renewed", detail=error.detail)

    thread = Thread(target=renew, name="leases", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _carry_in_turn(services: Services, rows: Sequence[EffectRow]) -> None:
    """Carry the effects of one account out in the order in which they were decided."""
    for row in rows:
        _carry(services, row)


def _carry(services: Services, row: EffectRow) -> None:
    """Carry one effect out if its account still wants it. A fault of our own is an attempt that failed.

    An attempt that began and told nobody its outcome was made by a worker that died: it counts.
    """
    lost = row.begun_at is not None
    attempts = row.attempts + lost
    try:
        with services.database.read() as conn:
            effect = _read(services, conn, row)
            wanted, now = _wanted(services, conn, row.account, effect), services.clock.now(conn)
    except (UnreadableError, ValueError, KeyError, LookupError) as error:
        with services.database.write() as tx:
            gone = row.kind in erasing.LETTERS and accounts.data_key(tx, row.account) is None
            state, reason = ("withdrawn", erasing.GONE) if gone else ("parked", reason_of(error))
            outbox.finish(tx, row.id, state, attempts=attempts + 1, error=reason, done_at=real_now())
        return
    if lost and isinstance(effect, SendMail):
        attempts = row.attempts
        report = Report(state=State.UNKNOWN, outcome=Outcome.UNKNOWN, error="a worker died while it was sent")
    elif lost and row.crashes + 1 >= MOST_CRASHES:
        report = parked(f"{MOST_CRASHES} workers died at it", Outcome.UNKNOWN)
    elif not wanted:
        report = Report(state=State.SKIPPED, outcome=Outcome.WITHDRAWN)
    elif not _begins(services, row):
        return
    else:
        errand = Errand(account=row.account, decided_at=row.created_at, now=now, attempts=attempts)
        report = carry_out(effect, services.means(), errand)
    _surely_conclude(services, row, effect, report, attempts)


def _begins(services: Services, row: EffectRow) -> bool:
    """Say durably that an attempt begins; False where our lease had lapsed and another worker was quicker."""
    with services.database.write() as tx:
        return outbox.begin(tx, row, real_now())


def _read(services: Services, conn: Connection, row: EffectRow) -> Effect:
    """Return what is to be done. An account that was closed since the row was leased left it sealed anew."""
    key = accounts.data_key(conn, row.account) if row.account else None
    if key:
        return codec.read_effect(row.kind, services.vault.data_key(key).open(row.payload))
    known = outbox.get(conn, row.id) if row.account else row
    return codec.read_effect(row.kind, services.vault.open((known or row).payload))


def _wanted(services: Services, conn: Connection, account: str, effect: Effect) -> bool:
    stored = accounts.get(conn, account)
    if stored is None or stored.book is None or stored.key is None:
        return True
    book = codec.unpack_book(services.vault.data_key(stored.key).open(stored.book))
    terms = services.terms(conn)
    state = assess(book, terms, book.word("timezone") or terms.timezone, services.clock.now(conn))
    return still_wanted(effect, state, book)


def _surely_conclude(services: Services, row: EffectRow, effect: Effect, report: Report, attempts: int) -> None:
    """Record an outcome, again and again while the database is away: nobody else knows what became of the attempt."""
    until = monotonic() + RECORDED_WITHIN
    while True:
        try:
            _conclude(services, row, effect, report, attempts)
        except StorageUnavailableError as error:
            if monotonic() > until:
                raise
            log.warning("effect.not_recorded", effect=row.id, detail=error.detail)
            sleep(RECORDED_AGAIN)
        else:
            return


def _conclude(services: Services, row: EffectRow, effect: Effect, report: Report, attempts: int) -> None:
    """Record an outcome, and what follows from it for the account, in one transaction."""
    retried = report.state is State.RETRY
    withdrawn = report.outcome is Outcome.WITHDRAWN
    state = "pending" if retried else "withdrawn" if withdrawn else str(report.state)
    services.vault.prepare()
    with services.database.write() as tx:
        outbox.finish(
            tx,
            row.id,
            state,
            attempts=attempts + (not withdrawn),
            error=report.error,
            next_attempt_at=real_now() + (report.retry_after or timedelta()) if retried else None,
            done_at=None if retried else real_now(),
        )
        if row.account and not _hear(services, tx, row, effect, report):
            _forget(services, tx, row)
        _alert_of(services, tx, row, effect, report.state)
    metrics.EFFECT_ATTEMPTS.labels(row.kind, state).inc()
    log.info("effect.tried", effect=row.id, type=row.type, state=state, attempts=attempts + (not withdrawn))


def _alert_of(services: Services, tx: Connection, row: EffectRow, effect: Effect, state: State) -> None:
    """Tell operators of a call at the provider, or of news for the product, that now waits for a person."""
    topic = _FOR_A_PERSON.get(state)
    told_of = isinstance(effect, _SHOWN_UNDONE) and row.type != "ops.alert"
    if topic is not None and told_of:
        alert(services, tx, topic=topic, subject=row.id, account=row.account or None)


def _hear(services: Services, tx: Connection, row: EffectRow, effect: Effect, report: Report) -> bool:
    """Let the account know what became of an effect; False where it was closed for good meanwhile."""
    docket = Docket(services, tx, services.clock.now(tx))
    docket.take([row.account])
    if docket.erased(row.account):
        return False
    facts: tuple[Fact, ...] = report.facts
    if report.outcome is not None and report.state is not State.RETRY:
        facts += reported(effect, report.outcome, docket.now, docket.account(row.account).book.with_facts(report.facts))
    if facts:
        docket.decide(row.account, facts, Cause(kind="effect", name=row.type, ref=row.id))
        docket.put_back()
    return True


def _forget(services: Services, tx: Connection, row: EffectRow) -> None:
    """Leave nothing of a letter that was under way while its account was destroyed, and never try it again."""
    if row.kind in erasing.LETTERS:
        erasure.remove_files(services, [row])
        outbox.finish(tx, row.id, "withdrawn", attempts=row.attempts, error=erasing.GONE, done_at=real_now())


def _ask(services: Services, event: Event) -> bool:
    """Look up what one payment waits for. No answer leaves it waiting; somebody asks again."""
    _, kind, own_id = (event.waits_for or "::").split(":", 2)
    if kind not in {"subscription", ""}:
        return _give_up(
            services, event, f"nobody has told of its {kind} for 7 days: does the provider send such events?"
        )
    client = services.means().providers.get(event.provider)
    if client is None:
        return _give_up(services, event, "nobody has told of its subscription for 7 days, and no API key is set to ask")
    try:
        seen = client.subscription(own_id)
    except FarEndError as error:
        log.warning("subscription.not_answered", inbox=event.id, error=error.detail)
        return False
    if seen is None:
        return _give_up(services, event, "the provider knows no such subscription; another store or mode, perhaps")
    return _make_known(services, event, seen)


def _give_up(services: Services, event: Event, reason: str) -> bool:
    with services.database.write() as tx:
        inbox.failed(tx, event.id, reason, permanent=True, now_real=real_now(), account=event.account)
        alert_parked(services, tx, event.id)
    return True


def _make_known(services: Services, event: Event, seen: SubscriptionSeen) -> bool:
    routing = _routing(services, event)
    services.vault.prepare()
    with services.database.write() as tx:
        book = AddressBook(tx, [routing])
        account = book.address(routing, shows=True)
        if account is None:
            return False
        docket = Docket(services, tx, services.clock.now(tx))
        docket.take([account])
        if docket.erased(account):
            inbox.skip(tx, event.id, erasing.GONE)
            return True
        docket.decide(account, (_reconciled(seen),), Cause(kind="effect", name="looked_up", ref=f"evt_{event.id}"))
        docket.put_back()
        book.write()
        inbox.wake(tx, [event.waits_for or ""])
    return True


def _routing(services: Services, event: Event) -> Routing:
    provider = services.providers[event.provider]
    return provider.route(provider.decode(services.vault.open(event.body)), services.naming)


def _reconciled(seen: SubscriptionSeen) -> SubscriptionSeen:
    return seen if seen.provenance is Provenance.RECONCILED else replace(seen, provenance=Provenance.RECONCILED)
