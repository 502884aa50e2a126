"""Recognises the sender, and reads the ids: Dodo writes its business beside the event, Polar does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kulanz.policy.facts import Stamp
from kulanz.providers.address import CustomerAddress, customer_address
from kulanz.providers.event_header import EventHeader
from kulanz.providers.naming import Naming, claim
from kulanz.providers.reading import PayloadReader, UnknownWord, inner
from kulanz.providers.standard.vocabulary import (
    CUSTOMER,
    DISPUTE,
    DODO,
    PAYMENT,
    POLAR,
    PROVIDER,
    RANKS,
    REFUND,
    SUBSCRIPTION,
)

POLAR_PORTAL, DODO_PORTAL = "polar", "dodo"
"""Names of the senders in the settings of their APIs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardIds:
    """The objects that an event names."""

    own: str | None = None
    customer: str | None = None
    subscription: str | None = None
    payment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardEvent:
    """An event: the object that it carries, and its envelope."""

    name: str
    told: PayloadReader
    at: datetime
    digest: str
    signed: bool
    address: CustomerAddress

    @property
    def stamp(self) -> Stamp:
        """Time of the snapshot: the event's own time, as not every object has one."""
        return Stamp(at=self.at, rank=RANKS.get(self.name, 0), digest=self.digest)

    @property
    def heard(self) -> EventHeader:
        """Source of a subscription's snapshot."""
        return EventHeader(
            stamp=self.stamp, signed=self.signed, locale=self.address.locale, timezone=self.address.timezone
        )


def sender_of(customer: str) -> str:
    """Return the sender whose customer an id names: Polar's ids are UUIDs, Dodo's are not."""
    try:
        UUID(customer)
    except ValueError:
        return DODO_PORTAL
    return POLAR_PORTAL


def is_dodo(payload: Mapping[str, Any]) -> bool:
    """Return whether Dodo sent it."""
    return payload.get("business_id") is not None


def kind_of(payload: Mapping[str, Any]) -> str:
    """Return the kind of object that an event carries; an empty text for an event that is not acted on."""
    name = payload.get("type")
    objects = DODO if is_dodo(payload) else POLAR
    return objects.get(name, "") if isinstance(name, str) else ""


def data_of(payload: Mapping[str, Any], unknown: list[UnknownWord] | None = None) -> PayloadReader:
    """Return the object that an event carries."""
    return PayloadReader(inner(payload, "data"), "data", [] if unknown is None else unknown)


def ids_of(payload: Mapping[str, Any]) -> StandardIds:
    """Return the objects that an event names, each where there is a usable id."""
    payload_reader, kind = data_of(payload), kind_of(payload)
    return _dodo_ids(payload_reader, kind) if is_dodo(payload) else _polar_ids(payload_reader, kind)


def event_of(
    name: str, payload: Mapping[str, Any], digest: str, naming: Naming, unknown: list[UnknownWord] | None
) -> StandardEvent:
    """Return an event that is acted on. Raises `UntranslatableError`."""
    payload_reader = data_of(payload, unknown)
    custom = payload_reader.below("metadata")
    return StandardEvent(
        name=name,
        told=payload_reader,
        at=PayloadReader(payload, "payload").needed_instant("timestamp"),
        digest=digest,
        signed=claim(custom.values, naming, PROVIDER, lambda: payload_reader.instant("created_at")).signed,
        address=customer_address(custom),
    )


def _dodo_ids(payload_reader: PayloadReader, kind: str) -> StandardIds:
    own = {SUBSCRIPTION: "subscription_id", PAYMENT: "payment_id", REFUND: "refund_id", DISPUTE: "dispute_id"}
    return StandardIds(
        own=payload_reader.identifier(own[kind]) if kind in own else None,
        customer=payload_reader.below("customer").identifier("customer_id"),
        subscription=payload_reader.identifier("subscription_id"),
        payment=payload_reader.identifier("payment_id"),
    )


def _polar_ids(payload_reader: PayloadReader, kind: str) -> StandardIds:
    own = payload_reader.identifier("id")
    return StandardIds(
        own=own,
        customer=own if kind == CUSTOMER else payload_reader.identifier("customer_id"),
        subscription=own if kind == SUBSCRIPTION else payload_reader.identifier("subscription_id"),
        payment=own if kind == PAYMENT else payload_reader.identifier("order_id"),
    )
