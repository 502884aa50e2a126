"""Bindings: which account owns a provider's object. Keys look like `lemonsqueezy:customer:3083767`."""

from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256

import msgspec
from sqlalchemy import ARRAY, BigInteger, bindparam, func, select, update
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.bulk import among
from kulanz.store.prepared import Prepared
from kulanz.store.tables import bindings


class BindingRow(msgspec.Struct, frozen=True):
    """Owner of one object. `claims` is the evidence for it; None for bindings of earlier versions."""

    key: str
    account: str
    claims: bytes | None = None
    customer: str | None = None
    whole: str | None = None


_COLUMNS = BindingRow.__struct_fields__
_ROW = select(*(bindings.c[name] for name in _COLUMNS))
_ROWS = Prepared(_ROW.where(among(bindings.c.key, "keys")))
_OF_CUSTOMERS = Prepared(_ROW.where(among(bindings.c.customer, "customers"), bindings.c.customer.is_not(None)))
_OF_WHOLES = Prepared(_ROW.where(among(bindings.c.whole, "wholes"), bindings.c.whole.is_not(None)))
_OF_ACCOUNT = _ROW.where(bindings.c.account == bindparam("account")).order_by(bindings.c.key)
_AFTER = _ROW.where(bindings.c.key > bindparam("after")).order_by(bindings.c.key).limit(bindparam("limit"))
_SAVE = (
    "ON CONFLICT (key) DO UPDATE SET account = excluded.account, claims = excluded.claims,"
    " customer = excluded.customer, whole = excluded.whole"
)
_RENAME = update(bindings).where(among(bindings.c.key, "keys")).values(account=bindparam("new"))
_FIND = Prepared(select(bindings.c.key, bindings.c.account).where(among(bindings.c.key, "keys")))

_TURNS = select(func.pg_advisory_xact_lock(func.unnest(bindparam("numbers", type_=ARRAY(BigInteger)))))


def find(tx: Connection, keys: Collection[str]) -> dict[str, str]:
    """Return the account of every key that has one."""
    return dict(_FIND.rows(tx, keys=keys)) if keys else {}


def rows(conn: Connection, keys: Collection[str]) -> list[BindingRow]:
    """Return the rows of some objects."""
    return [BindingRow(*row) for row in _ROWS.rows(conn, keys=sorted(keys))] if keys else []


def of_customers(conn: Connection, customers: Collection[str]) -> list[BindingRow]:
    """Return the purchases of some customers, by the customers' own keys."""
    return [BindingRow(*row) for row in _OF_CUSTOMERS.rows(conn, customers=sorted(customers))] if customers else []


def of_wholes(conn: Connection, wholes: Collection[str]) -> list[BindingRow]:
    """Return the payments that go with some purchases."""
    return [BindingRow(*row) for row in _OF_WHOLES.rows(conn, wholes=sorted(wholes))] if wholes else []


def of_account(conn: Connection, account: str) -> list[BindingRow]:
    """Return everything that is bound to exactly this account."""
    return [BindingRow(*row) for row in conn.execute(_OF_ACCOUNT, {"account": account})]


def page(conn: Connection, after: str, limit: int) -> list[BindingRow]:
    """Return rows by key, those after `after`."""
    return [BindingRow(*row) for row in conn.execute(_AFTER, {"after": after, "limit": limit})]


def save(tx: Connection, written: Sequence[BindingRow]) -> None:
    """Write rows, new or not; keep others from them with `lock_keys` first."""
    values = [msgspec.structs.astuple(row) for row in sorted(written, key=lambda row: row.key)]
    bulk.insert(tx, bindings, _COLUMNS, values, conflict=_SAVE)


def rebind(tx: Connection, keys: Collection[str], account: str) -> None:
    """Give single keys to another account."""
    tx.execute(_RENAME, {"keys": sorted(keys), "new": account})


def bind(tx: Connection, pairs: Mapping[str, str]) -> None:
    """Bind keys to accounts; a bound key keeps its account, so read it again with `find`."""
    bulk.insert(tx, bindings, ("key", "account"), sorted(pairs.items()), conflict=bulk.ON_CONFLICT_DO_NOTHING)


def lock_keys(tx: Connection, keys: Collection[str]) -> None:
    """Lock these keys until `tx` ends, against workers that bind one and workers that wait for one to be bound.

    Take it before anything is written that another may wait for. SQLite has one writer anyway.
    """
    if keys and tx.dialect.name == "postgresql":
        tx.execute(_TURNS, {"numbers": sorted(map(_number, keys))})


def _number(key: str) -> int:
    return int.from_bytes(sha256(f"binding {key}".encode()).digest()[:8], signed=True)
