"""Bearer tokens: their owners, and their permission to change data."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from hmac import compare_digest

from kulanz.config import ApiToken
from kulanz.web.problems import ForbiddenError, UnauthorizedError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def authenticate(authorization: str | None, method: str, tokens: Sequence[ApiToken], *, personal: bool = False) -> str:
    """Return the name behind a bearer token, or raise UnauthorizedError or ForbiddenError.

    With `personal`, a read-only token is refused.

    Every token is compared, in constant time, so that neither the order nor the length of tokens shows.
    """
    if not tokens:
        raise ForbiddenError("The API is closed: no API_TOKENS are set.")
    presented = bearer(authorization)
    matches = [token for token in tokens if same(presented, token.token)]
    if not matches:
        raise UnauthorizedError("A valid bearer token is needed.")
    if matches[0].read_only and method not in SAFE_METHODS:
        raise ForbiddenError("This token may only read.")
    if matches[0].read_only and personal:
        raise ForbiddenError("This token may read no personal data.")
    return matches[0].name


def bearer(authorization: str | None) -> str:
    """Return the token of an Authorization header; an empty one, which is never valid, without a token."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def same(presented: str, expected: str) -> bool:
    """Whether two secrets are equal, compared in constant time at every length."""
    return compare_digest(_digest(presented), _digest(expected))


def _digest(secret: str) -> bytes:
    return sha256(secret.encode(errors="surrogateescape")).digest()
