"""Reads recorded accounts page by page: their rows, and every fact with the time at which it reached us."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kulanz.crypto import places
from kulanz.crypto.vault import DataKey
from kulanz.policy.backtest import News
from kulanz.policy.book import Book
from kulanz.policy.facts import Fact
from kulanz.providers import Routing
from kulanz.services import Services
from kulanz.store import accounts, codec, inbox, journal
from kulanz.store.accounts import AccountRow
from kulanz.store.database import Connection
from kulanz.store.inbox.events import Event
from kulanz.store.journal import JournalRow

ACCOUNTS_PER_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAccount:
    """A readable account: its row, its key, and the stored book."""

    row: AccountRow
    key: DataKey
    book: Book


def pages(services: Services, size: int = ACCOUNTS_PER_PAGE) -> Iterator[tuple[Connection, list[AccountRow]]]:
    """Yield the accounts in the order of their ids, each page within a transaction of its own; aliases left out."""
    after: str | None = None
    while True:
        with services.database.read() as conn:
            rows = accounts.page(conn, None, None, after, size)
            if not rows:
                return
            yield conn, rows
        after = rows[-1].id


def opened(services: Services, row: AccountRow) -> RecordedAccount | None:
    """Return an account with its book, or None where its key was destroyed."""
    if row.key is None or row.book is None:
        return None
    key = services.vault.data_key(row.key, row.id)
    return RecordedAccount(row=row, key=key, book=codec.unpack_book(key.open(row.book, places.book(row.id))))


def news(
    services: Services,
    conn: Connection,
    recorded_accounts: Sequence[RecordedAccount],
    hear: Callable[[Connection, Routing, Sequence[Fact]], object] = lambda *_: None,
) -> Mapping[str, list[News]]:
    """Return the recorded facts of some accounts, under all of their names, in a few queries for all of them.

    The provider's facts are translated again from the bodies as received; our own facts come from the journal. Records
    from before an account got its name stand under an alias and are encrypted with the alias's key. `hear` is called
    for every event.
    """
    names = [recorded_account.row.id for recorded_account in recorded_accounts]
    keys = {
        recorded_account.row.id: (recorded_account.row.id, recorded_account.key)
        for recorded_account in recorded_accounts
    }
    for kin in accounts.kin(conn, names):
        if kin.key is not None:
            keys[kin.id] = (kin.alias_of, services.vault.data_key(kin.key, kin.id))
    stated: dict[str, list[News]] = {name: [] for name in names}
    for event in inbox.of_accounts(conn, [*keys]):
        account, key = keys[event.account or ""]
        routing, facts = _translated(services, event, key)
        hear(conn, routing, facts)
        stated[account].extend(News(event.received_at, fact) for fact in facts)
    for row in journal.of_accounts(conn, [*keys]):
        account, key = keys[row.account]
        stated[account].append(News(row.at, _read(row, key)))
    return stated


def _translated(services: Services, event: Event, key: DataKey) -> tuple[Routing, tuple[Fact, ...]]:
    provider = services.providers[event.provider]
    body = key.open(event.body, places.event(event.provider, event.delivery_key, event.account))
    content = event.content_key or provider.peek(body).content_key
    payload, naming = provider.decode(body), services.account_naming
    return provider.route(payload, naming), provider.translate(event.name, payload, content.hex(), naming)


def _read(row: JournalRow, key: DataKey) -> Fact:
    return codec.read_fact(row.kind, key.open(row.fact, places.fact(row.account, row.kind, row.at)))
