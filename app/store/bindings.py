"""Which account a provider's object belongs to; keys like `lemonsqueezy:customer:3083767`."""

from collections.abc import Collection, Mapping

from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import Connection

from app.store import bulk
from app.store.bulk import among
from app.store.tables import bindings

_FIND = select(bindings.c.key, bindings.c.account).where(among(bindings.c.key, "keys"))
_MOVE = update(bindings).where(bindings.c.account == bindparam("old")).values(account=bindparam("new"))


def find(tx: Connection, keys: Collection[str]) -> dict[str, str]:
    """Return the account of every key that has one."""
    return {row.key: row.account for row in tx.execute(_FIND, {"keys": keys})} if keys else {}


def bind(tx: Connection, pairs: Mapping[str, str]) -> None:
    """Bind keys to accounts; a key that is bound already stays where it is, so look again with `find`."""
    bulk.insert(tx, bindings, ("key", "account"), sorted(pairs.items()), conflict=bulk.OR_NOTHING)


def move(tx: Connection, old: str, new: str) -> int:
    """Give everything that is bound to one account to another; returns how many keys."""
    return tx.execute(_MOVE, {"old": old, "new": new}).rowcount
