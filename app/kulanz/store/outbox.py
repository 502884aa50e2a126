"""Outbox: effects to be delivered, and their outcomes. Attempts and leases are in real time."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import (
    Integer,
    LargeBinary,
    Select,
    String,
    TextClause,
    and_,
    bindparam,
    case,
    func,
    null,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.bulk import among, literally
from kulanz.store.database import Database
from kulanz.store.tables import Instant, effects

PROVIDER_CALLS = frozenset({"CancelSubscription", "ResumeSubscription", "RefundPayment", "DisableLicence"})
"""Kinds of effects that change something at the provider: a person may do the same there."""
STOPPED_STATES = ("todo", "parked", "unknown")
"""States that only a person ends."""
EFFECT_STATES = ("pending", "done", "skipped", "withdrawn", "parked", "todo", "unknown")


class EffectRow(msgspec.Struct, frozen=True):
    """An effect: pending, done, skipped, withdrawn, parked, todo or unknown."""

    id: str
    account: str
    kind: str
    type: str
    subject: str
    step: int
    payload: bytes
    """Encrypted with the account's key."""
    state: str
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    done_at: datetime | None = None
    lease_until: datetime | None = None
    """The expired lease of a worker that died, as returned by `lease`; else None."""
    error: str | None = None
    decision_seq: int | None = None
    begun_at: datetime | None = None
    """Start of the attempt whose outcome was not recorded; None: there is none."""
    crashes: int = 0
    """Number of earlier attempts during which the worker died."""
    request_note: str | None = None
    """The process that was about to send a request that may have moved money; None: no outcome is unknown."""

    @property
    def may_be_done_by_hand(self) -> bool:
        """Whether it is a call that a person may have made at the provider instead."""
        return self.kind in PROVIDER_CALLS and self.state in STOPPED_STATES


_COLUMNS = EffectRow.__struct_fields__
_PAGE = 500
_PENDING = text("state = 'pending' AND state <> 'done'")
_ROW = select(*(effects.c[name] for name in _COLUMNS))
_ONE = _ROW.where(effects.c.id == bindparam("effect"))
_DUE = (
    _ROW.where(
        _PENDING,
        effects.c.next_attempt_at <= bindparam("now", type_=Instant),
        or_(effects.c.lease_until.is_(None), effects.c.lease_until <= bindparam("now", type_=Instant)),
    )
    .order_by(effects.c.next_attempt_at, effects.c.number)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_OF_ACCOUNT = (
    _ROW.add_columns(effects.c.number)
    .where(effects.c.account == bindparam("account"), effects.c.number > bindparam("after"))
    .order_by(effects.c.number)
    .limit(_PAGE)
)
_LEASE = update(effects).where(among(effects.c.id, "effects")).values(lease_until=bindparam("until", type_=Instant))
_RENEW = (
    update(effects)
    .where(
        among(effects.c.id, "effects"),
        _PENDING,
        or_(
            effects.c.lease_until == bindparam("held", type_=Instant),
            effects.c.lease_until == bindparam("tried", type_=Instant),
        ),
    )
    .values(lease_until=bindparam("until", type_=Instant))
)
_BEGIN = (
    update(effects)
    .where(
        effects.c.id == bindparam("effect"),
        _PENDING,
        effects.c.begun_at.is_not_distinct_from(bindparam("seen", type_=Instant)),
    )
    .values(begun_at=bindparam("now", type_=Instant), crashes=effects.c.crashes + bindparam("lost", type_=Integer))
)
_NOTE = (
    update(effects)
    .where(
        effects.c.id == bindparam("effect"),
        _PENDING,
        effects.c.request_note.is_not_distinct_from(bindparam("seen", type_=String)),
    )
    .values(request_note=bindparam("note", type_=String))
)
_SETTLE = update(effects).where(effects.c.id == bindparam("effect")).values(request_note=None)
_GIVE_BACK = (
    update(effects)
    .where(
        effects.c.id == bindparam("effect"),
        or_(
            and_(_PENDING, effects.c.begun_at == bindparam("begun", type_=Instant)),
            and_(effects.c.state.in_(("pending", "parked")), effects.c.request_note == bindparam("own", type_=String)),
        ),
    )
    .values(
        state="pending",
        error=None,
        next_attempt_at=bindparam("begun", type_=Instant),
        done_at=None,
        lease_until=None,
        begun_at=None,
        request_note=case(
            (effects.c.request_note == bindparam("own", type_=String), null()), else_=effects.c.request_note
        ),
    )
)
_FINISH = (
    update(effects)
    .where(effects.c.id == bindparam("effect"), effects.c.state != "done")
    .values(
        state=bindparam("state_", type_=String),
        attempts=bindparam("attempts_", type_=Integer),
        error=bindparam("error_", type_=String),
        next_attempt_at=func.coalesce(bindparam("next_", type_=Instant), effects.c.next_attempt_at),
        done_at=bindparam("done_", type_=Instant),
        lease_until=None,
        begun_at=None,
    )
)
_BY_HAND = (
    update(effects)
    .where(effects.c.id == bindparam("effect"), effects.c.state.in_(STOPPED_STATES))
    .values(state="done", error=None, done_at=bindparam("now", type_=Instant), begun_at=None, request_note=None)
)
_AHEAD = (
    update(effects)
    .where(_PENDING, effects.c.attempts == 0, effects.c.next_attempt_at > bindparam("now", type_=Instant))
    .values(next_attempt_at=bindparam("now", type_=Instant))
)
_FREE = (
    update(effects).where(_PENDING, effects.c.lease_until > bindparam("until", type_=Instant)).values(lease_until=None)
)
_GIVE = (
    update(effects)
    .where(effects.c.id == bindparam("effect"))
    .values(account=bindparam("to"), payload=bindparam("sealed", type_=LargeBinary), decision_seq=None)
)
_RESEAL = (
    update(effects).where(effects.c.id == bindparam("effect")).values(payload=bindparam("sealed", type_=LargeBinary))
)
_HOLD = update(effects).where(_PENDING).values(state="parked", error=bindparam("why"), lease_until=None, begun_at=None)
_RETRY = (
    update(effects)
    .where(among(effects.c.id, "effects"), effects.c.state != "done")
    .values(
        state="pending",
        attempts=0,
        next_attempt_at=bindparam("now", type_=Instant),
        lease_until=None,
        begun_at=None,
        crashes=0,
        error=None,
    )
)
_COUNTS = select(effects.c.state, func.count().label("number")).where(text("state <> 'done'")).group_by(effects.c.state)
_OLDEST = select(effects.c.next_attempt_at).where(_PENDING).order_by(effects.c.next_attempt_at).limit(1)
_UNTRIED = select(func.count()).where(
    _PENDING, effects.c.next_attempt_at <= bindparam("now", type_=Instant), effects.c.attempts == 0
)


def add(tx: Connection, rows: Sequence[EffectRow]) -> None:
    """Record effects; an effect whose id exists stays unchanged (I5)."""
    bulk.insert(
        tx, effects, _COLUMNS, [msgspec.structs.astuple(row) for row in rows], conflict=bulk.ON_CONFLICT_DO_NOTHING
    )


def lease(database: Database, limit: int, now_real: datetime, seconds: float) -> list[EffectRow]:
    """Lease due effects for `seconds`, in its own transaction; no other worker gets them until the lease expires."""
    with database.write() as tx:
        rows = [EffectRow(*row) for row in tx.execute(_DUE, {"now": now_real, "limit": limit})]
        if rows:
            until = now_real + timedelta(seconds=seconds)
            tx.execute(_LEASE, {"effects": [row.id for row in rows], "until": until})
    return rows


def renew(database: Database, ids: Collection[str], held: Sequence[datetime], until: datetime) -> bool:
    """Extend the leases of a worker's unfinished effects; False if none was left.

    A lease is the worker's own as long as it ends at a time set by this worker: the first of `held`, or the last.
    """
    with database.relaxed() as tx:
        ends = {"held": held[0], "tried": held[-1]}
        return tx.execute(_RENEW, {"effects": ids, "until": until, **ends}).rowcount > 0


def bring_forward(tx: Connection, now_real: datetime) -> int:
    """Make untried effects due now whose creation time is in the future: the host's clock was set back since."""
    return tx.execute(_AHEAD, {"now": now_real}).rowcount


def free(tx: Connection, until: datetime) -> int:
    """End the leases that last beyond `until`. Living workers have renewed theirs by the host's present clock."""
    return tx.execute(_FREE, {"until": until}).rowcount


def begin(tx: Connection, row: EffectRow, now_real: datetime) -> bool:
    """Record the start of an attempt, before it is made, and count a crash if the earlier one never ended.

    1. `begun_at` is set here, and cleared by `finish` with the outcome.
    2. If it is still set when another worker leases the effect, that attempt's worker died: `crashes` grows by one.
    3. The update compares `begun_at` with the value in `row`: False if another worker has begun an attempt since.
    """
    begun = {"effect": row.id, "seen": row.begun_at, "now": now_real, "lost": int(row.begun_at is not None)}
    return tx.execute(_BEGIN, begun).rowcount == 1


def note_request(tx: Connection, id: str, seen: str | None, note: str) -> bool:  # noqa: A002
    """Note a request that moves money, before it is sent; False if another process has noted one."""
    return tx.execute(_NOTE, {"effect": id, "seen": seen, "note": note}).rowcount == 1


def settle_request(tx: Connection, id: str) -> None:  # noqa: A002
    """Delete the note of a request whose outcome is known."""
    tx.execute(_SETTLE, {"effect": id})


def give_back(tx: Connection, id: str, begun_at: datetime, note: str | None) -> bool:  # noqa: A002
    """Make an effect due again that this worker has certainly not sent, unless another worker has begun an attempt."""
    return tx.execute(_GIVE_BACK, {"effect": id, "begun": begun_at, "own": note}).rowcount == 1


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
    """Record an outcome and end the lease; `next_attempt_at` None keeps the time, and a `done` effect stays done."""
    outcome = {"state_": state, "attempts_": attempts, "error_": error, "next_": next_attempt_at, "done_": done_at}
    tx.execute(_FINISH, {"effect": id, **outcome})


def done_by_hand(tx: Connection, id: str, now_real: datetime) -> bool:  # noqa: A002
    """Record that a person did what no worker does; False if a worker was told to try again meanwhile."""
    return tx.execute(_BY_HAND, {"effect": id, "now": now_real}).rowcount == 1


def get(conn: Connection, id: str) -> EffectRow | None:  # noqa: A002
    """Return one effect."""
    row = conn.execute(_ONE, {"effect": id}).one_or_none()
    return EffectRow(*row) if row is not None else None


def listing(conn: Connection, state: str | None = None, account: str | None = None, limit: int = 50) -> list[EffectRow]:
    """Return effects, newest first."""
    query = _ROW.order_by(effects.c.number.desc()).limit(limit)
    if state is not None:
        query = query.where(in_state(state))
    if account is not None:
        query = query.where(effects.c.account == account)
    return [EffectRow(*row) for row in conn.execute(query)]


def stopped(conn: Connection, account: str, subject: str) -> EffectRow | None:
    """Return the call to the provider about a subject that only a person ends."""
    rows = (row for state in STOPPED_STATES for row in listing(conn, state, account))
    return next((row for row in rows if row.subject == subject and row.kind in PROVIDER_CALLS), None)


def of_account(conn: Connection, account: str) -> Iterator[EffectRow]:
    """Yield every effect of an account in the order of the decisions."""
    after = 0
    while page := conn.execute(_OF_ACCOUNT, {"account": account, "after": after}).all():
        yield from (EffectRow(*fields) for *fields, _ in page)
        after = page[-1].number


def reseal(tx: Connection, id: str, payload: bytes) -> None:  # noqa: A002
    """Replace an effect's payload by a new encryption of the same content."""
    tx.execute(_RESEAL, {"effect": id, "sealed": payload})


def give(tx: Connection, id: str, account: str, payload: bytes) -> None:  # noqa: A002
    """Move an effect to another account, encrypted again; its decision stays in the ledger of the old account."""
    tx.execute(_GIVE, {"effect": id, "to": account, "sealed": payload})


def park_pending(tx: Connection, reason: str) -> int:
    """Hold all pending effects until a person retries them; returns how many."""
    return tx.execute(_HOLD, {"why": reason}).rowcount


def retry(tx: Connection, ids: Collection[str], now_real: datetime) -> int:
    """Retry effects now in any state but done; returns how many."""
    return tx.execute(_RETRY, {"effects": ids, "now": now_real}).rowcount


def retry_some(
    tx: Connection,
    state: str,
    now_real: datetime,
    *,
    after: int,
    through: int,
    limit: int,
    alike: tuple[str, str] | None = None,
) -> tuple[list[int], list[str]]:
    """Retry the next effects of a state now, and return their numbers and ids.

    `alike`: only those of a type with an error.
    """
    among_these = _between(state, after, through, alike).limit(limit)
    rows = tx.execute(among_these).all()
    ids = [row.id for row in rows]
    if ids:
        tx.execute(_RETRY, {"effects": ids, "now": now_real})
    return [row.number for row in rows], ids


def in_state(state: str) -> TextClause:
    """Return the SQL condition for a state; InvalidInputError for an unknown one."""
    return literally(state, EFFECT_STATES, ended="done")


def number_in(conn: Connection, state: str, *, after: int, through: int, alike: tuple[str, str] | None = None) -> int:
    """Return the number of effects of a state in a range of row numbers; `alike` as in `retry_some`."""
    counted = _between(state, after, through, alike).subquery()
    return conn.execute(select(func.count()).select_from(counted)).scalar_one()


def newest(conn: Connection) -> int:
    """Return the highest row number of an effect, 0 if there is none."""
    return conn.execute(select(func.max(effects.c.number))).scalar() or 0


def counts(conn: Connection) -> dict[str, int]:
    """Return the number of effects in each state but `done`, which only grows."""
    document = {row.state: row.number for row in conn.execute(_COUNTS)}
    return {state: document.get(state, 0) for state in EFFECT_STATES if state != "done"}


def oldest_pending(conn: Connection) -> datetime | None:
    """Return the due time (real time) of the longest waiting effect, or of the next one."""
    return conn.execute(_OLDEST).scalar()


def untried(conn: Connection, now_real: datetime) -> int:
    """Return the number of due pending effects that were never attempted."""
    return conn.execute(_UNTRIED, {"now": now_real}).scalar_one()


def _between(state: str, after: int, through: int, alike: tuple[str, str] | None) -> Select[tuple[int, str]]:
    query = (
        select(effects.c.number, effects.c.id)
        .where(in_state(state), effects.c.number > after, effects.c.number <= through)
        .order_by(effects.c.number)
    )
    if alike is None:
        return query
    return query.where(effects.c.type == alike[0], func.coalesce(effects.c.error, "") == alike[1])
