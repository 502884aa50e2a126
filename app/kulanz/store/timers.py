"""The moments at which the policy looks again."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import Connection

from kulanz.store import archive, bulk
from kulanz.store.bulk import among
from kulanz.store.prepared import Prepared
from kulanz.store.tables import Instant, timers


class TimerRow(msgspec.Struct, frozen=True):
    """A timer; an account has at most one of a kind for a subject."""

    account: str
    kind: str
    subject: str
    due_at: datetime


_COLUMNS = TimerRow.__struct_fields__
_ROW = select(*(timers.c[name] for name in _COLUMNS))
_later = timers.alias("later")
_OF_ACCOUNTS = Prepared(_ROW.where(among(timers.c.account, "accounts")))
_OF_ACCOUNT = _ROW.where(timers.c.account == bindparam("account")).order_by(timers.c.due_at, timers.c.kind)
_DUE = Prepared(
    _ROW.where(timers.c.due_at <= bindparam("now", type_=Instant))
    .order_by(timers.c.due_at, timers.c.account)
    .limit(bindparam("limit"))
)
_DUE_AND_NO_OTHER = Prepared(
    _ROW.where(
        timers.c.due_at <= bindparam("until", type_=Instant),
        ~select(_later.c.account)
        .where(
            _later.c.account == timers.c.account,
            _later.c.due_at > bindparam("until", type_=Instant),
            _later.c.due_at <= bindparam("now", type_=Instant),
        )
        .exists(),
    )
    .order_by(timers.c.due_at, timers.c.account)
    .limit(bindparam("limit"))
)
_HASTEN = (
    update(timers)
    .where(timers.c.kind == bindparam("kind_"), timers.c.due_at <= bindparam("before", type_=Instant))
    .values(due_at=bindparam("at", type_=Instant))
)
_NEXT = Prepared(select(timers.c.due_at).order_by(timers.c.due_at).limit(1))
_NEXT_BUT = Prepared(
    select(timers.c.due_at).where(timers.c.kind != bindparam("kind_")).order_by(timers.c.due_at).limit(1)
)


def replace(tx: Connection, wanted: Mapping[str, Sequence[TimerRow]]) -> None:
    """Replace the timers of each locked account by exactly these, writing only differences."""
    if not wanted:
        return
    present = {TimerRow(*row) for row in _OF_ACCOUNTS.rows(tx, accounts=wanted.keys())}
    future = {timer for rows in wanted.values() for timer in rows}
    kept = {_key(timer) for timer in future}
    bulk.delete(tx, timers, _COLUMNS[:3], [_key(timer) for timer in present - future if _key(timer) not in kept])
    moved = "ON CONFLICT (account, kind, subject) DO UPDATE SET due_at = excluded.due_at"
    bulk.insert(tx, timers, _COLUMNS, [msgspec.structs.astuple(timer) for timer in future - present], conflict=moved)


def add(tx: Connection, rows: Sequence[TimerRow]) -> None:
    """Add timers; an existing timer of the same kind and subject stays unchanged."""
    values = [msgspec.structs.astuple(row) for row in rows]
    bulk.insert(tx, timers, _COLUMNS, values, conflict="ON CONFLICT (account, kind, subject) DO NOTHING")


def due(tx: Connection, now: datetime, limit: int, *, until: datetime | None = None) -> list[TimerRow]:
    """Return due timers, oldest first; with `until` those due before then, of accounts with no newly due timer.

    The caller then locks the accounts and reads the timers again.
    """
    if until is None or until >= now:
        return [TimerRow(*row) for row in _DUE.rows(tx, now=now, limit=limit)]
    return [TimerRow(*row) for row in _DUE_AND_NO_OTHER.rows(tx, until=until, now=now, limit=limit)]


def hasten(tx: Connection, kind: str, at: datetime, before: datetime) -> int:
    """Move the timers of a kind that are due before a given time to another time; returns how many."""
    return tx.execute(_HASTEN, {"kind_": kind, "at": at, "before": before}).rowcount


def next_due(conn: Connection, but: str | None = None) -> datetime | None:
    """Return when the next timer is due, one of the kind `but` left out."""
    value: datetime | None = _NEXT.scalar(conn) if but is None else _NEXT_BUT.scalar(conn, kind_=but)
    return value


def next_due_or_expiry(conn: Connection, but: str | None = None) -> datetime | None:
    """Return when the next timer is due, or the next retention period ends."""
    moments = (next_due(conn, but), archive.next_due(conn))
    return min((moment for moment in moments if moment is not None), default=None)


def of_account(conn: Connection, account: str) -> list[TimerRow]:
    """Return the timers of an account in the order of their times."""
    return [TimerRow(*row) for row in conn.execute(_OF_ACCOUNT, {"account": account})]


def _key(timer: TimerRow) -> tuple[str, str, str]:
    return timer.account, timer.kind, timer.subject
