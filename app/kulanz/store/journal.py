"""Journal: our own facts and the operators' facts, encrypted, in the order in which they became known."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, select
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.bulk import among
from kulanz.store.tables import journal


class JournalRow(msgspec.Struct, frozen=True):
    """A fact; `fact` is its JSON, encrypted with the account's key."""

    account: str
    at: datetime
    kind: str
    fact: bytes
    decision_seq: int | None


_COLUMNS = JournalRow.__struct_fields__
_PAGE = 500
_OF_ACCOUNT = (
    select(journal.c.id, *(journal.c[name] for name in _COLUMNS))
    .where(journal.c.account == bindparam("account"), journal.c.id > bindparam("after"))
    .order_by(journal.c.id)
    .limit(_PAGE)
)
_ALL_OF_ACCOUNT = select(journal.c.id, *(journal.c[name] for name in _COLUMNS)).where(
    journal.c.account == bindparam("account")
)
_OF_ACCOUNTS = (
    select(*(journal.c[name] for name in _COLUMNS)).where(among(journal.c.account, "accounts")).order_by(journal.c.id)
)
_NUMBERED = (
    select(journal.c.id, *(journal.c[name] for name in _COLUMNS))
    .where(among(journal.c.account, "accounts"))
    .order_by(journal.c.id)
)


def append(tx: Connection, rows: Sequence[JournalRow]) -> None:
    """Record facts."""
    bulk.insert(tx, journal, _COLUMNS, [msgspec.structs.astuple(row) for row in rows])


def of_account(conn: Connection, account: str) -> Iterator[JournalRow]:
    """Yield the facts of an account, oldest first."""
    after = 0
    while page := conn.execute(_OF_ACCOUNT, {"account": account, "after": after}).all():
        yield from (JournalRow(*fields) for _, *fields in page)
        after = page[-1].id


def of_accounts(conn: Connection, accounts: Collection[str]) -> Iterator[JournalRow]:
    """Yield the facts of some accounts, oldest first."""
    yield from (JournalRow(*fields) for fields in conn.execute(_OF_ACCOUNTS, {"accounts": accounts}))


def numbered(conn: Connection, accounts: Collection[str]) -> list[tuple[int, JournalRow]]:
    """Return the facts of some accounts with the numbers of their rows, oldest first."""
    return [(number, JournalRow(*fields)) for number, *fields in conn.execute(_NUMBERED, {"accounts": accounts})]


def give(tx: Connection, rows: Sequence[tuple[int, str, bytes]]) -> None:
    """Move single facts to another account: number, account, and the fact encrypted again."""
    bulk.update(tx, journal, ("id", "account", "fact"), rows)


def reseal(tx: Connection, account: str, seal: Callable[[JournalRow], bytes]) -> None:
    """Replace each fact of an account by the result of `seal` for its row."""
    rows = [(id_, JournalRow(*fields)) for id_, *fields in tx.execute(_ALL_OF_ACCOUNT, {"account": account})]
    bulk.update(tx, journal, ("id", "fact"), [(id_, seal(row)) for id_, row in rows])
