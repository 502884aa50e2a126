"""Every policy that was ever activated, unchanged."""

from datetime import datetime

import msgspec

from app.store.database import Connection


class PolicyRow(msgspec.Struct, frozen=True):
    """One immutable version."""

    version: int
    name: str
    document: str
    sha256: str
    effective_from: datetime
    activated_at: datetime
    actor: str


def add(tx: Connection, row: PolicyRow) -> None:
    """Record a version; RefusedError if there is one of that number."""
    raise NotImplementedError


def all(conn: Connection) -> list[PolicyRow]:  # noqa: A001
    """Return every version, oldest first."""
    raise NotImplementedError
