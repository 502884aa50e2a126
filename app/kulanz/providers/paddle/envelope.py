"""The outside of a delivery: is it Paddle's shape, what is it about, and was it here before."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from kulanz.errors import MalformedPayloadError
from kulanz.providers import bodies
from kulanz.providers.paddle.vocabulary import CUSTOMER, OBJECTS, PROVIDER, WARNINGS, binding
from kulanz.providers.provider import DeliveryHeader
from kulanz.providers.reading import PayloadReader, identifier

SINGLE_SALE = "transaction.completed"
"""What is acted on of a transaction that belongs to no subscription.

A checkout given up belongs to no customer, and a subscription's first payment is `paid` before the subscription exists.
"""


def decode(body: bytes) -> dict[str, Any]:
    """Return the body as an event with an `event_type`, and an object with an id for the events that are acted on."""
    payload = bodies.json_object(body)
    name = bodies.needed_name(payload, "event_type")
    if name in OBJECTS and identifier(bodies.needed_object(payload, "data").get("id")) is None:
        raise MalformedPayloadError("data.id is not an id")
    return payload


def peek(body: bytes) -> DeliveryHeader:
    """Return the header for the inbox. An event keeps its id when it is sent again; the notification's is new.

    Paddle's sandbox is another account with other secrets: an event does not say which of the two it is of.
    """
    payload = decode(body)
    name, event = payload["event_type"], identifier(payload.get("event_id"))
    payload_reader = PayloadReader(payload, "payload").below("data")
    kind = OBJECTS.get(name, "")
    customer = payload_reader.identifier("id" if kind == CUSTOMER else "customer_id")
    own_id = payload_reader.identifier("id") or ""
    return DeliveryHeader(
        name=name,
        type=kind,
        id=own_id,
        delivery_key=bodies.fingerprint((PROVIDER, event)) if event else sha256(body).digest(),
        content_key=bodies.fingerprint((PROVIDER, name, payload.get("occurred_at"), payload.get("data"))),
        lane=bodies.lane(binding(CUSTOMER, customer) if customer else binding(kind, own_id)),
        test_mode=False,
        store=None,
        recognised=name in WARNINGS or (kind != "" and _concerns_us(name, kind, payload_reader)),
    )


def _concerns_us(name: str, kind: str, payload_reader: PayloadReader) -> bool:
    """Return whether a transaction is a subscription's or a single sale, and an invoice says whose money it is."""
    subscribed = payload_reader.identifier("subscription_id") is not None
    match kind:
        case "transaction":
            return subscribed or (name == SINGLE_SALE and payload_reader.identifier("customer_id") is not None)
        case "invoice":
            totals = payload_reader.below("details").below("totals")
            return subscribed and payload_reader.identifier("transaction_id") is not None and bool(totals.values)
    return True
