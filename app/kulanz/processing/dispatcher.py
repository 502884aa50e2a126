"""The dispatcher: leases due effects, checks that each is still wanted, attempts it outside any transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic, sleep

from msgspec.structs import replace as evolve

from kulanz.crypto import places
from kulanz.delivery import Attempt, AttemptReport, deliver, pay_links, with_words
from kulanz.delivery.pay_links import NewLink
from kulanz.delivery.report import AttemptState, parked
from kulanz.errors import (
    FarEndError,
    NotSentError,
    StorageUnavailableError,
    UnreadableError,
    UntranslatableError,
    reason_of,
)
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
from kulanz.privacy import after_restore, erasure
from kulanz.processing import owners
from kulanz.processing.account_resolver import AccountResolver
from kulanz.processing.decision_log import Cause
from kulanz.processing.events import alert_parked
from kulanz.processing.lease import Lease
from kulanz.processing.outbox import alert
from kulanz.processing.unit_of_work import UnitOfWork
from kulanz.processing.write_guard import WriteGuard, earlier_request
from kulanz.providers import Routing
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import accounts, codec, erasing, inbox, ledger, outbox
from kulanz.store import pay_links as stored_links
from kulanz.store.database import Connection
from kulanz.store.inbox import Event, SettledEvent
from kulanz.store.outbox import EffectRow
from kulanz.telemetry import metrics
from kulanz.telemetry.logs import log

CONCURRENT_ACCOUNTS = 4
"""Accounts whose effects are delivered side by side: one slow remote server does not hold up the others."""
RECORD_RETRY_FOR, RECORD_RETRY_INTERVAL = 20.0, 0.5
"""Seconds for which an outcome is offered to an unavailable database, and between two offers."""
_ALERTED_WHEN_UNDONE = (CancelSubscription, ResumeSubscription, RefundPayment, DisableLicence, Notify)
_ALERT_TOPICS = {AttemptState.PARKED: "effect_parked", AttemptState.TODO: "effect_to_do"}
MISSING_SUBSCRIPTION_AFTER = timedelta(days=7)
"""Time that a payment waits for its subscription before the provider is asked (CONTRACT section 6)."""
MAX_CRASHES = 3
"""Number of workers that may die at an effect before it is parked."""
LOOKUP_BATCH = 20
LOOKUP_RETRY_SECONDS = 60.0
"""Seconds after which a provider that did not answer is asked again."""


def dispatch_due(services: Services, limit: int) -> int:
    """Deliver a batch of due effects and return how many were tried.

    The effects of an account at which a worker died are delivered last and alone: they may kill another worker.
    """
    lease = Lease(services.database, services.send_timing)
    leased = lease.take(limit)
    rows = after_restore.without_held(services, leased) if leased else leased
    by_account: dict[str, list[EffectRow]] = {}
    for row in rows:
        by_account.setdefault(row.account, []).append(row)
    if rows:
        with lease.renewed():
            suspect = {account for account, batch in by_account.items() if any(row.begun_at for row in batch)}
            safe = [batch for account, batch in by_account.items() if account not in suspect]
            threads = services.dispatch_pool(CONCURRENT_ACCOUNTS)
            list(threads.map(lambda rows: _dispatch_in_order(services, lease, rows), safe))
            for account in suspect:
                _dispatch_in_order(services, lease, by_account[account])
    return len(leased)


def look_up_missing(services: Services) -> int:
    """Ask the provider for subscriptions that payments have waited for too long; park payments of unknown ones."""
    with services.database.read() as conn:
        before = services.clock.now(conn) - MISSING_SUBSCRIPTION_AFTER
        waiting = inbox.overdue_waiting(conn, before, LOOKUP_BATCH)
    now = monotonic()
    due = [event for event in waiting if now >= services.looked_up_at.get(event.id, 0.0) + LOOKUP_RETRY_SECONDS]
    services.looked_up_at.update((event.id, now) for event in due)
    return sum(_look_up(services, event) for event in due)


def _dispatch_in_order(services: Services, lease: Lease, rows: Sequence[EffectRow]) -> None:
    """Deliver the effects of one account in the order of its decisions."""
    for row in rows:
        _dispatch(services, lease, row)


def _dispatch(services: Services, lease: Lease, row: EffectRow) -> None:
    """Deliver one effect if its account still wants it. An error of our own counts as a failed attempt.

    An attempt with a start and no outcome belongs to a worker that died: it counts as an attempt.
    """
    interrupted = row.begun_at is not None
    settled = False
    attempts = row.attempts + interrupted
    try:
        with services.database.read() as conn:
            effect = _load_effect(services, conn, row)
            wanted, now = _is_still_wanted(services, conn, row.account, effect), services.clock.now(conn)
    except (UnreadableError, ValueError, KeyError, LookupError) as error:
        with services.database.write() as tx:
            gone = row.kind in erasing.PERSONAL_EFFECT_KINDS and accounts.data_key(tx, row.account) is None
            state, reason = ("withdrawn", erasing.ERASED) if gone else ("parked", reason_of(error))
            outbox.finish(tx, row.id, state, attempts=attempts + 1, error=reason, done_at=real_now())
        return
    if interrupted and isinstance(effect, SendMail):
        attempts = row.attempts
        report = AttemptReport(
            state=AttemptState.UNKNOWN, outcome=Outcome.UNKNOWN, error="a worker died while it was sent"
        )
    elif interrupted and row.crashes + 1 >= MAX_CRASHES:
        report = parked(f"{MAX_CRASHES} workers died at it", Outcome.UNKNOWN)
    elif not wanted:
        report = AttemptReport(state=AttemptState.SKIPPED, outcome=Outcome.WITHDRAWN)
    else:
        guard = WriteGuard(services, lease, row, moves_money=isinstance(effect, RefundPayment))
        attempt = Attempt(
            account=row.account,
            decided_at=row.created_at,
            now=now,
            attempts=attempts,
            before_write=guard.pass_through,
            earlier=earlier_request(services, row),
        )
        written, fault = with_words(effect, services.channels(), attempt) if row.account else (effect, None)
        link = pay_links.new_link(written)
        begun_at = _begin_attempt(services, row, effect, written, fault=fault, link=link)
        if begun_at is None:
            return
        effect = written
        attempt = replace(attempt, pay_token=link.token if link else None)
        try:
            lease.check()
            report = deliver(effect, services.channels(), attempt)
        except NotSentError as error:
            log.info("effect.not_sent", effect=row.id, type=row.type, detail=error.detail)
            _retried(row, lambda: _give_back(services, row, begun_at, guard.note))
            return
        settled = guard.is_settled_by(report)
    _retried(row, lambda: _record(services, row, effect, report, attempts, settled=settled))


def _begin_attempt(
    services: Services, row: EffectRow, stored: Effect, written: Effect, *, fault: str | None, link: NewLink | None
) -> datetime | None:
    """Record the start of an attempt and its text; return its time, or None if another worker was quicker.

    The hash of its link is stored before anything is sent: a link that is read works.
    """
    now = real_now()
    with services.database.write() as tx:
        if written is not stored and not _keep_words(services, tx, row, written):
            return None
        if not outbox.begin(tx, row, now):
            return None
        if link is not None:
            stored_links.add(tx, link.digest, row.id, now)
        if fault is not None:
            alert(services, tx, topic="template_failed", subject=fault, account=row.account, period=f"{now:%Y-%m-%d}")
        return now


def _keep_words(services: Services, tx: Connection, row: EffectRow, written: Effect) -> bool:
    """Store a notice with its text, encrypted; False if its account has changed.

    The account's lock excludes moves, rotations and erasures, which encrypt its outgoing actions again.
    """
    account = accounts.lock_exactly(tx, row.account)
    current = outbox.get(tx, row.id)
    if account is None or account.key is None or current is None or current.account != row.account:
        return False
    key = services.vault.data_key(account.key, row.account)
    outbox.reseal(tx, row.id, key.seal(codec.encode(written), places.effect(row.account, row.id)))
    return True


def _load_effect(services: Services, conn: Connection, row: EffectRow) -> Effect:
    """Return the effect of a row. An account closed since the lease has encrypted it again."""
    current = (outbox.get(conn, row.id) if row.account else None) or row
    key = accounts.data_key(conn, current.account) if current.account else None
    place = places.effect(current.account, row.id)
    if key:
        return codec.read_effect(row.kind, services.vault.data_key(key, current.account).open(current.payload, place))
    return codec.read_effect(row.kind, services.vault.open(current.payload, place))


def _is_still_wanted(services: Services, conn: Connection, account: str, effect: Effect) -> bool:
    stored = accounts.get(conn, account)
    if stored is None or stored.book is None or stored.key is None:
        return True
    book = codec.unpack_book(services.vault.data_key(stored.key, stored.id).open(stored.book, places.book(stored.id)))
    terms = services.terms(conn)
    state = assess(book, terms, book.word("timezone") or terms.timezone, services.clock.now(conn))
    return still_wanted(effect, state, book)


def _retried(row: EffectRow, record: Callable[[], None]) -> None:
    """Record an outcome, with retries while the database is away: no other process knows it."""
    until = monotonic() + RECORD_RETRY_FOR
    while True:
        try:
            record()
        except StorageUnavailableError as error:
            if monotonic() > until:
                raise
            log.warning("effect.not_recorded", effect=row.id, detail=error.detail)
            sleep(RECORD_RETRY_INTERVAL)
        else:
            return


def _give_back(services: Services, row: EffectRow, begun_at: datetime, note: str | None) -> None:
    """Make an effect due again whose request was certainly not sent."""
    with services.database.write() as tx:
        outbox.give_back(tx, row.id, begun_at, note)


def _record(
    services: Services, row: EffectRow, effect: Effect, report: AttemptReport, attempts: int, *, settled: bool
) -> None:
    """Record an outcome, and its consequences for the account, in one transaction.

    The account is the effect's present one: its purchase may have moved during the attempt.
    """
    retried = report.state is AttemptState.RETRY
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
        if settled:
            outbox.settle_request(tx, row.id)
        row = outbox.get(tx, row.id) or row
        if row.account and not _report_to_policy(services, tx, row, effect, report):
            _discard(services, tx, row)
        _alert_operators(services, tx, row, effect, report.state)
        cause = ledger.cause(tx, row.account, row.decision_seq)
    metrics.EFFECT_ATTEMPTS.labels(row.kind, state).inc()
    tried = attempts + (not withdrawn)
    log.info("effect.attempted", cause=cause, effect=row.id, type=row.type, state=state, attempts=tried)


def _alert_operators(services: Services, tx: Connection, row: EffectRow, effect: Effect, state: AttemptState) -> None:
    """Alert operators of a provider call, or a notification of the product, that now waits for a person."""
    topic = _ALERT_TOPICS.get(state)
    is_alerted = isinstance(effect, _ALERTED_WHEN_UNDONE) and row.type != "ops.alert"
    if topic is not None and is_alerted:
        alert(services, tx, topic=topic, subject=row.id, account=row.account or None)


def _report_to_policy(
    services: Services, tx: Connection, row: EffectRow, effect: Effect, report: AttemptReport
) -> bool:
    """Record an effect's outcome for the account; False if the account was closed for good meanwhile."""
    unit_of_work = UnitOfWork(services, tx, services.clock.now(tx))
    unit_of_work.lock([row.account])
    if unit_of_work.is_erased(row.account):
        return False
    facts: tuple[Fact, ...] = report.facts
    if report.outcome is not None and report.state is not AttemptState.RETRY:
        facts += reported(
            effect, report.outcome, unit_of_work.now, unit_of_work.account(row.account).book.with_facts(report.facts)
        )
    if facts:
        unit_of_work.decide(row.account, facts, Cause(kind="effect", name=row.type, ref=row.id))
        unit_of_work.save()
    return True


def _discard(services: Services, tx: Connection, row: EffectRow) -> None:
    """Delete a letter that was being sent while its account was erased, and never try it again."""
    if row.kind in erasing.PERSONAL_EFFECT_KINDS:
        erasure.remove_files(services, [row])
        outbox.finish(tx, row.id, "withdrawn", attempts=row.attempts, error=erasing.ERASED, done_at=real_now())


def _look_up(services: Services, event: Event) -> bool:
    """Look up the subscription that a payment waits for. Without an answer it keeps waiting for the next look-up."""
    _, kind, own_id = (event.waits_for or "::").split(":", 2)
    if kind == "invoice":
        return _ignore(services, event, "it paid an invoice of no subscription")
    if kind not in {"subscription", ""}:
        return _park(services, event, f"no event has named its {kind} for 7 days: does the provider send such events?")
    client = services.channels().providers.get(event.provider)
    if client is None:
        return _park(services, event, "no event has named its subscription for 7 days, and no API key is set to ask")
    try:
        seen = client.subscription(own_id)
    except FarEndError as error:
        log.warning("subscription.not_answered", cause=f"evt_{event.id}", error=error.detail)
        return False
    if seen is None:
        return _park(services, event, "the provider knows no such subscription; another store or mode, perhaps")
    return _record_subscription(services, event, seen)


def _park(services: Services, event: Event, reason: str) -> bool:
    with services.database.write() as tx:
        inbox.failed(tx, event.id, reason, permanent=True, now_real=real_now(), account=event.account)
        alert_parked(services, tx, event.id)
    return True


def _ignore(services: Services, event: Event, reason: str) -> bool:
    with services.database.write() as tx:
        settled = SettledEvent(event.id, "ignored", event.account, event.body, reason)
        inbox.settle(tx, [settled], services.clock.now(tx))
    return True


def _record_subscription(services: Services, event: Event, seen: SubscriptionSeen) -> bool:
    routing, facts = _payment(services, event)
    services.vault.prepare()
    with services.database.write() as tx:
        resolver = AccountResolver(tx, [routing], join_by_customer=services.settings.join_by_customer)
        resolver.hear(_told_by_api(routing, seen), (seen,))
        resolver.hear(routing, facts)
        resolver.settle()
        account = resolver.account_of(routing, (seen,))
        if account is None:
            return False
        unit_of_work = UnitOfWork(services, tx, services.clock.now(tx))
        owners.apply(services, tx, unit_of_work, resolver, {account})
        if unit_of_work.is_erased(account):
            inbox.skip(tx, event.id, erasing.ERASED)
            return True
        unit_of_work.decide(
            account, (_reconciled(seen),), Cause(kind="effect", name="looked_up", ref=f"evt_{event.id}")
        )
        unit_of_work.save()
        inbox.wake(tx, [event.waits_for or ""])
    return True


def _payment(services: Services, event: Event) -> tuple[Routing, tuple[Fact, ...]]:
    """Return the possible account of a waiting payment, and its facts; no facts if they cannot be read yet."""
    provider = services.providers[event.provider]
    body = services.vault.open(event.body, places.event(event.provider, event.delivery_key))
    payload, naming = provider.decode(body), services.account_naming
    content = event.content_key or provider.peek(body).content_key
    try:
        facts: tuple[Fact, ...] = provider.translate(event.name, payload, content.hex(), naming)
    except UntranslatableError:
        facts = ()
    return provider.route(payload, naming), facts


def _told_by_api(routing: Routing, seen: SubscriptionSeen) -> Routing:
    """Return the account of a subscription by the provider's answer alone, which has no custom data."""
    provider, _, order = (seen.order or "").partition(":")
    return Routing(
        subscription=routing.subscription,
        order=f"{provider}:order:{order}" if order else None,
        customer=routing.customer,
        fallback=routing.fallback,
    )


def _reconciled(seen: SubscriptionSeen) -> SubscriptionSeen:
    return seen if seen.provenance is Provenance.RECONCILED else evolve(seen, provenance=Provenance.RECONCILED)
