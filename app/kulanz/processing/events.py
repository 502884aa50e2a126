"""Applying events: from rows of the inbox to facts, decisions and settled rows, in one transaction a batch."""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from kulanz.crypto import places
from kulanz.errors import KulanzError, StorageUnavailableError, UntranslatableError, reason_of
from kulanz.policy.facts import (
    ChargebackWarned,
    DisputeSeen,
    Fact,
    InvoiceSeen,
    OrderSeen,
    PaymentFailed,
    PaymentRefunded,
    PaymentSucceeded,
    SubscriptionSeen,
)
from kulanz.processing import account_resolver, endpoints, facts_first, outbox, owners, unknown_words
from kulanz.processing.account_resolver import AccountResolver
from kulanz.processing.decision_log import Cause
from kulanz.processing.unit_of_work import UnitOfWork
from kulanz.processing.unknown_words import Met
from kulanz.providers import Provider, Routing, UnknownWord
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import accounts, bindings, erasing, inbox
from kulanz.store.database import Connection
from kulanz.store.inbox import Event, SettledEvent, claims
from kulanz.telemetry import metrics
from kulanz.telemetry.logs import log

_MAKING_PAYMENTS_KNOWN = frozenset({OrderSeen, InvoiceSeen, PaymentFailed, PaymentSucceeded, PaymentRefunded})


class Translated(NamedTuple):
    """An event with its account and its facts."""

    account: str
    event: Event
    facts: tuple[Fact, ...]
    at: datetime | None
    """The provider's time of the event: orders a batch, and decides nothing."""


def apply_events(services: Services, limit: int) -> int:
    """Apply a batch of received events and return how many were taken.

    If a batch fails, its events are applied one by one, so that only the event at fault gets a failed attempt and is
    parked in the end. An unavailable database does not count as an attempt.
    """
    worker = f"{socket.gethostname()}:{os.getpid()}"
    ids = inbox.claim(services.database, worker, limit, real_now())
    if ids:
        services.vault.prepare()
        _apply_together(services, ids, worker)
    _announce_crashes(services)
    return len(ids)


def _apply_together(services: Services, ids: Sequence[int], worker: str) -> None:
    try:
        _apply(services, ids, worker)
    except StorageUnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 - one event must not hold up the others
        log.warning("batch.failed", events=len(ids), error=reason_of(error))
        _apply_one_by_one(services, ids, worker)


def _apply_one_by_one(services: Services, ids: Sequence[int], worker: str) -> None:
    """Apply each event alone; the claim stays to the last, so that dying on the way is counted too."""
    for event in ids:
        _apply_single(services, event, worker)
    with services.database.write() as tx:
        inbox.release(tx, worker)


def _apply_single(services: Services, event: int, worker: str) -> None:
    try:
        _apply(services, [event], worker, release=False)
    except StorageUnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 - the row keeps the reason; the third time parks it
        log.warning("event.failed", cause=f"evt_{event}", error=reason_of(error))
        with services.database.write() as tx:
            parked = inbox.failed(tx, event, reason_of(error), permanent=False, now_real=real_now()) == "parked"
            metrics.EVENT_FAILURES.labels("parked" if parked else "tried_again").inc()
            if parked:
                alert_parked(services, tx, event)
        if parked:
            _attribute(services, event)


def _announce_crashes(services: Services) -> None:
    """Alert operators of events that were parked because workers died at them."""
    with services.database.read() as conn:
        parked = claims.unannounced(conn)
    for event in parked:
        with services.database.write() as tx:
            claims.announce(tx, event)
            alert_parked(services, tx, event)
        _attribute(services, event)


def _attribute(services: Services, number: int) -> None:
    """Store the account of a parked event, so that dunning leaves that account alone; an unreadable event has none.

    This runs after the event is parked: an event that kills the process reading it does so only once.
    """
    with services.database.write() as tx:
        event = inbox.get(tx, number)
        if event is not None:
            inbox.attribute(tx, number, *_account_of_event(services, tx, event))


def _account_of_event(services: Services, tx: Connection, event: Event) -> tuple[str | None, str]:
    """Return an event's account as far as known, and the account whose dunning it holds back."""
    try:
        provider = services.providers[event.provider]
        routing = provider.route(provider.decode(decrypted_body(services, tx, event)), services.account_naming)
    except Exception as error:  # noqa: BLE001 - it is parked because something is wrong with it
        log.warning("event.without_account", cause=f"evt_{event.id}", error=reason_of(error))
        return None, ""
    resolver = AccountResolver(tx, [routing])
    account = resolver.lookup(routing)
    stored = accounts.get(tx, account) if account is not None else None
    concerned = facts_first.concerns(services, event.provider, event.name, routing, resolver.owner(routing))
    return stored.id if stored is not None else account, concerned


def decrypted_body(services: Services, tx: Connection, event: Event) -> bytes:
    """Return the bytes of an event as they were delivered. Raises `UntranslatableError` where they are gone."""
    if event.account is None or services.vault.has_sealed(event.body):
        return services.vault.open(event.body, places.event(event.provider, event.delivery_key))
    key = accounts.data_key(tx, event.account)
    if key is None:
        raise UntranslatableError("the account's key was destroyed")
    place = places.event(event.provider, event.delivery_key, event.account)
    return services.vault.data_key(key, event.account).open(event.body, place)


def _apply(services: Services, ids: Sequence[int], worker: str, *, release: bool = True) -> None:
    with services.database.write() as tx:
        batch = Batch(services, tx, inbox.lock(tx, ids, worker))
        batch.apply()
        if release:
            inbox.release(tx, worker)
    batch.count()


def alert_parked(services: Services, tx: Connection, event: int, account: str | None = None) -> None:
    """Alert operators at once: a parked event may hold back the dunning of its account, or of its customer's."""
    outbox.alert(services, tx, topic="event_parked", subject=f"evt_{event}", account=account)


class Batch:
    """A batch of events in one transaction."""

    def __init__(self, services: Services, tx: Connection, events: Sequence[Event]) -> None:
        self._services = services
        self._tx = tx
        self._events = {event.id: event for event in events}
        self._unit_of_work = UnitOfWork(services, tx, services.clock.now(tx), self._is_behind)
        self._undecided: Counter[str] = Counter()
        self._bodies: dict[int, bytes] = {}
        self._facts: dict[int, tuple[Fact, ...] | UntranslatableError] = {}
        self._settled: list[SettledEvent] = []
        self._waiting: list[SettledEvent] = []
        self._newly_known: set[str] = set()
        self._unknown: dict[Met, str] = {}
        self._other_decimals: Counter[tuple[str, str]] = Counter()

    def apply(self) -> None:
        """Read, address, decide, and settle every event."""
        routings = {
            event.id: routing
            for event in self._events.values()
            if (routing := self._read(event)) and not self._is_misdirected(event, routing)
        }
        resolver = AccountResolver(
            self._tx, [*routings.values()], join_by_customer=self._services.settings.join_by_customer
        )
        translated = self._resolve_accounts(routings, resolver)
        owners.apply(self._services, self._tx, self._unit_of_work, resolver, {each.account for each in translated})
        self._undecided.update(
            self._unit_of_work.account_id(other_translated.account) for other_translated in translated
        )
        for other_translated in sorted(translated, key=_order):
            self._decide(other_translated)
        owners.share_customers(self._unit_of_work, resolver)
        self._avoid_lost_wakeup(resolver)
        self._unit_of_work.save()
        inbox.settle(self._tx, self._settled, self._unit_of_work.now)
        unknown_words.record(self._services, self._tx, self._unknown)
        if self._newly_known:
            inbox.wake(self._tx, self._newly_known)
        if any(self._events[settled.id].reason for settled in self._settled):
            facts_first.look_again(self._tx, self._unit_of_work.now)

    def count(self) -> None:
        """Count the settled events, once they are committed."""
        unknown_words.count(self._unknown)
        for (provider, currency), amounts in self._other_decimals.items():
            metrics.OTHER_DECIMALS.labels(provider, currency).inc(amounts)
        for state, events in Counter(settled_event.state for settled_event in self._settled).items():
            metrics.EVENTS_SETTLED.labels(state).inc(events)
        for settled_event in self._settled:
            waited = self._unit_of_work.now - self._events[settled_event.id].received_at
            metrics.EVENT_LAG.observe(max(waited.total_seconds(), 0.0))
            name = self._events[settled_event.id].name
            log.info("event.settled", cause=f"evt_{settled_event.id}", name=name, state=settled_event.state)

    def _read(self, event: Event) -> Routing | None:
        """Read one event and keep its facts; an unreadable event is parked with the reason."""
        provider = self._services.providers[event.provider]
        try:
            body = decrypted_body(self._services, self._tx, event)
            payload = provider.decode(body)
        except KulanzError as error:
            self._park(event, error.detail, event.account)
            return None
        self._bodies[event.id] = body
        digest = event.content_key or provider.peek(body).content_key
        self._facts[event.id] = self._translated(provider, event, payload, digest)
        return provider.route(payload, self._services.account_naming)

    def _is_misdirected(self, event: Event, routing: Routing) -> bool:
        """Ignore an event of an endpoint that cannot work as it is set up; operators are alerted once."""
        if routing.problem is None and routing.origin is None:
            return False
        reason = endpoints.objection(self._services, self._tx, event, routing, self._payload)
        if reason is None:
            return False
        self._settled.append(SettledEvent(event.id, "ignored", event.account, event.body, reason))
        return True

    def _payload(self, event: Event) -> Mapping[str, Any]:
        return self._services.providers[event.provider].decode(decrypted_body(self._services, self._tx, event))

    def _translated(
        self, provider: Provider, event: Event, payload: dict[str, Any], digest: bytes
    ) -> tuple[Fact, ...] | UntranslatableError:
        """Return an event's facts, or the reason why it has none. A batch keeps no payloads: they are far larger.

        The reason counts only later: an event that has to wait is not parked.
        """
        unknown: list[UnknownWord] = []
        try:
            facts = provider.translate(event.name, payload, digest.hex(), self._services.account_naming, unknown)
        except UntranslatableError as error:
            return error
        finally:
            for word in unknown:
                self._unknown.setdefault(Met(event.provider, word.field, word.word), f"evt_{event.id}")
        self._other_decimals.update((event.provider, currency) for currency in _other_decimals(facts))
        return facts

    def _resolve_accounts(self, routings: Mapping[int, Routing], resolver: AccountResolver) -> list[Translated]:
        """Find each event's account and facts; events that need a subscription come after the event with it."""
        heard: list[tuple[Event, Routing, tuple[Fact, ...]]] = []
        for ident, routing in sorted(routings.items(), key=lambda item: item[1].waits):
            event = self._events[ident]
            if routing.waits and not resolver.is_known(routing.waits_for):
                self._wait(event, routing, resolver)
                continue
            facts = self._facts[ident]
            if isinstance(facts, UntranslatableError):
                concerned = self._concerned(event, routing, resolver)
                self._park(event, facts.detail, resolver.lookup(routing), concerned)
                continue
            resolver.hear(routing, facts)
            heard.append((event, routing, facts))
            self._newly_known.update(_newly_known(routing, {type(fact) for fact in facts}))
        resolver.settle()
        return list(self._translated_events(heard, resolver))

    def _translated_events(
        self, heard: Iterable[tuple[Event, Routing, tuple[Fact, ...]]], resolver: AccountResolver
    ) -> Iterator[Translated]:
        for event, routing, facts in heard:
            account = resolver.account_of(routing, facts)
            if account is None and routing.checkout is not None:
                self._settled.append(SettledEvent(event.id, "ignored", None, event.body, "it names no account"))
                continue
            if account is None:
                self._park(event, "it names neither an account nor a customer", None)
                continue
            # A payment's unusable claim is reported with its subscription's: it decides nothing beyond that.
            told = routing.unusable_claim is not None and not routing.needs_subscription
            if told and not resolver.keeps(routing):
                outbox.alert(self._services, self._tx, topic="account_id_unusable", subject=f"evt_{event.id}")
            yield Translated(account, event, facts, _earliest_time(facts))

    def _wait(self, event: Event, routing: Routing, resolver: AccountResolver) -> None:
        """Let a payment wait for its unknown subscription (CONTRACT section 6), or a dispute for its payment."""
        reason = "its payment is not known yet" if routing.needs_order else "its subscription is not known yet"
        self._waiting.append(
            SettledEvent(
                event.id,
                "waiting",
                event.account,
                event.body,
                reason,
                routing.waits_for,
                concerns=self._concerned(event, routing, resolver),
            )
        )
        facts = self._facts[event.id]
        if isinstance(facts, tuple) and any(isinstance(fact, DisputeSeen | ChargebackWarned) for fact in facts):
            outbox.alert(self._services, self._tx, topic="dispute_of_unknown_payment", subject=f"evt_{event.id}")

    def _avoid_lost_wakeup(self, resolver: AccountResolver) -> None:
        """Avoid a lost wake-up: an event must not wait for an object that another worker records at the same time.

        1. The worker with the waiting event and the worker with the new object both lock the object's key.
        2. The second one sees what the first has committed: the binding, or the waiting event.
        3. An event whose object is known by now stays `received`, and the next batch applies it.
        """
        wanted = {settled.waits_for for settled in self._waiting if settled.waits_for}
        bindings.lock_keys(self._tx, wanted | (self._newly_known & resolver.newly_known))
        known = account_resolver.known(self._tx, wanted)
        self._settled.extend(settled for settled in self._waiting if settled.waits_for not in known)

    def _decide(self, translated: Translated) -> None:
        account, event = translated.account, translated.event
        self._undecided[self._unit_of_work.account_id(account)] -= 1
        if self._unit_of_work.is_erased(account):
            self._skip_erased(account, event, translated.facts)
            return
        self._unit_of_work.decide(
            account, translated.facts, Cause(kind="event", name=event.name, ref=f"evt_{event.id}")
        )
        name = self._unit_of_work.account_id(account)
        resealed = event.account == name and not self._services.vault.has_sealed(event.body)
        place = places.event(event.provider, event.delivery_key, name)
        body = event.body if resealed else self._unit_of_work.seal(account, self._bodies.pop(event.id), place)
        self._settled.append(SettledEvent(event.id, "handled", name, body, facts_at=translated.at))

    def _skip_erased(self, account: str, event: Event, facts: tuple[Fact, ...]) -> None:
        """Recognise an event about an erased account, and store nothing of it.

        An event about a later purchase is no late news: a person has to see it.
        """
        name, closed_at = self._unit_of_work.account_id(account), self._unit_of_work.account(account).decided_at
        began = [at for fact in facts if (at := getattr(fact, "created_at", None)) is not None]
        if closed_at is not None and began and min(began) > closed_at:
            self._park(event, f"{erasing.ERASED}; this began later, under the same id", name)
        else:
            self._settled.append(SettledEvent(event.id, "ignored", name, b"", erasing.ERASED))

    def _concerned(self, event: Event, routing: Routing, resolver: AccountResolver) -> str:
        return facts_first.concerns(self._services, event.provider, event.name, routing, resolver.owner(routing))

    def _is_behind(self, account: str) -> bool:
        """Whether an account has more events in this batch, or events outside it are yet to be applied.

        Waiting events of this batch hold back dunning only once they are written.
        """
        more = self._undecided[account] > 0 or bool(self._waiting)
        return more or facts_first.is_behind(self._tx, own=len(self._events))

    def _park(self, event: Event, reason: str, account: str | None, concerned: str | None = None) -> None:
        inbox.failed(
            self._tx, event.id, reason, permanent=True, now_real=real_now(), account=account, concerns=concerned
        )
        metrics.EVENT_FAILURES.labels("parked").inc()
        alert_parked(self._services, self._tx, event.id, account)


def _other_decimals(facts: Iterable[Fact]) -> Iterator[str]:
    """Yield the currency of each payment whose provider writes it with other decimals than the currency has."""
    for fact in facts:
        seen = fact.invoice if isinstance(fact, PaymentFailed | PaymentSucceeded | PaymentRefunded) else fact
        if isinstance(seen, InvoiceSeen | OrderSeen) and seen.decimals is not None:
            yield seen.currency


def _order(translated: Translated) -> tuple[str, datetime, int]:
    return translated.account, translated.at or translated.event.received_at, translated.event.id


def _newly_known(routing: Routing, kinds: Collection[type[Fact]]) -> Iterator[str]:
    """Yield the keys for which other events may have waited."""
    if SubscriptionSeen in kinds and routing.subscription is not None:
        yield routing.subscription
    if not _MAKING_PAYMENTS_KNOWN.isdisjoint(kinds) and routing.order is not None:
        yield routing.order


def _earliest_time(facts: Iterable[Fact]) -> datetime | None:
    return min(filter(None, map(_time_of, facts)), default=None)


def _time_of(fact: Fact) -> datetime | None:
    stamp = getattr(fact, "stamp", None)
    at: datetime | None = stamp.at if stamp is not None else getattr(fact, "at", None)
    return at
