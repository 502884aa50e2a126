"""Recomputes accounts from what was recorded, and compares: the stored book is only a cache (I1)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime

from app import coding
from app.policy.assess import assess
from app.policy.book import Book
from app.policy.facts import Fact
from app.services import Services
from app.store import accounts, inbox, journal
from app.store.accounts import AccountRow
from app.store.database import Connection
from app.vault import DataKey

PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What recomputing one account showed."""

    account: str
    erased: bool = False
    """Its key was destroyed: there is nothing left to judge."""
    differs: tuple[str, ...] = ()
    """What is stored otherwise than recomputed: `plan`, `book.subscriptions`, …"""


def replay(
    services: Services, *, since: datetime | None = None, shuffle: random.Random | None = None
) -> Iterator[Finding]:
    """Yield a finding for every account that was decided about at or after `since`, in the order of their ids."""
    after = None
    while page := _page(services, after):
        for name in page:
            finding = _judge(services, name, since, shuffle)
            if finding is not None:
                yield finding
        after = page[-1]


def _page(services: Services, after: str | None) -> list[str]:
    with services.database.read() as conn:
        return accounts.ids(conn, after, PAGE)


def _judge(services: Services, name: str, since: datetime | None, shuffle: random.Random | None) -> Finding | None:
    with services.database.read() as conn:
        row = accounts.get(conn, name)
        if row is None or row.decided_at is None or (since is not None and row.decided_at < since):
            return None
        if row.key is None or row.book is None:
            return Finding(account=name, erased=True)
        key = services.vault.data_key(row.key)
        facts = list(recorded(services, conn, name))
        if shuffle is not None:
            shuffle.shuffle(facts)
        differs = tuple(_differences(services, conn, row, key, Book().with_facts(facts)))
    return Finding(account=name, differs=differs)


def recorded(services: Services, conn: Connection, account: str) -> Iterator[Fact]:
    """Yield the provider's facts, translated anew from the bodies as received, and our own as journalled.

    What was recorded before the account got its name stands under an alias, sealed with the alias's own key.
    """
    for name in (account, *accounts.aliases(conn, account)):
        wrapped = accounts.data_key(conn, name)
        if wrapped is not None:
            yield from _recorded_under(services, conn, name, services.vault.data_key(wrapped))


def _recorded_under(services: Services, conn: Connection, name: str, key: DataKey) -> Iterator[Fact]:
    for event in inbox.of_account(conn, name):
        provider, body = services.providers[event.provider], key.open(event.body)
        content = event.content_key or provider.glance(body).content_key
        yield from provider.translate(event.name, provider.decode(body), content.hex(), services.naming)
    for row in journal.of_account(conn, name):
        yield coding.read_fact(row.kind, key.open(row.fact))


def _differences(services: Services, conn: Connection, row: AccountRow, key: DataKey, book: Book) -> Iterator[str]:
    stored = coding.unpack_book(key.open(row.book or b""))
    for page in fields(Book):
        if getattr(book, page.name) != getattr(stored, page.name):
            yield f"book.{page.name}"
    if row.decided_at is None:
        return
    terms = services.terms(conn)
    state = assess(book, terms, book.word("timezone") or terms.timezone, row.decided_at)
    for name in ("standing", "plan", "access"):
        if str(getattr(state, name)) != getattr(row, name):
            yield name
