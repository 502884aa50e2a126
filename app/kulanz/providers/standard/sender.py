"""Who sent it: Dodo writes its business beside the event, Polar does not; and where each keeps its ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kulanz.policy.facts import Stamp
from kulanz.providers.address import Address, address
from kulanz.providers.heard import Heard
from kulanz.providers.naming import Naming, claim
from kulanz.providers.reading import Reading
from kulanz.providers.standard.vocabulary import DISPUTE, DODO, PAYMENT, POLAR, RANKS, REFUND, SUBSCRIPTION


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """The objects that an event names."""

    own: str | None = None
    customer: str | None = None
    subscription: str | None = None
    payment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event: the object that it carries, and what is told around it."""

    name: str
    told: Reading
    at: datetime
    digest: str
    signed: bool
    address: Address

    @property
    def stamp(self) -> Stamp:
        """When the snapshot was taken: the event's own time, as not every object has one."""
        return Stamp(at=self.at, rank=RANKS.get(self.name, 0), digest=self.digest)

    @property
    def heard(self) -> Heard:
        """How a subscription came to be known."""
        return Heard(stamp=self.stamp, signed=self.signed, locale=self.address.locale, timezone=self.address.timezone)


def is_dodo(payload: Mapping[str, Any]) -> bool:
    """Return whether Dodo sent it."""
    return payload.get("business_id") is not None


def kind_of(payload: Mapping[str, Any]) -> str:
    """Return the kind of object that an event carries, an empty text where nobody acts on it."""
    name = payload.get("type")
    objects = DODO if is_dodo(payload) else POLAR
    return objects.get(name, "") if isinstance(name, str) else ""


def data_of(payload: Mapping[str, Any]) -> Reading:
    """Return the object that an event carries."""
    return Reading(Reading(payload, "payload").below("data").values, "data")


def ids_of(payload: Mapping[str, Any]) -> Ids:
    """Return the objects that an event names, each where there is a usable id."""
    told, kind = data_of(payload), kind_of(payload)
    return _dodo_ids(told, kind) if is_dodo(payload) else _polar_ids(told, kind)


def event_of(name: str, payload: Mapping[str, Any], digest: str, naming: Naming) -> Event:
    """Return an event that somebody acts on. Raises `UntranslatableError`."""
    told = data_of(payload)
    custom = told.below("metadata")
    return Event(
        name=name,
        told=told,
        at=Reading(payload, "payload").needed_instant("timestamp"),
        digest=digest,
        signed=claim(custom.values, naming).signed,
        address=address(custom),
    )


def _dodo_ids(told: Reading, kind: str) -> Ids:
    own = {SUBSCRIPTION: "subscription_id", PAYMENT: "payment_id", REFUND: "refund_id", DISPUTE: "dispute_id"}
    return Ids(
        own=told.identifier(own[kind]) if kind in own else None,
        customer=told.below("customer").identifier("customer_id"),
        subscription=told.identifier("subscription_id"),
        payment=told.identifier("payment_id"),
    )


def _polar_ids(told: Reading, kind: str) -> Ids:
    own = told.identifier("id")
    return Ids(
        own=own,
        customer=told.identifier("customer_id"),
        subscription=own if kind == SUBSCRIPTION else told.identifier("subscription_id"),
        payment=own if kind == PAYMENT else told.identifier("order_id"),
    )
