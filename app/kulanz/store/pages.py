"""Long lists page by page, by key: as quick at the millionth row as at the first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Integer, Select, bindparam, func, select, update
from sqlalchemy.engine import Connection

from kulanz.store import outbox
from kulanz.store.bulk import among
from kulanz.store.inbox import in_state
from kulanz.store.inbox.events import event_id
from kulanz.store.inbox.recording import FRESH
from kulanz.store.outbox import EffectRow
from kulanz.store.tables import Instant, accounts, effects, inbox, timers

COUNT_LIMIT = 10_000
"""More are counted as this many."""


class EventLine(msgspec.Struct, frozen=True):
    """An event of the inbox without its body."""

    id: int
    name: str
    state: str
    received_at: datetime
    attempts: int
    account: str | None
    reason: str | None


class Group(msgspec.Struct, frozen=True):
    """Group of events or effects of one state with the same reason or type."""

    words: str
    """The events' common reason, or the effects' common type."""
    number: int
    since: datetime
    first: int
    """The number of the oldest."""
    until: datetime
    """When the newest came."""
    type: str = ""
    """What the effects are, where `words` say why they are stuck."""


_EVENT = select(*(inbox.c[name] for name in EventLine.__struct_fields__)).order_by(inbox.c.id.desc())
_EFFECT = select(*(effects.c[name] for name in EffectRow.__struct_fields__)).order_by(effects.c.number.desc())
_NUMBER_OF = select(effects.c.number).where(effects.c.id == bindparam("effect"))
_STANDINGS = (
    select(accounts.c.standing, func.count().label("accounts"))
    .where(accounts.c.alias_of.is_(None))
    .group_by(accounts.c.standing)
)
_DUE = select(func.count()).select_from(
    select(timers.c.account).where(timers.c.due_at <= bindparam("now", type_=Instant)).limit(COUNT_LIMIT).subquery()
)
_REASON = func.coalesce(inbox.c.reason, "")
_EVENTS_ALIKE = (
    select(_REASON, func.count(), func.min(inbox.c.received_at), func.min(inbox.c.id), func.max(inbox.c.received_at))
    .group_by(_REASON)
    .order_by(func.min(inbox.c.id))
    .limit(bindparam("limit", type_=Integer))
)
_EFFECTS_ALIKE = (
    select(
        effects.c.type,
        func.count(),
        func.min(effects.c.created_at),
        func.min(effects.c.number),
        func.max(effects.c.created_at),
    )
    .group_by(effects.c.type)
    .order_by(func.min(effects.c.number))
    .limit(bindparam("limit", type_=Integer))
)
_ERROR = func.coalesce(effects.c.error, "")
_EFFECTS_BY_REASON = (
    select(
        _ERROR,
        func.count(),
        func.min(effects.c.created_at),
        func.min(effects.c.number),
        func.max(effects.c.created_at),
        effects.c.type,
    )
    .group_by(effects.c.type, _ERROR)
    .order_by(func.min(effects.c.number))
    .limit(bindparam("limit", type_=Integer))
)
_EFFECT_AT = select(*(effects.c[name] for name in EffectRow.__struct_fields__)).where(
    effects.c.number == bindparam("number")
)
_NEWEST = select(func.max(inbox.c.id))
_FROM = select(inbox.c.received_at).where(inbox.c.id >= bindparam("number")).order_by(inbox.c.id).limit(1)
_BETWEEN = select(func.count()).where(inbox.c.id >= bindparam("first"), inbox.c.id < bindparam("end"))
_AGAIN = update(inbox).where(among(inbox.c.id, "ids"), inbox.c.state == bindparam("was")).values(FRESH)


def events(
    conn: Connection,
    *,
    state: str | None = None,
    account: str | None = None,
    reason: str | None = None,
    before: int | None = None,
    limit: int,
) -> list[EventLine]:
    """Return events, newest first; `before` is the number of the last one of the page before."""
    query = _EVENT.limit(limit)
    if reason is not None:
        query = query.where(_REASON.is_not_distinct_from(reason))
    if state is not None:
        query = query.where(in_state(state))
    if account is not None:
        query = query.where(inbox.c.account == account)
    if before is not None:
        query = query.where(inbox.c.id < before)
    return [EventLine(*row) for row in conn.execute(query)]


def effects_page(
    conn: Connection,
    *,
    state: str | None = None,
    account: str | None = None,
    alike: tuple[str, str] | None = None,
    before: str | None = None,
    limit: int,
) -> list[EffectRow]:
    """Return effects, newest first; `before` is the last id of the previous page; an unknown id gives no effects.

    `alike`: only those of a type with an error.
    """
    query = _EFFECT.limit(limit)
    if alike is not None:
        query = query.where(effects.c.type == alike[0], _ERROR.is_not_distinct_from(alike[1]))
    if state is not None:
        query = query.where(outbox.in_state(state))
    if account is not None:
        query = query.where(effects.c.account == account)
    if before is not None:
        query = query.where(effects.c.number < (conn.execute(_NUMBER_OF, {"effect": before}).scalar() or 0))
    return [EffectRow(*row) for row in conn.execute(query)]


def events_alike(conn: Connection, state: str, limit: int) -> list[Group]:
    """Return the events of a state by the reason of that, the longest waiting first."""
    query = _EVENTS_ALIKE.where(in_state(state))
    return [Group(*row) for row in conn.execute(query, {"limit": limit})]


def effects_alike(conn: Connection, state: str, limit: int) -> list[Group]:
    """Return the effects of a state by type, the longest waiting first."""
    query = _EFFECTS_ALIKE.where(outbox.in_state(state))
    return [Group(*row) for row in conn.execute(query, {"limit": limit})]


def effects_by_reason(conn: Connection, state: str, limit: int) -> list[Group]:
    """Return the effects of a state by what they are and why they are stuck; of pending ones those that failed."""
    query = _EFFECTS_BY_REASON.where(outbox.in_state(state))
    query = query.where(effects.c.error.is_not(None)) if state == "pending" else query
    return [Group(*row) for row in conn.execute(query, {"limit": limit})]


def effect_at(conn: Connection, number: int) -> EffectRow:
    """Return the effect of a number that is known."""
    return EffectRow(*conn.execute(_EFFECT_AT, {"number": number}).one())


def standings(conn: Connection) -> dict[str, int]:
    """Return the number of accounts by standing."""
    return {row.standing: row.accounts for row in conn.execute(_STANDINGS)}


def timers_due(conn: Connection, now: datetime) -> int:
    """Return how many timers are due, at most `COUNT_LIMIT`."""
    return conn.execute(_DUE, {"now": now}).scalar_one()


def first_since(conn: Connection, at: datetime) -> int:
    """Return the number of the first event received at or after a time, by binary search: events come in order."""
    low, high = 1, (conn.execute(_NEWEST).scalar() or 0) + 1
    while low < high:
        middle = (low + high) // 2
        received = conn.execute(_FROM, {"number": middle}).scalar()
        if received is not None and received < at:
            low = middle + 1
        else:
            high = middle
    return low


def number_between(conn: Connection, first: int, end: int) -> int:
    """Return how many events have these numbers; SQLite leaves no gaps between them, so nothing has to be read."""
    if conn.dialect.name == "sqlite":
        return max(0, end - first)
    return conn.execute(_BETWEEN, {"first": first, "end": end}).scalar_one()


def retry_some(
    tx: Connection, state: str, *, after: int, through: int, limit: int, reason: str | None = None
) -> tuple[list[int], list[str]]:
    """Retry the next events of a state now, reset their attempt count, and return their numbers and ids.

    Pass the last number as the next `after`: each event up to `through` is listed once, also across interruptions.
    """
    matches = list(tx.execute(_next(state, reason), {"after": after, "through": through, "limit": limit}).scalars())
    if matches:
        tx.execute(_AGAIN, {"ids": matches, "was": state})
    return matches, [event_id(number) for number in matches]


def number_in(conn: Connection, state: str, *, after: int, through: int, reason: str | None = None) -> int:
    """Return how many events of a state, and of a reason, have numbers after one and up to another."""
    counted = _next(state, reason).subquery()
    bounds = {"after": after, "through": through, "limit": None if conn.dialect.name == "postgresql" else -1}
    return conn.execute(select(func.count()).select_from(counted), bounds).scalar_one()


def newest_event(conn: Connection) -> int:
    """Return the highest number that an event has, 0 if there is none."""
    return conn.execute(_NEWEST).scalar() or 0


def _next(state: str, reason: str | None) -> Select[Any]:
    query = (
        select(inbox.c.id)
        .where(in_state(state), inbox.c.id > bindparam("after"), inbox.c.id <= bindparam("through"))
        .order_by(inbox.c.id)
        .limit(bindparam("limit", type_=Integer))
    )
    return query if reason is None else query.where(_REASON.is_not_distinct_from(reason))
