"""The outside of a delivery: its sender, its subject, and its fingerprint for duplicates."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from kulanz.errors import MalformedPayloadError
from kulanz.providers import bodies
from kulanz.providers.provider import DeliveryHeader
from kulanz.providers.standard.sender import ids_of, kind_of
from kulanz.providers.standard.vocabulary import PROVIDER, binding


def decode(body: bytes) -> dict[str, Any]:
    """Return the body as an event with a `type`, and an object with an id for the events that are acted on."""
    payload = bodies.json_object(body)
    bodies.needed_name(payload, "type")
    if kind_of(payload):
        bodies.needed_object(payload, "data")
        if ids_of(payload).own is None:
            raise MalformedPayloadError("data has no id of its own")
    return payload


def peek(body: bytes) -> DeliveryHeader:
    """Return the header for the inbox. A delivery is known by its bytes, which a retry repeats."""
    payload = decode(body)
    kind, ids = kind_of(payload), ids_of(payload)
    stated = (PROVIDER, payload["type"], payload.get("timestamp"), payload.get("data"))
    return DeliveryHeader(
        name=payload["type"],
        type=kind,
        id=ids.own or "",
        delivery_key=sha256(body).digest(),
        content_key=bodies.fingerprint(stated),
        lane=bodies.lane(binding("customer", ids.customer) if ids.customer else binding(kind, ids.own or "")),
        test_mode=False,
        store=None,
        recognised=kind != "",
    )
