"""The outside of a delivery: its shape, its subject, and its fingerprint for duplicates."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from kulanz.errors import MalformedPayloadError
from kulanz.providers.bodies import fingerprint, json_object, lane, needed_name, needed_object
from kulanz.providers.lemonsqueezy.vocabulary import OBJECTS, PROVIDER, binding
from kulanz.providers.provider import DeliveryHeader
from kulanz.providers.reading import flag, identifier


def decode(body: bytes) -> dict[str, Any]:
    """Return the body as JSON with a `meta` and an `event_name`, and with `data` for the events that are acted on."""
    payload = json_object(body)
    name = needed_name(needed_object(payload, "meta"), "event_name", "meta.")
    if name in OBJECTS:
        _check(payload.get("data"))
    return payload


def peek(body: bytes) -> DeliveryHeader:
    """Return the header for the inbox; this is the hot path, so each value is read once."""
    payload = decode(body)
    meta, data = payload["meta"], payload.get("data")
    if not isinstance(data, dict):
        data = {}
    attributes = data.get("attributes")
    if not isinstance(attributes, dict):
        attributes = {}
    name, kind, known_id = meta["event_name"], _text(data.get("type")), identifier(data.get("id")) or ""
    webhook = meta.get("webhook_id")
    about = (PROVIDER, name, kind, known_id)
    customer = identifier(attributes.get("customer_id"))
    return DeliveryHeader(
        name=name,
        type=kind,
        id=known_id,
        delivery_key=fingerprint((webhook, *about)) if isinstance(webhook, str) and webhook else sha256(body).digest(),
        lane=lane(binding("customer", customer) if customer else binding(kind, known_id)),
        test_mode=flag(meta["test_mode"] if meta.get("test_mode") is not None else attributes.get("test_mode")),
        store=identifier(attributes.get("store_id")),
        recognised=name in OBJECTS,
        content_key=fingerprint((*about, meta.get("custom_data"), _lasting(data, attributes))),
    )


def digest(data: dict[str, Any]) -> str:
    """Return the tie-breaker between two snapshots of one object and second, for an answer of the API."""
    attributes = data.get("attributes")
    return fingerprint(_lasting(data, attributes if isinstance(attributes, dict) else {})).hex()


def _check(data: object) -> None:
    if not isinstance(data, dict):
        raise MalformedPayloadError("data is not an object")
    if identifier(data.get("id")) is None:
        raise MalformedPayloadError("data.id is not an id")
    if not isinstance(data.get("type"), str):
        raise MalformedPayloadError("data.type is not a name")
    if not isinstance(data.get("attributes"), dict):
        raise MalformedPayloadError("data.attributes is not an object")


def _lasting(data: dict[str, Any], attributes: dict[str, Any]) -> dict[str, Any]:
    """Leave out what a resend may write differently: the signed addresses, which expire, and the links."""
    lasting = {key: value for key, value in data.items() if key != "links"}
    lasting["attributes"] = {key: value for key, value in attributes.items() if key != "urls"}
    return lasting


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
