"""Which account a provider's object belongs to; keys like `lemonsqueezy:customer:3083767`."""

from collections.abc import Collection, Mapping
from hashlib import sha256

from sqlalchemy import ARRAY, BigInteger, bindparam, func, select, update
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.bulk import among
from kulanz.store.prepared import Prepared
from kulanz.store.tables import bindings

_FIND = Prepared(select(bindings.c.key, bindings.c.account).where(among(bindings.c.key, "keys")))
_MOVE = update(bindings).where(bindings.c.account == bindparam("old")).values(account=bindparam("new"))

_TURNS = select(func.pg_advisory_xact_lock(func.unnest(bindparam("numbers", type_=ARRAY(BigInteger)))))


def find(tx: Connection, keys: Collection[str]) -> dict[str, str]:
    """Return the account of every key that has one."""
    return dict(_FIND.rows(tx, keys=keys)) if keys else {}


def bind(tx: Connection, pairs: Mapping[str, str]) -> None:
    """Bind keys to accounts; a key that is bound already stays where it is, so look again with `find`."""
    bulk.insert(tx, bindings, ("key", "account"), sorted(pairs.items()), conflict=bulk.ON_CONFLICT_DO_NOTHING)


def lock_keys(tx: Connection, keys: Collection[str]) -> None:
    """Keep others from these keys until `tx` ends: whoever binds one, and whoever waits for one to be bound.

    Take it before anything is written that another may wait for. SQLite has one writer anyway.
    """
    if keys and tx.dialect.name == "postgresql":
        tx.execute(_TURNS, {"numbers": sorted(map(_number, keys))})


def move(tx: Connection, old: str, new: str) -> int:
    """Give everything that is bound to one account to another; returns how many keys."""
    return tx.execute(_MOVE, {"old": old, "new": new}).rowcount


def _number(key: str) -> int:
    return int.from_bytes(sha256(f"binding {key}".encode()).digest()[:8], signed=True)
