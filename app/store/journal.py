"""Our own and the operators' facts, sealed, in the order in which they became known."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import msgspec

from app.store.database import Connection


class JournalRow(msgspec.Struct, frozen=True):
    """One fact; `fact` is its JSON, sealed with the account's key."""

    account: str
    at: datetime
    kind: str
    fact: bytes
    decision_seq: int | None


def append(tx: Connection, rows: Sequence[JournalRow]) -> None:
    """Record facts."""
    raise NotImplementedError


def of_account(conn: Connection, account: str) -> Iterator[JournalRow]:
    """Yield the facts of an account, oldest first."""
    raise NotImplementedError


def move(tx: Connection, old: str, new: str, reseal: Callable[[bytes], bytes] | None = None) -> int:
    """Give the facts of one account to another, sealed anew."""
    raise NotImplementedError
