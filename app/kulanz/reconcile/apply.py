"""Compares one page of a provider's list with our books, and applies what is certain, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from kulanz.policy.book import Book
from kulanz.policy.facts import Fact, SubscriptionSeen
from kulanz.privacy import erasure
from kulanz.processing import outbox, owners
from kulanz.processing.account_resolver import AccountResolver
from kulanz.processing.decision_log import Cause
from kulanz.processing.unit_of_work import UnitOfWork
from kulanz.providers.provider import Listed
from kulanz.reconcile.drift import Drift, DriftKind, differences, held_in, seen_in, word
from kulanz.services import Services
from kulanz.store import accounts, inbox
from kulanz.store.database import Connection

_NOTHING = Book()
AndMore = Callable[[Listed, UnitOfWork], Iterable[Fact]]
"""Facts of our own that go with a listed one."""


@dataclass(frozen=True, slots=True)
class _Match:
    """An entry, its account, and its differences."""

    entry: Listed
    account: str
    kinds: tuple[DriftKind, ...]


def ours(services: Services, entries: Iterable[Listed]) -> list[Listed]:
    """Filter out objects that the settings exclude: another mode, another store."""
    settings = services.settings
    wanted_mode, stores = settings.lemonsqueezy_mode, settings.lemonsqueezy_store_ids
    return [
        entry
        for entry in entries
        if wanted_mode in {"any", "test" if entry.test_mode else "live"} and (not stores or entry.store in stores)
    ]


def inspect(services: Services, entries: Sequence[Listed], now: datetime) -> list[Drift]:
    """Return the entries' differences from our records. Writes nothing."""
    with services.database.read() as conn:
        book_of = _AccountCache(services, conn)
        address = AccountResolver(conn, [entry.routing for entry in entries])
        drifts: list[Drift] = []
        for entry in entries:
            account = address.lookup(entry.routing)
            book = book_of(account) if account is not None else _NOTHING
            if book is not None:
                drifts.extend(_drifts(entry, account, differences(entry, book, now), book))
    return drifts


def apply(
    services: Services, entries: Sequence[Listed], cause: Cause, also: AndMore = lambda *_: ()
) -> tuple[list[Drift], datetime]:
    """Record what the provider's data settles, alert operators of the rest, return all differences and the time."""
    services.vault.prepare()
    with services.database.write() as tx:
        unit_of_work = UnitOfWork(services, tx, services.clock.now(tx))
        routings = [entry.routing for entry in entries]
        address = AccountResolver(tx, routings, join_by_customer=services.settings.join_by_customer)
        drifts: list[Drift] = []
        whose = _whose(services, tx, unit_of_work, address, entries)
        matches = _find(unit_of_work, whose, drifts)
        _decide(unit_of_work, matches, cause, also)
        if matches:
            unit_of_work.save()
            inbox.wake(tx, _shown(matches))
        for drift in drifts:
            if not drift.kind.deterministic:
                outbox.alert(services, tx, topic=f"reconcile_{drift.kind}", subject=drift.object)
    return drifts, unit_of_work.now


class _AccountCache:
    """Books of accounts, opened once each; None: erased."""

    def __init__(self, services: Services, conn: Connection) -> None:
        self._services = services
        self._conn = conn
        self._books: dict[str, Book | None] = {}

    def __call__(self, account: str) -> Book | None:
        if account not in self._books:
            self._books[account] = self._open(account)
        return self._books[account]

    def _open(self, account: str) -> Book | None:
        row = accounts.get(self._conn, account)
        if row is None or row.book is None:
            return None if row is not None and row.key is None else _NOTHING
        return None if row.key is None else erasure.book_of(self._services.vault, row)


def _whose(
    services: Services,
    tx: Connection,
    unit_of_work: UnitOfWork,
    address: AccountResolver,
    entries: Sequence[Listed],
) -> list[tuple[Listed, str]]:
    """Return each entry's account, under lock; an entry that only mentions a subscription does not make it known."""
    for entry in entries:
        address.hear(entry.routing, (entry.fact,))
    address.settle()
    whose = [
        (entry, account)
        for entry in entries
        if (account := address.account_of(entry.routing, (entry.fact,))) is not None
    ]
    owners.apply(services, tx, unit_of_work, address, {account for _, account in whose})
    return whose


def _find(unit_of_work: UnitOfWork, whose: Sequence[tuple[Listed, str]], drifts: list[Drift]) -> list[_Match]:
    """Compare under lock."""
    matches = []
    for entry, account in whose:
        if unit_of_work.is_erased(account):
            continue
        book = unit_of_work.account(account).book
        kinds = tuple(differences(entry, book, unit_of_work.now))
        settled = tuple(kind for kind in kinds if kind.deterministic)
        drifts.extend(
            replace(drift, applied=drift.kind.deterministic) for drift in _drifts(entry, account, kinds, book)
        )
        if settled:
            matches.append(_Match(entry, account, settled))
    return matches


def _decide(unit_of_work: UnitOfWork, matches: Sequence[_Match], cause: Cause, also: AndMore) -> None:
    by_account: dict[str, list[_Match]] = {}
    for match in matches:
        by_account.setdefault(unit_of_work.account_id(match.account), []).append(match)
    for account, several in by_account.items():
        several.sort(key=lambda match: match.entry.changed_at)
        facts: list[Fact] = [match.entry.fact for match in several]
        facts.extend(fact for match in several for fact in also(match.entry, unit_of_work))
        name = cause.name or several[0].kinds[0]
        unit_of_work.decide(account, facts, Cause(kind=cause.kind, name=name, ref=cause.ref))


def _drifts(entry: Listed, account: str | None, kinds: Iterable[DriftKind], book: Book) -> list[Drift]:
    seen = seen_in(entry.fact)
    held = held_in(book, seen) if seen is not None else None
    return [
        Drift(
            kind=kind,
            object=entry.binding,
            account=account,
            changed_at=entry.changed_at,
            ours=word(held),
            theirs=word(seen),
        )
        for kind in kinds
    ]


def _shown(matches: Iterable[_Match]) -> list[str]:
    """Return the subscriptions that are known now: payments may wait for them."""
    shown = (match.entry.routing.subscription for match in matches if isinstance(match.entry.fact, SubscriptionSeen))
    return [subscription for subscription in shown if subscription is not None]
