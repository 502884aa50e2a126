"""Which accounts a mail address belongs to, found by its keyed hash: the address itself is nowhere in the clear."""

from collections.abc import Iterable

from sqlalchemy import bindparam, delete, select
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.tables import lookups

_FIND = select(lookups.c.account).where(lookups.c.digest == bindparam("digest")).order_by(lookups.c.account).limit(50)

_FORGET = delete(lookups).where(lookups.c.account == bindparam("of"))


def add(tx: Connection, pairs: Iterable[tuple[bytes, str]]) -> None:
    """Remember that these hashes lead to these accounts."""
    bulk.insert(tx, lookups, ("digest", "account"), sorted(pairs), conflict=bulk.ON_CONFLICT_DO_NOTHING)


def forget(tx: Connection, account: str) -> None:
    """Find an account by no address any more."""
    tx.execute(_FORGET, {"of": account})


def find(conn: Connection, digest: bytes) -> list[str]:
    """Return the accounts, possibly by names that they had before; at most 50."""
    return list(conn.execute(_FIND, {"digest": digest}).scalars())
