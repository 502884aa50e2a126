"""Recompute accounts from what was recorded, in any order, and say where the result is not what is stored (I1)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from app import coding
from app.policy.assess import assess
from app.policy.book import Book
from app.policy.facts import Fact
from app.providers import PROVIDERS
from app.services import Services
from app.store import accounts, inbox, journal
from app.store.accounts import AccountRow
from app.store.database import Connection
from app.vault import DataKey

PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of one account: nothing to say, a difference in some fields, or erased and not judged."""

    account: str
    differs: tuple[str, ...] = ()
    erased: bool = False


def replay(services: Services, *, shuffle: int | None = None, since: datetime | None = None) -> Iterator[Replayed]:
    """Yield every account's outcome; `shuffle` is the seed of another order, `since` skips what is older. Writes nothing."""
    order = random.Random(shuffle) if shuffle is not None else None  # noqa: S311 - an order, not a secret
    after: str | None = None
    while True:
        with services.database.read() as conn:
            names = accounts.ids(conn, after, PAGE)
            for name in names:
                row = accounts.get(conn, name)
                if row is not None and (since is None or (row.decided_at or since) >= since):
                    yield _replayed(services, conn, row, order)
        if len(names) < PAGE:
            return
        after = names[-1]


def recorded(services: Services, conn: Connection, account: str) -> Iterator[Fact]:
    """Yield every fact of an account: the provider's from the inbox, translated anew, and our own from the journal."""
    for name in (account, *accounts.aliases(conn, account)):
        wrapped = accounts.data_key(conn, name)
        if wrapped is None:
            continue
        key = services.vault.data_key(wrapped)
        for event in inbox.of_account(conn, name):
            provider = PROVIDERS[event.provider]
            body = key.open(event.body)
            digest = provider.glance(body).content_key.hex()
            yield from provider.translate(event.name, provider.decode(body), digest, services.naming)
        for row in journal.of_account(conn, name):
            yield coding.read_fact(row.kind, key.open(row.fact))


def _replayed(services: Services, conn: Connection, row: AccountRow, order: random.Random | None) -> Replayed:
    if row.key is None:
        return Replayed(account=row.id, erased=True)
    facts = list(recorded(services, conn, row.id))
    if order is not None:
        order.shuffle(facts)
    book = Book().with_facts(facts)
    return Replayed(account=row.id, differs=tuple(_differences(services, conn, row, book)))


def _differences(services: Services, conn: Connection, row: AccountRow, book: Book) -> Iterator[str]:
    stored = _stored(row, services.vault.data_key(row.key)) if row.key else Book()
    for family in Book.__dataclass_fields__:
        if getattr(stored, family) != getattr(book, family):
            yield family
    if row.decided_at is None:
        return
    terms = services.terms(conn)
    state = assess(book, terms, book.word("timezone") or terms.timezone, row.decided_at)
    told = {"standing": row.standing, "plan": row.plan, "access": row.access}
    for name, value in told.items():
        if str(getattr(state, name)) != value:
            yield name


def _stored(row: AccountRow, key: DataKey) -> Book:
    return coding.unpack_book(key.open(row.book)) if row.book is not None else Book()
