"""The outside of a delivery: its shape, its subject, and its id for duplicates."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from kulanz.errors import MalformedPayloadError
from kulanz.providers import bodies
from kulanz.providers.provider import DeliveryHeader
from kulanz.providers.reading import PayloadReader, identifier
from kulanz.providers.stripe.objects import subscription_of
from kulanz.providers.stripe.vocabulary import (
    CHARGE,
    DISPUTE,
    INVOICE,
    INVOICE_PAYMENT,
    OBJECTS,
    PROVIDER,
    THIN,
    WARNING,
    binding,
)


def decode(body: bytes) -> dict[str, Any]:
    """Return the body as an event with a `type`, and an object with an id for the events that are acted on."""
    payload = bodies.json_object(body)
    name = bodies.needed_name(payload, "type")
    if name in OBJECTS and not _is_thin(payload):
        document = bodies.needed_object(bodies.needed_object(payload, "data"), "object", "data.")
        if document.get("object") != OBJECTS[name]:
            raise MalformedPayloadError(f"data.object.object is not {OBJECTS[name]}")
        if identifier(document.get("id")) is None and OBJECTS[name] != DISPUTE:
            raise MalformedPayloadError("data.object.id is not an id")
    return payload


def peek(body: bytes) -> DeliveryHeader:
    """Return the header for the inbox. An event has one id in all its deliveries, to all endpoints."""
    payload = decode(body)
    name, event = payload["type"], identifier(payload.get("id"))
    payload_reader = PayloadReader(payload, "payload").below("data").below("object")
    kind = OBJECTS.get(name, "")
    return DeliveryHeader(
        name=name,
        type=kind,
        id=payload_reader.identifier("id") or "",
        delivery_key=bodies.fingerprint((PROVIDER, event)) if event else sha256(body).digest(),
        content_key=bodies.fingerprint((PROVIDER, name, payload.get("created"), payload.get("data"))),
        lane=bodies.lane(_queue(kind, payload_reader)),
        test_mode=payload.get("livemode") is False,
        store=None,
        recognised=kind not in {INVOICE, CHARGE, ""} or _concerns_us(kind, payload_reader) or _is_thin(payload),
    )


def _concerns_us(kind: str, payload_reader: PayloadReader) -> bool:
    """Return whether it is of a subscription or of a known customer: single invoices and guests have no account."""
    return bool(
        subscription_of(payload_reader) if kind == INVOICE else kind == CHARGE and payload_reader.reference("customer")
    )


def _is_thin(payload: dict[str, Any]) -> bool:
    """Return whether the endpoint gets events without their object, so that operators are alerted."""
    return payload.get("object") == THIN


def _queue(kind: str, payload_reader: PayloadReader) -> str:
    customer = payload_reader.reference("customer")
    if customer:
        return binding("customer", customer)
    if kind == INVOICE_PAYMENT:
        return binding(INVOICE, payload_reader.reference("invoice") or "")
    return (
        binding(CHARGE, payload_reader.reference("charge") or "") if kind in {DISPUTE, WARNING} else binding(kind, "")
    )
