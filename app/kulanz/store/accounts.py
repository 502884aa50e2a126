"""The table of accounts: the encrypted book, and the columns that lists need."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, TypeVarTuple

import msgspec
from sqlalchemy import LargeBinary, Select, and_, bindparam, func, or_, select
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.bulk import among
from kulanz.store.prepared import Prepared
from kulanz.store.tables import Instant, accounts, bindings

_Columns = TypeVarTuple("_Columns")


class Kin(msgspec.Struct, frozen=True):
    """An alias: an id that answers with another account. Records under it are encrypted with the alias's own key."""

    id: str
    alias_of: str
    key: bytes | None


class ChainEnd(msgspec.Struct, frozen=True):
    """The last decision in an account's hash chain."""

    id: str
    seq: int
    head: bytes


class AccountRow(msgspec.Struct, frozen=True):
    """An account as stored; change one with `msgspec.structs.replace`."""

    id: str
    key: bytes | None
    """The wrapped data key; None: erased."""
    book: bytes | None
    """The encrypted book; None: nothing is known yet."""
    standing: str
    plan: str
    access: str
    grace_ends_at: datetime | None
    deletion_eligible_at: datetime | None
    version: int
    seq: int
    """The number of the last decision, 0 before the first."""
    head: bytes
    """The hash of the last decision, empty before the first."""
    decided_at: datetime | None
    alias_of: str | None = None
    signature: bytes | None = None
    """The MAC of the row (`ledger.row_statement`), or an earlier version's signature of where its chain ends."""


_COLUMNS = AccountRow.__struct_fields__
_SIGNATURE_BYTES = 64
"""Length of an earlier version's signature; a MAC is shorter."""
_ROW = select(*(accounts.c[name] for name in _COLUMNS))
_LOCK = Prepared(_ROW.where(among(accounts.c.id, "ids")).order_by(accounts.c.id).with_for_update())
_ONE = _ROW.where(accounts.c.id == bindparam("account"))
_THESE = _ROW.where(among(accounts.c.id, "ids"))
_EVERYONE = _ROW.where(accounts.c.id > bindparam("after")).order_by(accounts.c.id).limit(bindparam("limit"))
_KEY = select(accounts.c.key).where(accounts.c.id == bindparam("account"))
_ALIASES = select(accounts.c.id).where(accounts.c.alias_of == bindparam("account")).order_by(accounts.c.id)
_KIN = (
    select(accounts.c.id, accounts.c.alias_of, accounts.c.key)
    .where(among(accounts.c.alias_of, "accounts"))
    .order_by(accounts.c.id)
)
_PAST_GRACE = (
    select(func.count())
    .select_from(accounts)
    .where(accounts.c.standing == "grace", accounts.c.grace_ends_at <= bindparam("now", type_=Instant))
)
_ENDS_OF = select(accounts.c.id, accounts.c.seq, accounts.c.head).where(among(accounts.c.id, "ids"))
_ENDS = (
    select(accounts.c.id, accounts.c.seq, accounts.c.head)
    .where(accounts.c.id > bindparam("after"))
    .order_by(accounts.c.id)
    .limit(bindparam("limit"))
)
_UNBOUND = (
    select(accounts.c.id)
    .where(
        accounts.c.id > bindparam("after"),
        or_(
            func.substr(accounts.c.key, 1, 1, type_=LargeBinary) == b"\x01",
            and_(accounts.c.key.is_(None), func.length(accounts.c.signature) == _SIGNATURE_BYTES),
        ),
    )
    .order_by(accounts.c.id)
    .limit(bindparam("limit"))
)
_COUNT = select(func.count()).select_from(accounts).where(accounts.c.alias_of.is_(None))
_OWNERS = (
    select(bindings.c.account)
    .where(bindings.c.customer == bindparam("customer"), bindings.c.customer.is_not(None))
    .distinct()
    .limit(2)
)


def lock(tx: Connection, ids: Collection[str], new_key: Callable[[str], bytes]) -> dict[str, AccountRow]:
    """Lock accounts, inserting missing ones; an alias answers with the row of its account.

    Rows are locked in the order of their ids, so that two workers with common rows cannot deadlock.
    """
    rows = _locked(tx, ids)
    if missing := sorted(set(ids) - rows.keys()):
        bulk.insert(
            tx, accounts, _COLUMNS, [_new(id_, new_key(id_)) for id_ in missing], conflict=bulk.ON_CONFLICT_DO_NOTHING
        )
        rows |= _locked(tx, missing)
    if targets := {row.alias_of for row in rows.values() if row.alias_of} - rows.keys():
        rows |= _locked(tx, targets)
    return {id_: rows[rows[id_].alias_of or id_] for id_ in ids}


def save(tx: Connection, rows: Sequence[AccountRow]) -> None:
    """Write locked accounts back."""
    bulk.update(tx, accounts, _COLUMNS, [msgspec.structs.astuple(row) for row in rows])


def state(tx: Connection, rows: Sequence[AccountRow]) -> None:
    """Write the statements of locked accounts."""
    bulk.update(tx, accounts, ("id", "signature"), [(row.id, row.signature) for row in rows])


def ends(conn: Connection, after: str, limit: int) -> list[ChainEnd]:
    """Return where the chains of accounts end, those after `after`, aliases among them."""
    return [ChainEnd(*row) for row in conn.execute(_ENDS, {"after": after, "limit": limit})]


def ends_of(conn: Connection, ids: Collection[str]) -> dict[str, ChainEnd]:
    """Return where the chains of some accounts end."""
    return {row[0]: ChainEnd(*row) for row in conn.execute(_ENDS_OF, {"ids": ids})}


def lock_exactly(tx: Connection, id: str) -> AccountRow | None:  # noqa: A002
    """Lock exactly this account, also an alias."""
    row = tx.execute(_ONE.with_for_update(), {"account": id}).one_or_none()
    return AccountRow(*row) if row is not None else None


def unbound(conn: Connection, after: str, limit: int) -> list[str]:
    """Return ids, those after `after`, of accounts whose key or statement an earlier version has written."""
    return list(conn.execute(_UNBOUND, {"after": after, "limit": limit}).scalars())


def is_blank(row: AccountRow) -> bool:
    """Whether a row is as it was made: of an account about which nothing is decided yet."""
    return msgspec.structs.astuple(row) == _new(row.id, row.key)


def get(conn: Connection, id: str) -> AccountRow | None:  # noqa: A002
    """Return one account; an alias answers with its account."""
    row = conn.execute(_ONE, {"account": id}).one_or_none()
    if row is not None and row.alias_of is not None:
        row = conn.execute(_ONE, {"account": row.alias_of}).one_or_none()
    return AccountRow(*row) if row is not None else None


def answering(conn: Connection, id: str) -> AccountRow | None:  # noqa: A002
    """Return the account that answers under an id, as people use it.

    A provider's customer (`lemonsqueezy-77`) that owns nothing itself answers as the account that has everything of
    that customer, where there is one.
    """
    provider, _, number = id.partition("-")
    owners = list(conn.execute(_OWNERS, {"customer": f"{provider}:customer:{number}"}).scalars()) if number else []
    return get(conn, owners[0] if len(owners) == 1 else id)


def these(conn: Connection, ids: Collection[str]) -> dict[str, AccountRow]:
    """Return exactly these accounts by their ids, also aliases."""
    return {row[0]: AccountRow(*row) for row in conn.execute(_THESE, {"ids": sorted(ids)})}


def data_key(conn: Connection, id: str) -> bytes | None:  # noqa: A002
    """Return the wrapped key of exactly this account, also of an alias; None if it is unknown or erased."""
    key: bytes | None = conn.execute(_KEY, {"account": id}).scalar()
    return key


def aliases(conn: Connection, id: str) -> list[str]:  # noqa: A002
    """Return the aliases of this account, whose records keep their ids."""
    return list(conn.execute(_ALIASES, {"account": id}).scalars())


def kin(conn: Connection, ids: Collection[str]) -> list[Kin]:
    """Return every alias of these accounts."""
    return [Kin(*row) for row in conn.execute(_KIN, {"accounts": ids})]


def page(conn: Connection, standing: str | None, plan: str | None, after: str | None, limit: int) -> list[AccountRow]:
    """Return accounts by id, those after `after`; aliases are not among them."""
    query = _after(_ROW, after, limit)
    if standing is not None:
        query = query.where(accounts.c.standing == standing)
    if plan is not None:
        query = query.where(accounts.c.plan == plan)
    return [AccountRow(*row) for row in conn.execute(query)]


def ids(conn: Connection, after: str | None, limit: int) -> list[str]:
    """Return account ids in order, those after `after`; aliases are not among them."""
    return list(conn.execute(_after(select(accounts.c.id), after, limit)).scalars())


def everyone(conn: Connection, after: str, limit: int) -> list[AccountRow]:
    """Return accounts by id, those after `after`, aliases among them: their decisions stay under their old ids."""
    return [AccountRow(*row) for row in conn.execute(_EVERYONE, {"after": after, "limit": limit})]


def exactly(conn: Connection, id: str) -> AccountRow | None:  # noqa: A002
    """Return exactly this account, also an alias."""
    row = conn.execute(_ONE, {"account": id}).one_or_none()
    return AccountRow(*row) if row is not None else None


def count(conn: Connection) -> int:
    """Return how many accounts there are, without aliases."""
    return conn.execute(_COUNT).scalar_one()


def past_grace(conn: Connection, now: datetime) -> int:
    """Return how many accounts are still in grace although it has ended."""
    return conn.execute(_PAST_GRACE, {"now": now}).scalar_one()


def _locked(tx: Connection, ids: Collection[str]) -> dict[str, AccountRow]:
    return {row[0]: AccountRow(*row) for row in _LOCK.rows(tx, ids=ids)} if ids else {}


def _new(id_: str, key: bytes | None) -> tuple[Any, ...]:
    row = AccountRow(
        id=id_,
        key=key,
        book=None,
        standing="good",
        plan="free",
        access="free",
        grace_ends_at=None,
        deletion_eligible_at=None,
        version=0,
        seq=0,
        head=b"",
        decided_at=None,
    )
    return msgspec.structs.astuple(row)


def _after(query: Select[*_Columns], after: str | None, limit: int) -> Select[*_Columns]:
    query = query.where(accounts.c.alias_of.is_(None)).order_by(accounts.c.id).limit(limit)
    return query if after is None else query.where(accounts.c.id > after)
