"""The audit log of operators at the console: personal data looked at, retries, skips."""

from datetime import datetime

import msgspec
from sqlalchemy import bindparam, select
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.tables import acts


class AuditEntry(msgspec.Struct, frozen=True):
    """An entry of the audit log, in real time; `detail` is the operator's reason or a number, never personal data."""

    id: int
    at: datetime
    actor: str
    act: str
    subject: str
    detail: str | None


_COLUMNS = AuditEntry.__struct_fields__
_ROW = select(*(acts.c[name] for name in _COLUMNS)).order_by(acts.c.id.desc()).limit(bindparam("limit"))
_ABOUT = _ROW.where(acts.c.subject == bindparam("subject"))
_BEFORE = _ROW.where(acts.c.id < bindparam("before"))


def record(tx: Connection, *, at: datetime, actor: str, act: str, subject: str, detail: str | None = None) -> None:
    """Record an act."""
    bulk.insert(tx, acts, _COLUMNS[1:], [(at, actor, act, subject, detail)])


def about(conn: Connection, subject: str, limit: int = 20) -> list[AuditEntry]:
    """Return the acts about one thing, newest first."""
    return [AuditEntry(*row) for row in conn.execute(_ABOUT, {"subject": subject, "limit": limit})]


def page(conn: Connection, before: int | None, limit: int) -> list[AuditEntry]:
    """Return acts, newest first; `before` is the number of the last one of the page before."""
    query, place = (_ROW, {}) if before is None else (_BEFORE, {"before": before})
    return [AuditEntry(*row) for row in conn.execute(query, {"limit": limit, **place})]
