"""Opaque cursors and limits of lists; a wrong one is refused, never guessed at."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec

from kulanz.providers.naming import ACCOUNT_ID
from kulanz.web.problems import BadRequestError

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 500
_LIMIT = re.compile(r"[0-9]{1,3}", re.ASCII)
_AFTER = {
    "accounts": re.compile(rf"{ACCOUNT_ID}|[A-Za-z0-9_-]{{1,600}}", re.ASCII),
    "refund_requests": re.compile(rf"[0-9TZ:.-]{{1,40}}\|{ACCOUNT_ID}\|[A-Za-z0-9._:@-]{{1,128}}", re.ASCII),
    "collections": re.compile(rf"[0-9T:.-]{{10,32}}Z\|{ACCOUNT_ID}\|[A-Za-z0-9_]{{1,64}}", re.ASCII),
    "decisions": re.compile(r"[0-9]{1,18}", re.ASCII),
}
"""Sort keys of lists; a cursor is not signed, so every key is validated."""


class _Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    of: str
    after: str


def encode(of: str, after: str) -> str:
    """Return the cursor behind the last item of a page; `of` names the list, whose cursors no other list takes."""
    return urlsafe_b64encode(msgspec.json.encode(_Cursor(of, after))).decode().rstrip("=")


def decode(of: str, cursor: str | None) -> str | None:
    """Return what the last page ended with, None for the first page."""
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        stored_cursor = msgspec.json.decode(urlsafe_b64decode(padded), type=_Cursor)
    except (ValueError, msgspec.DecodeError) as error:
        raise BadRequestError("`cursor` is not one that a list of this kind gave out.") from error
    if stored_cursor.of != of or not _AFTER[of].fullmatch(stored_cursor.after):
        raise BadRequestError("`cursor` is not one that a list of this kind gave out.")
    return stored_cursor.after


def limit(text: str | None) -> int:
    """Return how many items a page has at most."""
    if text is None:
        return DEFAULT_LIMIT
    if not _LIMIT.fullmatch(text) or not 1 <= int(text) <= LARGEST_LIMIT:
        raise BadRequestError(f"`limit` is a whole number from 1 to {LARGEST_LIMIT}.")
    return int(text)
