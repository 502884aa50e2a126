"""How often a login was tried, and which sessions were left: shared by every web process, in real time."""

from datetime import datetime

from sqlalchemy import bindparam, delete, select, text
from sqlalchemy.engine import Connection

from app.store import bulk
from app.store.tables import Instant, attempts, ended_sessions

_TRY = text(
    "INSERT INTO attempts (key, failures, until) VALUES (:key, 1, :until)"
    " ON CONFLICT (key) DO UPDATE SET"
    " failures = CASE WHEN attempts.until <= :now THEN 1 ELSE attempts.failures + 1 END,"
    " until = CASE WHEN attempts.until <= :now THEN excluded.until ELSE attempts.until END"
    " RETURNING failures"
).bindparams(bindparam("until", type_=Instant), bindparam("now", type_=Instant))
_FORGET = delete(attempts).where(attempts.c.key == bindparam("tried"))
_FORGET_OLD = delete(attempts).where(attempts.c.until <= bindparam("now", type_=Instant))
_ENDED = select(ended_sessions.c.id).where(ended_sessions.c.id == bindparam("session"))
_FORGET_ENDED = delete(ended_sessions).where(ended_sessions.c.until <= bindparam("now", type_=Instant))


def attempt(tx: Connection, key: bytes, *, now: datetime, until: datetime) -> int:
    """Count an attempt before it is judged; return how many there were since the count began, which ends at `until`."""
    tx.execute(_FORGET_OLD, {"now": now})
    count: int = tx.execute(_TRY, {"key": key, "now": now, "until": until}).scalar_one()
    return count


def forget(tx: Connection, key: bytes) -> None:
    """Begin to count anew, as after a login that was right."""
    tx.execute(_FORGET, {"tried": key})


def end(tx: Connection, session: str, *, now: datetime, until: datetime) -> None:
    """Let nobody use a session any more; it would have run out at `until`."""
    tx.execute(_FORGET_ENDED, {"now": now})
    bulk.insert(tx, ended_sessions, ("id", "until"), [(session, until)], conflict=bulk.OR_NOTHING)


def has_ended(conn: Connection, session: str) -> bool:
    """Whether somebody has left this session."""
    return conn.execute(_ENDED, {"session": session}).first() is not None
