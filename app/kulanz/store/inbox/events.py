"""The inbox: inserts, reads and updates of events."""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

from kulanz.errors import NotFoundError

EVENT_STATES = ("received", "handled", "ignored", "waiting", "parked", "quarantined")
_MOST_DIGITS = 18
_KEY = re.compile(r"[0-9a-f]{64}")


class NewEvent(msgspec.Struct, frozen=True):
    """A verified delivery to be recorded; `body` is encrypted, `sha256` is of the raw bytes."""

    provider: str
    name: str
    delivery_key: bytes
    content_key: bytes | None
    lane: int
    """0 to 32767, from the best name of the account that the event has: workers share the inbox by it."""
    state: str
    received_at: datetime
    body: bytes
    sha256: bytes
    reason: str | None = None
    mode: str = "live"


class RecordedEvent(msgspec.Struct, frozen=True):
    """Outcome of recording an event: `known` means that the row existed already, in `state`."""

    id: int
    known: bool
    state: str


class Event(msgspec.Struct, frozen=True):
    """Inbox row. `Vault.has_sealed` distinguishes a body as received from one encrypted with the account's key."""

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
    content_key: bytes | None
    """The value read at arrival; None where it was not readable then."""
    delivery_key: bytes
    """The identity of the delivery; its encrypted body is bound to it (additional data of the encryption)."""


class SettledEvent(msgspec.Struct, frozen=True):
    """The outcome of one event; `body` is encrypted with the account's key, or None if it stays as it is."""

    id: int
    state: str
    account: str | None
    body: bytes | None
    reason: str | None = None
    waits_for: str | None = None
    facts_at: datetime | None = None
    concerns: str | None = None
    """The account, or customer's key, whose dunning this event holds back while it is not applied; empty: none."""


def event_id(number: int) -> str:
    """Write an event's id as others see it."""
    return f"evt_{number}"


def spooled_id(key: bytes) -> str:
    """Return the id of an event that has no number yet: its unique key."""
    return f"evt_{key.hex()}"


def key_of(event: str) -> bytes | None:
    """Read the id of an event that was accepted before it had a number; None for any other id."""
    text = event.removeprefix("evt_")
    return bytes.fromhex(text) if _KEY.fullmatch(text) else None


def number_of(event: str) -> int:
    """Read an event's id; NotFoundError for an impossible one."""
    digits = event.removeprefix("evt_")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS):
        raise NotFoundError(f"there is no event {event!r}")
    return int(digits)
