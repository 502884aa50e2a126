"""Every policy that was ever activated, unchanged."""

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


def newest(conn: Connection) -> int:
    """Return the highest version, 0 if there is none."""
    return conn.execute(_NEWEST).scalar() or 0
