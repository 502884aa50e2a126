"""Every policy that was ever activated, or agreed with an account, unchanged."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from app.errors import RefusedError
from app.store import bulk
from app.store.tables import policies


class PolicyRow(msgspec.Struct, frozen=True):
    """One immutable version."""

    version: int
    name: str
    document: str
    sha256: str
    effective_from: datetime
    activated_at: datetime
    actor: str
    general: bool = True
    """Whether it is a version of the policy of all; if not, it counts for the accounts that agreed on it."""


_COLUMNS = PolicyRow.__struct_fields__
_ALL = select(*(policies.c[name] for name in _COLUMNS)).order_by(policies.c.version)

_NEWEST = select(func.max(policies.c.version))


def add(tx: Connection, row: PolicyRow) -> None:
    """Record a version; RefusedError if there is one of that number."""
    if not bulk.insert(tx, policies, _COLUMNS, [msgspec.structs.astuple(row)], conflict=bulk.OR_NOTHING):
        raise RefusedError(f"there is a policy version {row.version} already")


def all(conn: Connection) -> list[PolicyRow]:  # noqa: A001
    """Return every version, oldest first."""
    return [PolicyRow(*row) for row in conn.execute(_ALL)]


def line(rows: Iterable[PolicyRow]) -> list[PolicyRow]:
    """Return the versions of the general policy in the order in which they come into force; of two at once the later.

    A version that was activated after another but is in force before it, ends when that one begins.
    """
    by_moment = {row.effective_from: row for row in sorted(rows, key=lambda row: row.version) if row.general}
    return [by_moment[moment] for moment in sorted(by_moment)]


def in_force(rows: Iterable[PolicyRow], now: datetime) -> PolicyRow | None:
    """Return the version of the general policy that is in force, None before the first."""
    begun = [row for row in line(rows) if row.effective_from <= now]
    return begun[-1] if begun else None


def newest(conn: Connection) -> int:
    """Return the highest version, 0 if there is none."""
    return conn.execute(_NEWEST).scalar() or 0
