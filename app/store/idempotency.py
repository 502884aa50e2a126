"""Answers kept for repeated requests with the same `Idempotency-Key` (CONTRACT section 3)."""

from datetime import datetime

import msgspec

from app.store.database import Connection


class Answer(msgspec.Struct, frozen=True):
    """What the first request was answered; `document` is sealed."""

    status: int
    document: bytes


def begin(tx: Connection, token: str, key: str, request: bytes, now: datetime) -> Answer | None:
    """Return the answer of a finished request, or None after noting that this one has begun.

    `request` is a digest of method, path and body. Raises InvalidInputError (422) for the same key with another
    request, RefusedError (409) while the first is still running. An answer is kept for 7 days of real time.
    """
    raise NotImplementedError


def finish(tx: Connection, token: str, key: str, answer: Answer) -> None:
    """Keep the answer."""
    raise NotImplementedError


def forget(tx: Connection, token: str, key: str) -> None:
    """Let a request that came to nothing be tried again under its key."""
    raise NotImplementedError
