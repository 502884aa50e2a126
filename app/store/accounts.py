"""One row per account: its sealed book, and the columns that lists need."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

import msgspec

from app.store.database import Connection


class AccountRow(msgspec.Struct, frozen=True):
    """An account as stored; change one with `msgspec.structs.replace`."""

    id: str
    key: bytes | None
    """The wrapped data key; None: erased."""
    book: bytes | None
    """Sealed with the key; None: nothing is known yet."""
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


def lock(tx: Connection, ids: Collection[str], new_key: Callable[[], bytes]) -> dict[str, AccountRow]:
    """Lock accounts, making those that do not exist; an alias answers with the row of the account it stands for."""
    raise NotImplementedError


def save(tx: Connection, rows: Sequence[AccountRow]) -> None:
    """Write locked accounts back."""
    raise NotImplementedError


def get(conn: Connection, id: str) -> AccountRow | None:  # noqa: A002
    """Return one account; an alias answers with the account it stands for."""
    raise NotImplementedError


def page(conn: Connection, standing: str | None, plan: str | None, after: str | None, limit: int) -> list[AccountRow]:
    """Return accounts by id, those after `after`; aliases are not among them."""
    raise NotImplementedError


def make_alias(tx: Connection, old: str, new: str) -> None:
    """Let `old` answer with `new` from now on."""
    raise NotImplementedError


def ids(conn: Connection, after: str | None, limit: int) -> list[str]:
    """Return account ids in order, those after `after`; aliases are not among them."""
    raise NotImplementedError


def count(conn: Connection) -> int:
    """Return how many accounts there are, without aliases."""
    raise NotImplementedError
