"""Records events in the inbox: new ones are inserted, known ones recognised."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.bulk import AnyRow, among
from kulanz.store.inbox.events import NewEvent, RecordedEvent
from kulanz.store.tables import Instant, inbox

FRESH = {"state": "received", "attempts": 0, "next_attempt_at": None, "waits_for": None}
"""Column values of an event that was never tried."""
_REARM = timedelta(hours=1)
_NEW = (
    "delivery_key",
    "content_key",
    "provider",
    "name",
    "lane",
    "state",
    "received_at",
    "body",
    "sha256",
    "reason",
    "mode",
    "attempts",
)
_KNOWN = select(
    inbox.c.id, inbox.c.state, inbox.c.rearmed_at, inbox.c.provider, inbox.c.delivery_key, inbox.c.content_key
).where(
    or_(
        inbox.c.delivery_key.in_(bindparam("deliveries", expanding=True)),
        inbox.c.content_key.in_(bindparam("contents", expanding=True)),
    )
)
_DELIVERED = select(inbox.c.delivery_key).where(
    inbox.c.provider == bindparam("provider"), inbox.c.delivery_key.in_(bindparam("deliveries", expanding=True))
)
_REARMED = (
    update(inbox)
    .where(among(inbox.c.id, "ids"), inbox.c.state == "parked")
    .values(FRESH | {"rearmed_at": bindparam("at", type_=Instant)})
)


def record(tx: Connection, events: Sequence[NewEvent], now: datetime) -> list[RecordedEvent]:
    """Insert new events and recognise duplicates, by delivery or content; results are in the order of the input.

    A duplicate of a parked event retries it, at most once an hour.
    """
    rows = [
        (
            e.delivery_key,
            e.content_key,
            e.provider,
            e.name,
            e.lane,
            e.state,
            e.received_at,
            e.body,
            e.sha256,
            e.reason,
            e.mode,
            0,
        )
        for e in events
    ]
    made = bulk.insert_new(tx, inbox, _NEW, rows)
    repeats = [event for event, number in zip(events, made, strict=True) if number is None]
    recorded_events = _known(tx, repeats, now) if repeats else iter(())
    return [
        next(recorded_events) if number is None else RecordedEvent(number, known=False, state=event.state)
        for event, number in zip(events, made, strict=True)
    ]


def delivered(conn: Connection, provider: str, keys: Collection[bytes]) -> frozenset[bytes]:
    """Return the deliveries that are in the inbox."""
    found = conn.execute(_DELIVERED, {"provider": provider, "deliveries": list(keys)}).scalars()
    return frozenset(found)


def _known(tx: Connection, repeats: Sequence[NewEvent], now: datetime) -> Iterator[RecordedEvent]:
    """Read the rows that caused conflicts, and retry the parked ones among them."""
    rows = _standing_in_the_way(tx, repeats)
    rearmed = {row.id for row in rows if row.state == "parked" and (row.rearmed_at or now - _REARM) <= now - _REARM}
    if rearmed:
        tx.execute(_REARMED, {"ids": rearmed, "at": now})
    by_key = {(row.provider, key): row for row in rows for key in (row.content_key, row.delivery_key)}
    for event in repeats:
        row = by_key.get((event.provider, event.delivery_key)) or by_key[event.provider, event.content_key]
        yield RecordedEvent(row.id, known=True, state="received" if row.id in rearmed else row.state)


def _standing_in_the_way(tx: Connection, repeats: Sequence[NewEvent]) -> Sequence[AnyRow]:
    keys = {
        "deliveries": [event.delivery_key for event in repeats],
        "contents": [event.content_key for event in repeats if event.content_key is not None],
    }
    return tx.execute(_KNOWN, keys).all()
