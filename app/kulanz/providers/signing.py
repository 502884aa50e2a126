"""Signatures over raw bytes. A verifier is total: for any input it returns the secret that fits, or none."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence

_HEX_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def lemonsqueezy(header: str | bytes | None, body: bytes, secrets: Sequence[bytes]) -> int | None:
    """Return the index of the secret under which the header is the body's lowercase hex HMAC-SHA256."""
    text = _text(header)
    if not _HEX_SHA256.fullmatch(text):
        return None
    value = None
    for index, secret in enumerate(secrets):  # All are tried: the time does not show which fits.
        if hmac.compare_digest(_hex_hmac(secret, body), text) and secret and value is None:
            value = index
    return value


def lemonsqueezy_signature(body: bytes, secret: bytes) -> str:
    """Return the content of Lemon Squeezy's `X-Signature`."""
    return _hex_hmac(secret, body)


def account_signature(account: str, secret: str, until: int | None = None) -> str:
    """Return the signature for custom data (`account_sig`), so that a buyer cannot name another account.

    With `until`, in seconds since 1970, it proves nothing for later purchases. No account's id has a space.
    """
    if until is None:
        return _hex_hmac(secret.encode(), account.encode())
    return f"{until}.{_hex_hmac(secret.encode(), f'{account} {until}'.encode())}"


def _hex_hmac(secret: bytes, message: bytes) -> str:
    return hmac.digest(secret, message, "sha256").hex()


def _text(header: str | bytes | None) -> str:
    if isinstance(header, bytes):
        return header.decode("ascii", "replace")
    return header or ""
