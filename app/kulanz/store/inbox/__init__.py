"""Every event as it was received, and how far it has come."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, Select, String, TextClause, bindparam, case, func, or_, select, text, update
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.bulk import among, literally
from kulanz.store.inbox import claims
from kulanz.store.inbox.claims import MAX_ATTEMPTS, claim, release
from kulanz.store.inbox.events import (
    EVENT_STATES,
    Event,
    NewEvent,
    RecordedEvent,
    SettledEvent,
    event_id,
    key_of,
    number_of,
    spooled_id,
)
from kulanz.store.inbox.recording import FRESH, delivered, record
from kulanz.store.prepared import Prepared
from kulanz.store.tables import Instant, inbox

__all__ = [
    "EVENT_STATES",
    "MAX_ATTEMPTS",
    "Event",
    "NewEvent",
    "RecordedEvent",
    "SettledEvent",
    "claim",
    "delivered",
    "event_id",
    "number_of",
    "record",
    "release",
    "reseal",
    "spooled_id",
]

_BACKOFF = (timedelta(seconds=1), timedelta(seconds=5))
_PAGE = 500
_SETTLED = (
    "id",
    "state",
    "account",
    "body",
    "reason",
    "waits_for",
    "facts_at",
    "concerns",
    "handled_at",
    "next_attempt_at",
)
_EVENT = select(*(inbox.c[name] for name in Event.__struct_fields__))
_ONE = _EVENT.where(inbox.c.id == bindparam("number"))
_NEXT_ATTEMPT = select(inbox.c.next_attempt_at).where(inbox.c.id == bindparam("number"))
_TAKE = Prepared(
    _EVENT.where(among(inbox.c.id, "ids"), inbox.c.state == "received")
    .order_by(inbox.c.id)
    .with_for_update(skip_locked=True)
)
_KEYED = (
    select(inbox.c.id)
    .where(or_(inbox.c.delivery_key == bindparam("key"), inbox.c.content_key == bindparam("key")))
    .order_by(inbox.c.id)
    .limit(1)
)
_WAKE = Prepared(
    update(inbox).where(among(inbox.c.waits_for, "subscriptions"), text("state IN ('waiting', 'parked')")).values(FRESH)
)
_AGAIN = update(inbox).values(FRESH)
_FAILED = (
    update(inbox)
    .where(inbox.c.id == bindparam("failed"))
    .values(
        attempts=inbox.c.attempts + 1,
        state=case(
            (or_(bindparam("hopeless", type_=Boolean), inbox.c.attempts + 1 >= MAX_ATTEMPTS), "parked"),
            else_="received",
        ),
        next_attempt_at=case(
            (inbox.c.attempts == 0, bindparam("soon", type_=Instant)), else_=bindparam("later", type_=Instant)
        ),
        reason=bindparam("why", type_=String),
        account=func.coalesce(bindparam("account_", type_=String), inbox.c.account),
        concerns=func.coalesce(bindparam("concerns_", type_=String), inbox.c.concerns),
    )
    .returning(inbox.c.state)
)
_SKIP = (
    update(inbox)
    .where(inbox.c.id == bindparam("skipped"), inbox.c.state != "handled")
    .values(state="ignored", reason=bindparam("why", type_=String))
)
_ATTRIBUTE = (
    update(inbox)
    .where(inbox.c.id == bindparam("attributed"), inbox.c.state == "parked")
    .values(
        account=func.coalesce(bindparam("whose", type_=String), inbox.c.account),
        concerns=bindparam("concerns_", type_=String),
    )
)
_OF_ANOTHER = (
    update(inbox)
    .where(inbox.c.id == bindparam("number"), inbox.c.account == bindparam("old"))
    .values(account=bindparam("new"))
)
_CONCERNS_ANOTHER = (
    update(inbox)
    .where(inbox.c.id == bindparam("number"), inbox.c.concerns == bindparam("old"))
    .values(concerns=bindparam("new"))
)
_SEALED = select(inbox.c.id, inbox.c.provider, inbox.c.delivery_key, inbox.c.body).where(
    inbox.c.account == bindparam("account")
)
_WAITING = (
    _EVENT.where(
        text("state = 'waiting' AND state <> 'handled'"), inbox.c.received_at <= bindparam("before", type_=Instant)
    )
    .order_by(inbox.c.id)
    .limit(bindparam("limit"))
)
_OF_ACCOUNT = (
    _EVENT.where(inbox.c.account == bindparam("account"), inbox.c.id > bindparam("after"), inbox.c.state == "handled")
    .order_by(inbox.c.id)
    .limit(_PAGE)
)
_OF_ACCOUNTS = _EVENT.where(among(inbox.c.account, "accounts"), inbox.c.state == "handled").order_by(inbox.c.id)
_UNAPPLIED_OF = _EVENT.where(
    text("state IN ('waiting', 'parked')"),
    or_(inbox.c.account == bindparam("account"), inbox.c.concerns == bindparam("account")),
).order_by(inbox.c.id)
_HANDLED_BEFORE = (
    _EVENT.where(
        inbox.c.provider == bindparam("provider"), inbox.c.id < bindparam("before"), inbox.c.state == "handled"
    )
    .order_by(inbox.c.id.desc())
    .limit(_PAGE)
)
_CONCERNING = Prepared(
    select(inbox.c.id).where(among(inbox.c.concerns, "keys"), text("state IN ('waiting', 'parked')"))
)
_PARKED = Prepared(
    select(inbox.c.id).where(text("state = 'parked'"), among(inbox.c.account, "accounts"), inbox.c.concerns.is_(None))
)
_LAST = Prepared(select(func.max(inbox.c.id)))
_RECEIVED = Prepared(
    select(inbox.c.id)
    .where(text("state = 'received' AND state <> 'handled'"))
    .order_by(inbox.c.id)
    .limit(bindparam("limit"))
)
_FIRST_RECEIVED = Prepared(
    select(inbox.c.id).where(text("state = 'received' AND state <> 'handled'")).order_by(inbox.c.id).limit(1)
)
_COUNTS = select(inbox.c.state, func.count().label("events")).where(text("state <> 'handled'")).group_by(inbox.c.state)
_SINCE = select(inbox.c.received_at).order_by(inbox.c.id).limit(1)
_OLDEST = _SINCE.where(text("state = 'received' AND state <> 'handled'"))
_OLDEST_WAITING = _SINCE.where(text("state = 'waiting' AND state <> 'handled'"))


def lock(tx: Connection, ids: Sequence[int], worker: str | None = None) -> list[Event]:
    """Lock those of the claimed events that are still to be done; with `worker` its claim as well, while `tx` lasts."""
    if worker is not None and not claims.hold(tx, worker):
        return []
    return [Event(*row) for row in _TAKE.rows(tx, ids=ids)]


def settle(tx: Connection, outcomes: Sequence[SettledEvent], now: datetime) -> None:
    """Write the outcomes of a batch of events."""
    rows = [
        (o.id, o.state, o.account, o.body, o.reason, o.waits_for, o.facts_at, o.concerns, now, None) for o in outcomes
    ]
    bulk.update(tx, inbox, _SETTLED, rows, unless_none="body")


def failed(
    tx: Connection,
    id: int,  # noqa: A002
    reason: str,
    *,
    permanent: bool,
    now_real: datetime,
    account: str | None = None,
    concerns: str | None = None,
) -> str:
    """Count a failed attempt: the event waits for the next one, or is parked after the last. Returns the new state.

    For a parked event `account` and `concerns` are stored, so that `holding_back` finds it. Its body stays encrypted.
    """
    outcome = {"failed": id, "why": reason, "account_": account, "concerns_": concerns, "hopeless": permanent}
    state: str = tx.execute(_FAILED, outcome | _moments(now_real)).scalar_one()
    return state


def attribute(tx: Connection, id: int, account: str | None, concerns: str | None = None) -> None:  # noqa: A002
    """Store the account of a parked event, and whose dunning it holds back; the encrypted body is left unchanged."""
    tx.execute(_ATTRIBUTE, {"attributed": id, "whose": account, "concerns_": concerns})


def concern(tx: Connection, id: int, old: str, new: str) -> None:  # noqa: A002
    """Let an event that is not applied be of one account, or hold back its dunning, instead of another."""
    for statement in (_OF_ANOTHER, _CONCERNS_ANOTHER):
        tx.execute(statement, {"number": id, "old": old, "new": new})


def wake(tx: Connection, subscriptions: Collection[str]) -> int:
    """Make events due again that wait for one of these subscriptions, or gave up waiting; returns how many."""
    return _WAKE.write(tx, subscriptions=subscriptions) if subscriptions else 0


def overdue_waiting(tx: Connection, before: datetime, limit: int) -> list[Event]:
    """Return unprocessed events received at or before a given time, oldest first."""
    return _events(tx, _WAITING, before=before, limit=limit)


def of_account(conn: Connection, account: str) -> Iterator[Event]:
    """Yield every handled event of an account in the order of arrival."""
    after = 0
    while page := _events(conn, _OF_ACCOUNT, account=account, after=after):
        yield from page
        after = page[-1].id


def of_accounts(conn: Connection, accounts: Collection[str]) -> Iterator[Event]:
    """Yield every handled event of some accounts in the order of arrival."""
    yield from _events(conn, _OF_ACCOUNTS, accounts=accounts)


def unapplied_of(conn: Connection, account: str) -> list[Event]:
    """Return an account's parked and waiting events, and those that hold back its dunning."""
    return _events(conn, _UNAPPLIED_OF, account=account)


def handled_before(conn: Connection, provider: str, event: int, limit: int) -> Iterator[Event]:
    """Yield the latest handled events of a provider that came before an event, the newest first."""
    left = limit
    while left > 0 and (page := _events(conn, _HANDLED_BEFORE, provider=provider, before=event)):
        yield from page[:left]
        event, left = page[-1].id, left - len(page)


def holding_back(conn: Connection, keys: Collection[str]) -> list[int]:
    """Return the parked and waiting events that concern an account: by its ids, or by its customers' keys.

    An event parked by an earlier version holds back the account stored with it.
    """
    found = [*_CONCERNING.rows(conn, keys=keys), *_PARKED.rows(conn, accounts=keys)]
    return sorted({event for (event,) in found})


def last(conn: Connection) -> int:
    """Return the highest number of an event; 0 where there is none."""
    number: int | None = _LAST.scalar(conn)
    return number or 0


def first_received(conn: Connection) -> int | None:
    """Return the lowest number of an event that is yet to be applied."""
    number: int | None = _FIRST_RECEIVED.scalar(conn)
    return number


def more_received(conn: Connection, than: int) -> bool:
    """Whether more events than so many are yet to be applied."""
    return len(_RECEIVED.rows(conn, limit=than + 1)) > than


def give(tx: Connection, id: int, account: str, body: bytes) -> None:  # noqa: A002
    """Give one handled event to another account, its body encrypted again."""
    bulk.update(tx, inbox, ("id", "account", "body"), [(id, account, body)])


def reseal(tx: Connection, account: str, seal: Callable[[str, bytes, bytes], bytes]) -> None:
    """Replace the body of each event of an account by the result of `seal` for its provider, delivery key and body."""
    rows = tx.execute(_SEALED, {"account": account}).all()
    bulk.update(tx, inbox, ("id", "body"), [(row.id, seal(row.provider, row.delivery_key, row.body)) for row in rows])


def listing(conn: Connection, state: str | None, since: datetime | None, limit: int) -> list[Event]:
    """Return events, newest first."""
    query = _EVENT.order_by(inbox.c.id.desc()).limit(limit)
    events = _events(conn, query if state is None else query.where(in_state(state)))
    return [event for event in events if since is None or event.received_at >= since]


def get(conn: Connection, id: int) -> Event | None:  # noqa: A002
    """Return one event."""
    return next(iter(_events(conn, _ONE, number=id)), None)


def next_attempt(conn: Connection, id: int) -> datetime | None:  # noqa: A002
    """Return before when an event that failed is not tried again; None: it may be at any time."""
    return conn.execute(_NEXT_ATTEMPT, {"number": id}).scalar()


def find(conn: Connection, event: str) -> Event | None:
    """Return the event of an id as it was given out: with a number, or with a key while the database was away."""
    key = key_of(event)
    number = number_of(event) if key is None else conn.execute(_KEYED, {"key": key}).scalar()
    return get(conn, number) if number is not None else None


def retry(tx: Connection, ids: Collection[int] | None = None, state: str | None = None) -> int:
    """Retry events now and reset their attempt count: the given ones, or all of one state. Returns how many."""
    if ids is not None:
        return tx.execute(_AGAIN.where(among(inbox.c.id, "ids")), {"ids": ids}).rowcount
    return tx.execute(_AGAIN.where(in_state(state))).rowcount if state is not None else 0


def skip(tx: Connection, id: int, reason: str) -> bool:  # noqa: A002
    """Ignore an event from now on, for a reason; False if it is handled already, or does not exist."""
    return tx.execute(_SKIP, {"skipped": id, "why": reason}).rowcount == 1


def in_state(state: str) -> TextClause:
    """Return the SQL condition for a state; InvalidInputError for an unknown one."""
    return literally(state, EVENT_STATES, ended="handled")


def counts(conn: Connection) -> dict[str, int]:
    """Return how many events are in each state but `handled`, of which there is no end."""
    document = {row.state: row.events for row in conn.execute(_COUNTS)}
    return {state: document.get(state, 0) for state in EVENT_STATES if state != "handled"}


def oldest_received(conn: Connection) -> datetime | None:
    """Return since when the oldest unhandled event has been here."""
    return conn.execute(_OLDEST).scalar()


def oldest_waiting(conn: Connection) -> datetime | None:
    """Return since when the longest waiting payment has waited for its subscription."""
    return conn.execute(_OLDEST_WAITING).scalar()


def oldest(conn: Connection, state: str) -> datetime | None:
    """Return since when the oldest event in a state has been here."""
    return conn.execute(_SINCE.where(in_state(state))).scalar()


def _events(conn: Connection, query: Select[Any], **parameters: Any) -> list[Event]:
    return [Event(*row) for row in conn.execute(query, parameters)]


def _moments(now: datetime) -> dict[str, datetime]:
    return {"soon": now + _BACKOFF[0], "later": now + _BACKOFF[1]}
