"""Sessions that were left: shared by every web process, in real time."""

from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.tables import Instant, attempts, ended_sessions

_CLEAR = delete(attempts)
_ENDED = select(ended_sessions.c.id).where(ended_sessions.c.id == bindparam("session"))
_FORGET_ENDED = delete(ended_sessions).where(ended_sessions.c.until <= bindparam("now", type_=Instant))


def clear_attempts(tx: Connection) -> None:
    """Delete counters of earlier versions."""
    tx.execute(_CLEAR)


def end(tx: Connection, session: str, *, now: datetime, until: datetime) -> None:
    """Revoke a session that would have run out at `until`."""
    tx.execute(_FORGET_ENDED, {"now": now})
    bulk.insert(tx, ended_sessions, ("id", "until"), [(session, until)], conflict=bulk.ON_CONFLICT_DO_NOTHING)


def has_ended(conn: Connection, session: str) -> bool:
    """Whether this session was revoked."""
    return conn.execute(_ENDED, {"session": session}).first() is not None
