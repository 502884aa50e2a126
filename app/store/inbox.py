"""Every event as it was received, and how far it has come."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

import msgspec

from app.store.database import Connection, Database


class NewEvent(msgspec.Struct, frozen=True):
    """One verified delivery, about to be recorded; `body` is sealed, `sha256` is of the raw bytes."""

    provider: str
    name: str
    delivery_key: bytes
    content_key: bytes | None
    lane: int
    """0 to 32767, from whatever names the account best: workers share the inbox by it."""
    state: str
    received_at: datetime
    body: bytes
    sha256: bytes
    reason: str | None = None
    mode: str = "live"


class Recorded(msgspec.Struct, frozen=True):
    """What became of one new event: `known` means that the row was there before, in `state`."""

    id: int
    known: bool
    state: str


class Event(msgspec.Struct, frozen=True):
    """One row of the inbox. With an `account`, `body` is sealed with that account's key, else by the vault."""

    id: int
    provider: str
    name: str
    state: str
    received_at: datetime
    body: bytes
    attempts: int
    account: str | None
    reason: str | None
    waits_for: str | None
    mode: str


class Settled(msgspec.Struct, frozen=True):
    """What a drain made of one event; `body` None leaves the sealed body as it is."""

    id: int
    state: str
    account: str | None
    body: bytes | None
    reason: str | None = None
    waits_for: str | None = None
    facts_at: datetime | None = None


def record(tx: Connection, events: Sequence[NewEvent], now: datetime) -> list[Recorded]:
    """Insert what is new and recognise what is known, by delivery or content; the answers are in the order given.

    A known parked event is re-armed, at most once an hour.
    """
    raise NotImplementedError


def claim(database: Database, worker: str, limit: int, now_real: datetime) -> list[int]:
    """Choose due events for this worker, oldest first: up to `limit` fresh ones, or a single one that failed before.

    `worker` is a name that no other process has or had. What a dead worker had claimed counts one crash.
    """
    raise NotImplementedError


def take(tx: Connection, ids: Sequence[int], worker: str | None = None) -> list[Event]:
    """Lock those of the claimed events that are still to be done; with `worker` its claim as well, while `tx` lasts."""
    raise NotImplementedError


def settle(tx: Connection, outcomes: Sequence[Settled], now: datetime) -> None:
    """Write what became of the events of a batch."""
    raise NotImplementedError


def release(tx: Connection, worker: str) -> None:
    """Give up this worker's claim: its batch is settled."""
    raise NotImplementedError


def failed(
    tx: Connection,
    id: int,  # noqa: A002
    reason: str,
    *,
    permanent: bool,
    now_real: datetime,
    account: str | None = None,
) -> str:
    """Count a failed attempt; the event waits a little, or is parked when it is hopeless. Returns its new state."""
    raise NotImplementedError


def wake(tx: Connection, subscriptions: Collection[str]) -> int:
    """Let the events go on that wait for one of these subscriptions; returns how many."""
    raise NotImplementedError


def overdue_waiting(tx: Connection, before: datetime, limit: int) -> list[Event]:
    """Return events that have waited since before an instant, oldest first."""
    raise NotImplementedError


def of_account(conn: Connection, account: str) -> Iterator[Event]:
    """Yield every handled event of an account in the order of arrival."""
    raise NotImplementedError


def parked_accounts(tx: Connection, accounts: Collection[str]) -> frozenset[str]:
    """Return those of the accounts that have a parked event."""
    raise NotImplementedError


def listing(conn: Connection, state: str | None, since: datetime | None, limit: int) -> list[Event]:
    """Return events, newest first."""
    raise NotImplementedError


def get(conn: Connection, id: int) -> Event | None:  # noqa: A002
    """Return one event."""
    raise NotImplementedError


def retry(tx: Connection, ids: Collection[int] | None = None, state: str | None = None) -> int:
    """Make events due again as if never tried: the given ones, or all of one state. Returns how many."""
    raise NotImplementedError


def skip(tx: Connection, id: int, reason: str) -> bool:  # noqa: A002
    """Ignore an event from now on, for a reason; False where there is none that could be skipped."""
    raise NotImplementedError


def move(tx: Connection, old: str, new: str) -> int:
    """Give the events of one account to another."""
    raise NotImplementedError


def counts(conn: Connection) -> dict[str, int]:
    """Return how many events are in each state but `handled`."""
    raise NotImplementedError


def oldest_received(conn: Connection) -> datetime | None:
    """Return since when the oldest unhandled event has been here."""
    raise NotImplementedError
