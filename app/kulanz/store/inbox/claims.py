"""Claims: each worker's current batch of events. They detect and count crashes, and keep workers apart.

1. `claim` commits the ids of a worker's next batch, before any of the events is read.
2. `hold` locks the claim's row for the length of the transaction that applies the batch.
3. `release` empties the claim.
4. A claim with events whose row is unlocked longer than `_TAKEN_UP` after step 1 belongs to a dead worker: another
   worker removes it and counts one failed attempt for each of its events.

A claim need not survive a power failure: the workers are gone then, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import takewhile
from typing import NamedTuple
from uuid import uuid4

import msgspec
from sqlalchemy import bindparam, case, delete, or_, select, text, update
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.bulk import among
from kulanz.store.database import Database
from kulanz.store.prepared import Prepared
from kulanz.store.tables import Instant, claims, inbox

MAX_ATTEMPTS = 3
"""Maximum of failures and crashes together; then an event is parked."""

_LIVE = timedelta(seconds=10)
_REFRESH = timedelta(seconds=3)
_GONE = timedelta(minutes=5)
_TAKEN_UP = timedelta(seconds=5)
"""Time that a living worker may take from `claim` to `hold`."""
_ONE_AT_A_TIME = 0x6B756C62
_NOTHING = "[]"
_DIED = "worker died"
_OR_RENEW = """ON CONFLICT (worker) DO UPDATE
    SET ids = excluded.ids, claimed_at = excluded.claimed_at, seen_at = excluded.seen_at"""


class Claim(NamedTuple):
    """The events that one worker is at; none while it waits for work."""

    worker: str
    ids: str
    claimed_at: datetime
    seen_at: datetime


_ALL = Prepared(select(claims.c.worker, claims.c.ids, claims.c.claimed_at, claims.c.seen_at))
_UNLOCKED = select(claims.c.worker).where(among(claims.c.worker, "workers")).with_for_update(skip_locked=True)
_MINE = Prepared(select(claims.c.ids).where(claims.c.worker == bindparam("worker")).with_for_update())
_DROP = delete(claims).where(among(claims.c.worker, "workers"))
_RELEASE = Prepared(update(claims).where(claims.c.worker == bindparam("mine")).values(ids=_NOTHING))
_CRASHED = (
    update(inbox)
    .where(among(inbox.c.id, "crashed"), inbox.c.state == "received")
    .values(
        attempts=inbox.c.attempts + 1,
        reason=_DIED,
        state=case((inbox.c.attempts + 1 >= MAX_ATTEMPTS, "parked"), else_="received"),
    )
)
_UNANNOUNCED = Prepared(
    select(inbox.c.id)
    .where(text("state = 'parked' AND state <> 'handled'"), inbox.c.reason == _DIED)
    .order_by(inbox.c.id)
)
_ANNOUNCED = update(inbox).where(inbox.c.id == bindparam("parked")).values(reason=f"{MAX_ATTEMPTS} workers died at it")
_DUE = (
    select(inbox.c.id, inbox.c.attempts)
    .where(
        text("state = 'received' AND state <> 'handled'"),
        or_(inbox.c.next_attempt_at.is_(None), inbox.c.next_attempt_at <= bindparam("now", type_=Instant)),
    )
    .order_by(inbox.c.id)
    .limit(bindparam("limit"))
)
_DUE_AND_FREE = _DUE.where(~among(inbox.c.id, "busy"))
_NEXT = Prepared(_DUE)
_NEXT_FREE = Prepared(_DUE_AND_FREE)
_NEXT_OF_SHARE = Prepared(_DUE_AND_FREE.where(inbox.c.lane % bindparam("workers") == bindparam("place")))


def claim(database: Database, worker: str, limit: int, now_real: datetime) -> list[int]:
    """Choose due events for this worker, oldest first: up to `limit` fresh ones, or a single one that failed before.

    A worker is at one batch at a time. What a dead worker had claimed counts one crash. On SQLite the caller holds the
    drain lock. Of several workers each sees to its share of the lanes before it helps the others.
    """
    me = _name(worker)
    with database.relaxed() as tx:
        if tx.dialect.name == "postgresql":
            tx.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})")
        rows = {row.worker: row for row in map(Claim._make, _ALL.rows(tx))}
        mine = rows.pop(me, None)
        others = _bury(tx, list(rows.values()), now_real)
        ids = _next(tx, me, others, limit, now_real)
        if ids or mine is None or mine.ids != _NOTHING or mine.seen_at < now_real - _REFRESH:
            _note(tx, me, ids, now_real)
    return ids


def holder(conn: Connection, event: int) -> Claim | None:
    """Return the claim of the worker that is at an event."""
    rows = map(Claim._make, _ALL.rows(conn))
    return next((row for row in rows if event in _ids([row])), None)


def unannounced(conn: Connection) -> list[int]:
    """Return the events that were parked because workers died at them and that no alert has reported yet."""
    return [event for (event,) in _UNANNOUNCED.rows(conn)]


def announce(tx: Connection, event: int) -> None:
    """Note that operators were alerted."""
    tx.execute(_ANNOUNCED, {"parked": event})


def hold(tx: Connection, worker: str) -> bool:
    """Lock this worker's claim while `tx` lasts; False if another worker took it for dead."""
    return _MINE.scalar(tx, worker=_name(worker)) is not None


def release(tx: Connection, worker: str) -> None:
    """Give up this worker's claim: its batch is settled, or each of its events has been given back."""
    _RELEASE.write(tx, mine=_name(worker))


def _name(worker: str) -> str:
    """Add an id of this process's life: in a container, host and process id are the same after each restart."""
    return f"{worker}/{_life(os.getpid())}"


@cache
def _life(_process: int) -> str:
    return uuid4().hex


def _bury(tx: Connection, others: Sequence[Claim], now: datetime) -> list[Claim]:
    """Count the crashes of dead workers, delete the claims of dead and absent workers, return the rest."""
    patience = _TAKEN_UP if tx.dialect.name == "postgresql" else timedelta(0)
    # A claim of the future is old, too: the host's clock has gone back since.
    silent = [row.worker for row in others if row.ids != _NOTHING and abs(now - row.claimed_at) >= patience]
    dead = set(tx.execute(_UNLOCKED, {"workers": silent}).scalars()) if silent else set()
    gone = {row.worker for row in others if row.ids == _NOTHING and row.seen_at < now - _GONE}
    if dead:
        tx.execute(_CRASHED, {"crashed": _ids(row for row in others if row.worker in dead)})
    if dead or gone:
        tx.execute(_DROP, {"workers": dead | gone})
    return [row for row in others if row.worker not in dead | gone]


def _next(tx: Connection, worker: str, others: Sequence[Claim], limit: int, now: datetime) -> list[int]:
    if not others:
        return _batch(_NEXT.rows(tx, now=now, limit=limit))
    living = sorted({worker, *(row.worker for row in others if row.ids != _NOTHING or row.seen_at > now - _LIVE)})
    wanted = {"now": now, "limit": limit, "busy": _ids(others)}
    share = {**wanted, "workers": len(living), "place": living.index(worker)}
    return _batch(_NEXT_OF_SHARE.rows(tx, **share)) or _batch(_NEXT_FREE.rows(tx, **wanted))


def _batch(due: Sequence[tuple[int, int]]) -> list[int]:
    """Put an event that has failed before into a batch of its own: it may be the one that makes batches fail."""
    if due and due[0][1]:
        return [due[0][0]]
    return [event for event, _ in takewhile(lambda row: not row[1], due)]


def _ids(rows: Iterable[Claim]) -> list[int]:
    return [number for row in rows for number in msgspec.json.decode(row.ids, type=list[int])]


def _note(tx: Connection, worker: str, ids: Sequence[int], now: datetime) -> None:
    row = (worker, msgspec.json.encode(ids).decode(), now, now)
    bulk.insert(tx, claims, ("worker", "ids", "claimed_at", "seen_at"), [row], conflict=_OR_RENEW)
