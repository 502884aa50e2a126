"""Facts before timers: dunning neither takes nor warns before every delivery acknowledged earlier is applied.

When a timer comes due, the inbox has a highest number. The timer fires once every event up to that number is settled:
handled, ignored, parked, quarantined or waiting. Later events do not delay it, so a steady stream starves no timer.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

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
"""The timer of an account whose dunning a parked or waiting event holds back."""
LOOK_AGAIN = timedelta(hours=1)
RECEIVERS_WAITED_FOR = timedelta(minutes=15)
_MARK = "timers_after"


def horizon(services: Services, tx: Connection, now: datetime) -> datetime | None:
    """Return up to which due time timers may fire; None: none may yet.

    The mark is the inbox's highest number at a moment. When all up to it is settled, what was due at that moment may
    fire, and a new mark is set for what came due since.
    """
    if not _receivers_reported(services, tx):
        return None
    oldest, mark = inbox.first_received(tx), shared_values.get(tx, _MARK)
    if oldest is None:
        if mark is not None:
            shared_values.put(tx, _MARK, None)
        return now
    marked_at = datetime.fromisoformat(mark["at"]) if mark is not None else None
    if marked_at is not None and marked_at <= now and oldest <= mark["number"]:
        return None
    shared_values.put(tx, _MARK, {"number": inbox.last(tx), "at": now.isoformat()})
    # A mark of a later time was set before the clock went back: what is due now came due after it.
    return marked_at if marked_at is not None and marked_at <= now else None


def is_behind(tx: Connection, own: int = 0) -> bool:
    """Whether more events than `own`, those of this transaction, are yet to be applied, or may lie in a spool."""
    return inbox.more_received(tx, own) or bool(waited_for(tx))


def waited_for(conn: Connection) -> list[ReceiverRow]:
    """Return the receivers whose report of an empty spool is waited for."""
    return [row for row in receivers.silent(conn, real_now()) if not _given_up(row)]


def holding_back(conn: Connection, account: str, book: Book) -> list[int]:
    """Return the events that hold an account's dunning back: one that is not applied may tell of its payment."""
    return inbox.holding_back(conn, {account, *accounts.aliases(conn, account), *_customers(book)})


def concerns(services: Services, provider: str, name: str, routing: Routing, account: str | None) -> str:
    """Return the account or customer whose dunning an event holds back while it is not applied; empty: none.

    `account` is that of its subscription or claim, where one is known. A payment that names only its customer may be
    for any account of that customer.
    """
    if not services.providers[provider].may_settle(name):
        return ""
    return account or routing.customer or ""


def look_again(tx: Connection, now: datetime) -> None:
    """Have every account that is held back looked at at once: an event that held some back is settled."""
    timers.hasten(tx, HELD_BACK, now, now + LOOK_AGAIN)


def _receivers_reported(services: Services, tx: Connection) -> bool:
    """Whether every receiver has just reported an empty spool, or was waited for long enough; operators know then."""
    silent, now = receivers.silent(tx, real_now()), real_now()
    if not silent:
        return True
    missed = [row.id for row in silent if row.missed_since is None]
    if missed:
        receivers.miss(tx, missed, now)
    for row in silent:
        if row.missed_since is not None and _given_up(row):
            since = rfc3339(row.missed_since)
            outbox.alert(services, tx, topic="receiver_silent", subject=f"{row.id} since {since}")
    return all(_given_up(row) for row in silent)


def _given_up(row: ReceiverRow) -> bool:
    return row.missed_since is not None and real_now() - row.missed_since >= RECEIVERS_WAITED_FOR


def _customers(book: Book) -> Iterable[str]:
    """Yield the customers who bought an account's subscriptions, as events name them."""
    for sub in book.subscriptions.values():
        if sub.seen.customer:
            provider, _, identifier = sub.seen.customer.partition(":")
            yield Keys(provider).binding("customer", identifier)
