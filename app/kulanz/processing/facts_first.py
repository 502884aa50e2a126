"""Facts before timers: dunning neither takes access nor warns before all earlier accepted deliveries are applied.

When a timer comes due, the inbox has a highest number. The timer fires once every event up to that number is settled:
handled, ignored, parked, quarantined or waiting. Later events do not delay it, so a steady stream starves no timer.
Deliveries may lie in a spool, too: each receiver is asked first, and its answer is newer than the question.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from kulanz.policy.book import Book
from kulanz.policy.consequences.effects import rfc3339
from kulanz.processing import outbox
from kulanz.providers import Routing
from kulanz.providers.keys import Keys
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import accounts, inbox, receivers, shared_values, timers
from kulanz.store.database import Connection
from kulanz.store.receivers import ReceiverRow

FACTS_FIRST = "facts_first"
"""The timer of an account whose dunning waits until the inbox is applied: due at once."""
HELD_BACK = "held_back"
"""Kind of the timer of an account whose dunning a parked or waiting event holds back."""
LOOK_AGAIN = timedelta(hours=1)
RECEIVERS_WAITED_FOR = timedelta(minutes=15)
_MARK = "timers_after"


class _Mark(msgspec.Struct, frozen=True):
    """A time; all deliveries accepted before it must be applied before the timers due then may fire."""

    at: datetime
    since: datetime
    """The same moment by the host's clock."""
    question: str
    """The question that every receiver has to answer with an empty spool."""
    number: int | None = None
    """The inbox's highest number once all have answered."""


def horizon(services: Services, tx: Connection, now: datetime) -> datetime | None:
    """Return up to which due time timers may fire; None: none may yet.

    A mark asks the receivers; when they have answered, it takes the inbox's highest number, and when all up to that is
    settled, timers due at the mark's time may fire. A new mark is set for timers that came due since.
    """
    mark = stored = _stored(tx, now)
    reached: datetime | None = None
    while reached != now:
        mark = mark or _Mark(at=now, since=real_now(), question=receivers.ask(tx) if receivers.known(tx) else "")
        if mark.number is None and _all_answered(services, tx, mark):
            mark = msgspec.structs.replace(mark, number=inbox.last(tx))
        if not _is_settled(tx, mark):
            break
        reached, mark = mark.at, None
    if mark != stored:
        shared_values.put(tx, _MARK, mark)
    return reached


def is_behind(tx: Connection, own: int = 0) -> bool:
    """Whether more events than `own`, those of this transaction, are yet to be applied, or may lie in a spool."""
    return inbox.more_received(tx, own) or any(not _given_up(row) for row in receivers.known(tx))


def waited_for(conn: Connection) -> list[ReceiverRow]:
    """Return the receivers that have not yet reported an empty spool."""
    now = real_now()
    return [row for row in receivers.known(conn) if receivers.is_silent(row, now) and not _given_up(row)]


def holding_back(conn: Connection, account: str, book: Book) -> list[int]:
    """Return the events that hold an account's dunning back: an event that is not applied may report its payment."""
    return inbox.holding_back(conn, {account, *accounts.aliases(conn, account), *_customers(book)})


def concerns(services: Services, provider: str, name: str, routing: Routing, account: str | None) -> str:
    """Return the account or customer whose dunning an unapplied event holds back; empty: none.

    `account` is that of its subscription or claim, where one is known. A payment that names only its customer may be
    for any account of that customer.
    """
    if not services.providers[provider].may_settle(name):
        return ""
    return account or routing.customer or ""


def look_again(tx: Connection, now: datetime) -> None:
    """Make every account that is held back due for a check now: an event that held some back is settled."""
    timers.hasten(tx, HELD_BACK, now, now + LOOK_AGAIN)


def _stored(tx: Connection, now: datetime) -> _Mark | None:
    """Return the mark, but for one of a later time, set before the clock went back, and one of an earlier version."""
    value = shared_values.get(tx, _MARK)
    mark = msgspec.convert(value, _Mark) if value is not None and "question" in value else None
    return mark if mark is not None and mark.at <= now else None


def _is_settled(tx: Connection, mark: _Mark) -> bool:
    oldest = inbox.first_received(tx)
    return mark.number is not None and (oldest is None or oldest > mark.number)


def _all_answered(services: Services, tx: Connection, mark: _Mark) -> bool:
    """Whether every receiver has answered with an empty spool, or was waited for long enough; operators know then."""
    now = real_now()
    missing = [row for row in receivers.known(tx) if not _has_answered(row, mark, now)]
    if missed := [row.id for row in missing if row.missed_since is None and receivers.is_silent(row, now)]:
        receivers.miss(tx, missed, now)
    given_up = [row for row in missing if _given_up(row) or now - mark.since >= RECEIVERS_WAITED_FOR]
    for row in given_up:
        since = rfc3339(row.missed_since or mark.since)
        outbox.alert(services, tx, topic="receiver_silent", subject=f"{row.id} since {since}")
    return len(given_up) == len(missing)


def _has_answered(row: ReceiverRow, mark: _Mark, now_real: datetime) -> bool:
    """Whether a spool was empty after the mark was set; a receiver of an earlier version only reports."""
    if row.answered is None:
        return not receivers.is_silent(row, now_real)
    return row.empty_since is not None and row.answered == mark.question


def _given_up(row: ReceiverRow) -> bool:
    return row.missed_since is not None and real_now() - row.missed_since >= RECEIVERS_WAITED_FOR


def _customers(book: Book) -> Iterable[str]:
    """Yield the customers who bought an account's subscriptions, as events name them."""
    for sub in book.subscriptions.values():
        if sub.seen.customer:
            provider, _, identifier = sub.seen.customer.partition(":")
            yield Keys(provider).binding("customer", identifier)
