"""Shared parts of the providers' envelopes: the JSON object, its fingerprint, the lane of its customer."""

from __future__ import annotations

from binascii import crc32
from hashlib import sha256
from typing import Any

import msgspec

from kulanz.errors import MalformedPayloadError

LANES = 64

_decode = msgspec.json.Decoder().decode
_canonical = msgspec.json.Encoder(order="deterministic").encode


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a body. Raises `MalformedPayloadError`."""
    try:
        payload = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedPayloadError("the body is not usable JSON") from error
    if not isinstance(payload, dict):
        raise MalformedPayloadError("the body is not a JSON object")
    return payload


def needed_object(payload: dict[str, Any], key: str, path: str = "") -> dict[str, Any]:
    """Return the object under a key. Raises `MalformedPayloadError`."""
    inner = payload.get(key)
    if not isinstance(inner, dict):
        raise MalformedPayloadError(f"{path}{key} is not an object")
    return inner


def needed_name(payload: dict[str, Any], key: str, path: str = "") -> str:
    """Return the name under a key. Raises `MalformedPayloadError`."""
    name = payload.get(key)
    if not isinstance(name, str) or not name:
        raise MalformedPayloadError(f"{path}{key} is not a name")
    return name


def fingerprint(value: object) -> bytes:
    """Return the SHA-256 of a value's canonical JSON: the same for every order of its keys."""
    try:
        return sha256(_canonical(value)).digest()
    except RecursionError as error:
        raise MalformedPayloadError("the body is nested too deep") from error


def lane(key: str) -> int:
    """Return the queue lane of a customer: events of one customer are handled one after the other."""
    return crc32(key.encode()) % LANES
