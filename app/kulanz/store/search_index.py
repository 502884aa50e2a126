"""Keyed hashes by which accounts are found: of mail addresses, words of names, invoices; none is in the clear."""

from collections.abc import Collection, Iterable

from sqlalchemy import Integer, bindparam, delete, func, select
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.tables import lookups

MOST = 50
_FIND = select(lookups.c.account).where(lookups.c.digest == bindparam("digest")).order_by(lookups.c.account).limit(MOST)
_FIND_ALL = (
    select(lookups.c.account)
    .where(lookups.c.digest.in_(bindparam("digests", expanding=True)))
    .group_by(lookups.c.account)
    .having(func.count() == bindparam("number", type_=Integer))
    .order_by(lookups.c.account)
    .limit(MOST)
)
_OF_ACCOUNT = select(lookups.c.digest).where(lookups.c.account == bindparam("of"))
_FORGET = delete(lookups).where(lookups.c.account == bindparam("of"))


def add(tx: Connection, pairs: Iterable[tuple[bytes, str]]) -> None:
    """Remember that these hashes lead to these accounts."""
    bulk.insert(tx, lookups, ("digest", "account"), sorted(pairs), conflict=bulk.ON_CONFLICT_DO_NOTHING)


def forget(tx: Connection, account: str) -> None:
    """Find an account by nothing any more."""
    tx.execute(_FORGET, {"of": account})


def find(conn: Connection, digest: bytes) -> list[str]:
    """Return the accounts, possibly by names that they had before; at most 50."""
    return list(conn.execute(_FIND, {"digest": digest}).scalars())


def find_all(conn: Connection, digests: Collection[bytes]) -> list[str]:
    """Return the accounts to which all of these hashes lead; at most 50."""
    ordered = sorted(set(digests))
    if len(ordered) == 1:
        return find(conn, ordered[0])
    return list(conn.execute(_FIND_ALL, {"digests": ordered, "number": len(ordered)}).scalars()) if ordered else []


def of_account(conn: Connection, account: str) -> set[bytes]:
    """Return the hashes that lead to an account."""
    return set(conn.execute(_OF_ACCOUNT, {"of": account}).scalars())
