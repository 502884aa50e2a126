"""Effects that wait to be carried out, and what became of them. Attempts and leases are in real time."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from app.store.database import Connection, Database


class EffectRow(msgspec.Struct, frozen=True):
    """One effect: pending, done, skipped, withdrawn, parked, todo or unknown."""

    id: str
    account: str
    kind: str
    type: str
    subject: str
    step: int
    payload: bytes
    """Sealed with the account's key."""
    state: str
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    done_at: datetime | None = None
    lease_until: datetime | None = None
    """As `lease` returns it: the lease of an earlier attempt whose outcome nobody recorded, else None."""
    error: str | None = None
    decision_seq: int | None = None


def add(tx: Connection, rows: Sequence[EffectRow]) -> None:
    """Record effects; one that is known by its id stays as it is (I5)."""
    raise NotImplementedError


def lease(database: Database, limit: int, now_real: datetime, seconds: float) -> list[EffectRow]:
    """Take due effects for `seconds`, in a durable transaction of its own; nobody else gets them meanwhile."""
    raise NotImplementedError


def finish(
    tx: Connection,
    id: str,  # noqa: A002
    state: str,
    *,
    attempts: int,
    error: str | None = None,
    next_attempt_at: datetime | None = None,
    done_at: datetime | None = None,
) -> None:
    """Record an outcome and end the lease; `next_attempt_at` None leaves it."""
    raise NotImplementedError


def get(conn: Connection, id: str) -> EffectRow | None:  # noqa: A002
    """Return one effect."""
    raise NotImplementedError


def listing(conn: Connection, state: str | None = None, account: str | None = None, limit: int = 50) -> list[EffectRow]:
    """Return effects, newest first."""
    raise NotImplementedError


def retry(tx: Connection, ids: Collection[str]) -> int:
    """Make effects due at once whatever became of them, except those done; returns how many."""
    raise NotImplementedError


def counts(conn: Connection) -> dict[str, int]:
    """Return how many effects are in each state but `done`."""
    raise NotImplementedError


def oldest_pending(conn: Connection) -> datetime | None:
    """Return since when (real time) the longest waiting effect has been due."""
    raise NotImplementedError


def untried(conn: Connection, now_real: datetime) -> int:
    """Return how many pending effects that are due were never attempted."""
    raise NotImplementedError
