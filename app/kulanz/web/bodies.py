"""Reads a request's body up to a limit, counted in received bytes, not by a header."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from werkzeug.exceptions import ClientDisconnected

from kulanz.errors import KulanzError

CHUNK = 64 * 1024
DISCARDED_LIMITS = 4
"""Factor of the limit up to which an oversized body is read and discarded, so that its sender can read the refusal."""


class PayloadTooLargeError(KulanzError):
    """More bytes came than are taken."""

    status = 413
    title = "Payload too large"


def read_body(stream: IO[bytes], limit: int, announced: int | None) -> bytes:
    """Return the raw body of at most `limit` bytes, or raise PayloadTooLargeError; an aborted body is cut short.

    A body of the announced length is complete without waiting for the end of the stream, which costs a thread switch.
    A body announced as far too large is refused without reading it.
    """
    if announced is not None and announced > limit * DISCARDED_LIMITS:
        raise PayloadTooLargeError(f"The body is larger than {limit} bytes.")
    body = b""
    chunks = _chunks(stream, limit * DISCARDED_LIMITS)
    for chunk in chunks:
        body = body + chunk if body else chunk
        if announced is not None and len(body) == announced <= limit:
            return body
        if len(body) > limit:
            for _ in chunks:
                pass
            raise PayloadTooLargeError(f"The body is larger than {limit} bytes.")
    return body


def _chunks(stream: IO[bytes], left: int) -> Iterator[bytes]:
    try:
        while left > 0 and (chunk := stream.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk
    except ClientDisconnected:
        return
