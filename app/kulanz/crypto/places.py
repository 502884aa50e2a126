"""Associated data of encrypted values: the table, the account and the row that a value belongs to.

A value that is moved to another row, or to another account, cannot be decrypted there.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

_encode = msgspec.json.Encoder().encode


def data_key(account: str) -> bytes:
    """Return the place of an account's wrapped data key."""
    return _encode(["accounts.key", account])


def book(account: str) -> bytes:
    """Return the place of an account's book."""
    return _encode(["accounts.book", account])


def event(provider: str, delivery_key: bytes, account: str | None = None) -> bytes:
    """Return the place of an event's body; of no account before its first decision."""
    return _encode(["inbox.body", account, provider, delivery_key.hex()])


def fact(account: str, kind: str, at: datetime) -> bytes:
    """Return the place of a fact in the journal."""
    return _encode(["journal.fact", account, kind, _text(at)])


def effect(account: str, ident: str) -> bytes:
    """Return the place of an effect's payload."""
    return _encode(["effects.payload", account, ident])


def archive_key(account: str, kind: str, until: datetime) -> bytes:
    """Return the place of the wrapped key of archived records."""
    return _encode(["archive.key", account, kind, _text(until)])


def archive(account: str, kind: str, until: datetime) -> bytes:
    """Return the place of archived records."""
    return _encode(["archive.body", account, kind, _text(until)])


def answer(token: str, key: str) -> bytes:
    """Return the place of a stored answer for repeated requests."""
    return _encode(["idempotency.document", token, key])


def installation_key(name: str) -> bytes:
    """Return the place of a key of the whole installation."""
    return _encode(["keyring.wrapped", name])


SPOOL = _encode(["spool"])
"""The place of a delivery in the spool."""


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
