"""Signatures over a time and raw bytes: Stripe's, Paddle's and Standard Webhooks'. Every verifier is total."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

TOLERANCE = 300
"""Tolerance of a signed time in seconds, either way, by real time."""
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_HEX_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_BASE64_SHA256 = re.compile(r"[A-Za-z0-9+/]{43}=", re.ASCII)
_STANDARD_PREFIX = b"whsec_"
_PREFIXES = (_STANDARD_PREFIX, b"polar_whs_")

Keys = Callable[[bytes], Iterable[bytes]]
"""The possible keys of a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scheme:
    """Format of a header with a time and signatures, and of the signed text."""

    separator: str
    time: str
    joint: bytes
    signature: str


_STRIPE = _Scheme(separator=",", time="t", joint=b".", signature="v1")
_PADDLE = _Scheme(separator=";", time="ts", joint=b":", signature="h1")


def stripe(header: str | bytes | None, body: bytes, secrets: Sequence[bytes], *, now: float) -> int | None:
    """Return the secret that signed: `t=<seconds>,v1=<hex>[,v1=…]` over `<seconds>.<body>`."""
    return _signer(header, _STRIPE, body, secrets, now=now)


def paddle(header: str | bytes | None, body: bytes, secrets: Sequence[bytes], *, now: float) -> int | None:
    """Return the secret that signed: `ts=<seconds>;h1=<hex>[;h1=…]` over `<seconds>:<body>`."""
    return _signer(header, _PADDLE, body, secrets, now=now)


def standard(headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes], *, now: float) -> int | None:
    """Return the secret that signed: `v1,<base64>[ v1,…]` over `<id>.<seconds>.<body>` (Standard Webhooks 1.0)."""
    ident, seconds = header(headers, "webhook-id"), header(headers, "webhook-timestamp")
    tokens = [token.partition(",") for token in _text(header(headers, "webhook-signature")).split(" ")]
    signatures = [text for scheme, _, text in tokens if scheme == "v1" and _BASE64_SHA256.fullmatch(text)]
    if not ident or not signatures or not _is_fresh(seconds, now):
        return None
    message = f"{ident}.{seconds}.".encode(errors="replace") + body
    return _matching(message, signatures, secrets, standard_keys, lambda digest: base64.b64encode(digest).decode())


def standard_keys(secret: bytes) -> tuple[bytes, ...]:
    """Return the possible keys of a secret.

    The standard's is base64 behind a prefix. Polar signs with all the bytes as they are written, prefix included, where
    the secret is from before 2026-09-08. The likelier reading comes first.
    """
    prefix = next((known for known in _PREFIXES if secret.startswith(known)), b"")
    encoded = secret.removeprefix(prefix)
    try:
        decoded = base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    keys = (decoded, secret) if prefix == _STANDARD_PREFIX else (secret, decoded)
    return tuple(key for key in keys if key and encoded)


def header(headers: Mapping[str, str], name: str) -> str | None:
    """Return a header's value; names match in upper and lower case."""
    text = headers.get(name)
    return text if text is not None else next((text for key, text in headers.items() if key.lower() == name), None)


def stripe_signature(body: bytes, secret: bytes, at: int) -> str:
    """Return the content of Stripe's `Stripe-Signature`."""
    return f"t={at},v1={hmac.digest(secret, b'%d.' % at + body, 'sha256').hex()}"


def paddle_signature(body: bytes, secret: bytes, at: int) -> str:
    """Return the content of Paddle's `Paddle-Signature`."""
    return f"ts={at};h1={hmac.digest(secret, b'%d:' % at + body, 'sha256').hex()}"


def standard_signature(ident: str, body: bytes, secret: bytes, at: int) -> str:
    """Return the content of `webhook-signature` of Standard Webhooks."""
    digest = hmac.digest(standard_keys(secret)[0], f"{ident}.{at}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def _signer(
    header: str | bytes | None, scheme: _Scheme, body: bytes, secrets: Sequence[bytes], *, now: float
) -> int | None:
    stated = list(_pairs(header, scheme.separator))
    seconds = next((value for key, value in stated if key == scheme.time), None)
    signatures = [value for key, value in stated if key == scheme.signature and _HEX_SHA256.fullmatch(value)]
    if seconds is None or not signatures or not _is_fresh(seconds, now):
        return None
    message = seconds.encode() + scheme.joint + body
    return _matching(message, signatures, secrets, lambda secret: (secret,), bytes.hex)


def _matching(
    message: bytes, signatures: Sequence[str], secrets: Sequence[bytes], keys: Keys, write: Callable[[bytes], str]
) -> int | None:
    """Return the index of the first secret that fits; all are tried, so that the time does not show which one."""
    fits: list[int] = []
    for index, secret in enumerate(secrets):
        for key in keys(secret):
            expected = write(hmac.digest(key, message, "sha256"))
            fits.extend(index for signature in signatures if hmac.compare_digest(expected, signature) and key)
    return min(fits, default=None)


def _is_fresh(seconds: str | None, now: float) -> bool:
    return bool(seconds and _SECONDS.fullmatch(seconds)) and abs(now - int(seconds or 0)) <= TOLERANCE


def _pairs(stated: str | bytes | None, separator: str) -> Iterator[tuple[str, str]]:
    for pair in _text(stated).split(separator):
        key, _, value = pair.partition("=")
        yield key.strip(), value.strip()


def _text(stated: str | bytes | None) -> str:
    return stated.decode("ascii", "replace") if isinstance(stated, bytes) else stated or ""
