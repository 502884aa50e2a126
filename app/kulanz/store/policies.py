"""Every policy that was ever activated, or agreed with an account, unchanged."""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from kulanz.errors import RefusedError
from kulanz.store import bulk
from kulanz.store.prepared import Prepared
from kulanz.store.tables import policies


class PolicyRow(msgspec.Struct, frozen=True):
    """An immutable version of a policy."""

    version: int
    name: str
    document: str
    sha256: str
    effective_from: datetime
    activated_at: datetime
    actor: str
    general: bool = True
    """Whether it is a version of the general policy; otherwise it applies to accounts that agreed on it."""


_COLUMNS = PolicyRow.__struct_fields__
_ALL = select(*(policies.c[name] for name in _COLUMNS)).order_by(policies.c.version)

_ALWAYS = datetime.min.replace(tzinfo=UTC)
_NEWEST = Prepared(select(func.max(policies.c.version)))


def add(tx: Connection, row: PolicyRow) -> None:
    """Record a version; RefusedError if there is one of that number."""
    if not bulk.insert(tx, policies, _COLUMNS, [msgspec.structs.astuple(row)], conflict=bulk.ON_CONFLICT_DO_NOTHING):
        raise RefusedError(f"there is a policy version {row.version} already")


def all(conn: Connection) -> list[PolicyRow]:  # noqa: A001
    """Return every version, oldest first."""
    return [PolicyRow(*row) for row in conn.execute(_ALL)]


def line(rows: Iterable[PolicyRow]) -> list[tuple[datetime, PolicyRow]]:
    """Return the versions of the general policy, each with the time from which it is in force, in ascending order.

    The first one has always been in force: it also applies to earlier events, even after a clock was set back. Of two
    versions of one time the later counts, and a version ends when the next one begins.
    """
    general = sorted((row for row in rows if row.general), key=lambda row: row.version)
    by_moment = {(row.effective_from if place else _ALWAYS): row for place, row in enumerate(general)}
    return [(moment, by_moment[moment]) for moment in sorted(by_moment)]


def in_force(rows: Iterable[PolicyRow], now: datetime) -> PolicyRow | None:
    """Return the version of the general policy that is in force, None where there is none."""
    begun = [row for moment, row in line(rows) if moment <= now]
    return begun[-1] if begun else None


def newest(conn: Connection) -> int:
    """Return the highest version, 0 if there is none."""
    value: int | None = _NEWEST.scalar(conn)
    return value or 0
