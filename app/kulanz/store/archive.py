"""The archive of closed accounts: records that the law wants kept, each class and year under a key of its own."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, delete, or_, select, text, update
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.bulk import among
from kulanz.store.prepared import Prepared
from kulanz.store.tables import Instant, archive


class NewRecords(msgspec.Struct, frozen=True):
    """Encrypted records of one class with the same end of retention."""

    account: str
    kind: str
    basis: str
    kept_until: datetime
    archived_at: datetime
    by_timer: int
    """1: they are destroyed automatically when their time is over; 0: a person destroys them."""
    records: int
    """Number of records."""
    key: bytes
    """Wrapped."""
    body: bytes


class KeptRecords(msgspec.Struct, frozen=True):
    """The same, as kept."""

    id: int
    account: str
    kind: str
    basis: str
    kept_until: datetime
    held_until: datetime | None
    """A legal hold keeps them to then."""
    archived_at: datetime
    by_timer: int
    records: int
    key: bytes
    body: bytes


_NEW = NewRecords.__struct_fields__
_ROW = select(*(archive.c[name] for name in KeptRecords.__struct_fields__))
_OF_ACCOUNT = _ROW.where(archive.c.account == bindparam("account")).order_by(archive.c.id)
_FREE = or_(archive.c.held_until.is_(None), archive.c.held_until <= bindparam("now", type_=Instant))
_DUE = (
    _ROW.where(archive.c.kept_until <= bindparam("now", type_=Instant), _FREE)
    .order_by(archive.c.kept_until, archive.c.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_PAGE = _ROW.where(archive.c.id > bindparam("after")).order_by(archive.c.id).limit(bindparam("limit"))
_BY_TIMER = text("by_timer = 1")
"""Literally, as the partial index needs it."""
_NEXT = Prepared(
    select(archive.c.kept_until, archive.c.held_until).where(_BY_TIMER).order_by(archive.c.kept_until).limit(50)
)
_DESTROY = delete(archive).where(among(archive.c.id, "ids"))
_HOLD = update(archive).where(archive.c.account == bindparam("of")).values(held_until=bindparam("until", type_=Instant))


def add(tx: Connection, rows: Sequence[NewRecords]) -> None:
    """Keep records."""
    bulk.insert(tx, archive, _NEW, [msgspec.structs.astuple(row) for row in rows])


def of_account(conn: Connection, account: str) -> list[KeptRecords]:
    """Return an account's archived records."""
    return [KeptRecords(*row) for row in conn.execute(_OF_ACCOUNT, {"account": account})]


def due(tx: Connection, now: datetime, limit: int, *, by_timer: bool) -> list[KeptRecords]:
    """Lock records whose retention is over, without a legal hold; `by_timer`: only those destroyed automatically."""
    query = _DUE.where(_BY_TIMER) if by_timer else _DUE
    return [KeptRecords(*row) for row in tx.execute(query, {"now": now, "limit": limit})]


def page(conn: Connection, after: int, limit: int) -> list[KeptRecords]:
    """Return everything that is kept, by its number."""
    return [KeptRecords(*row) for row in conn.execute(_PAGE, {"after": after, "limit": limit})]


def reseal(tx: Connection, id: int, key: bytes, body: bytes) -> None:  # noqa: A002
    """Replace records and their wrapped key by a new encryption of the same content."""
    bulk.update(tx, archive, ("id", "key", "body"), [(id, key, body)])


def next_due(conn: Connection) -> datetime | None:
    """Return when the next records are destroyed automatically."""
    ends = [max(until, held) if held else until for until, held in _NEXT.rows(conn)]
    return min(ends, default=None)


def destroy(tx: Connection, ids: Collection[int]) -> None:
    """Destroy records with their keys."""
    tx.execute(_DESTROY, {"ids": ids})


def hold(tx: Connection, account: str, until: datetime) -> int:
    """Legal hold: keep an account's records until a given time, despite the policy; returns the number of classes."""
    return tx.execute(_HOLD, {"of": account, "until": until}).rowcount
