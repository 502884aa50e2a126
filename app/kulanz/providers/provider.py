"""The interface of a provider's module, and the values that it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import msgspec

from kulanz.policy.facts import ProviderFact
from kulanz.providers.naming import Naming
from kulanz.providers.reading import UnknownWord


class DeliveryHeader(msgspec.Struct, frozen=True, kw_only=True):
    """Header of a delivery for the inbox: what it is, and whether it was here before."""

    name: str
    type: str
    """The kind of object, empty where the event has none."""
    id: str
    """The object's id at the provider, empty where the event has none."""
    delivery_key: bytes
    """The same for every automatic retry of one delivery."""
    content_key: bytes
    """The same for a resend by hand under a new delivery id; also the digest of a fact's stamp, in hex."""
    lane: int
    """0 to 63, from the provider's customer: events that two workers must not handle at once share a lane."""
    test_mode: bool
    store: str | None
    recognised: bool
    """Whether events of this name are acted on."""


class Routing(msgspec.Struct, frozen=True, kw_only=True):
    """Account of an event. Keys name the kind too, as `lemonsqueezy:customer:3083767`: bindings are kept under them."""

    claim: str | None = None
    """The account that custom data names; a buyer can edit it unless it is `signed`."""
    unusable_claim: str | None = None
    """The unusable text found there, for operators: printable, cut short, empty for an empty text."""
    kept_claim: str | None = None
    """An id that is unusable for a new account; an account that already has it keeps it."""
    signed: bool = False
    customer: str | None = None
    subscription: str | None = None
    order: str | None = None
    needs_subscription: bool = False
    """The event is about a subscription that must be known first."""
    needs_order: bool = False
    """The event names only a payment, which must be known first: its account is the event's."""
    customer_claim: str | None = None
    """The account that the customer's own record names in this snapshot, or in an event about the customer."""
    checkout: str | None = None
    """The checkout of the event: what was bought there is its subscription, or what its `parts` paid."""
    within: tuple[str, ...] = ()
    """The payment that a charge belongs to, by any of its names; only some of them are ever sent."""
    parts: tuple[str, ...] = ()
    """Further names of the payment in an invoice."""
    is_payment: bool = False
    """The order is a payment of the subscription."""
    is_charge: bool = False
    """The order is the charge of a card, which may be of something that it does not name."""
    origin: str | None = None
    """The account at the provider for which an event was sent to us, where it is another than the endpoint's own."""
    problem: str | None = None
    """The alert about the endpoint or its keys; an event that has one is not acted on."""
    fallback: str | None = None
    """The account where nothing better is known: `lemonsqueezy-3083767`."""

    @property
    def waits(self) -> bool:
        """Whether something else must be known first."""
        return self.needs_subscription or self.needs_order

    @property
    def waits_for(self) -> str | None:
        """The key of the awaited object."""
        return self.order if self.needs_order else self.subscription


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An object as a provider's API lists it."""

    binding: str
    """Names its kind too: `lemonsqueezy:invoice:1134999`."""
    fact: ProviderFact
    routing: Routing
    store: str | None
    test_mode: bool
    changed_at: datetime
    """When the provider last changed it, by the provider's clock."""
    created_at: datetime


class Refunded(NamedTuple):
    """The refunded part of a payment by the provider's API."""

    amount: int
    """Cumulative, in minor units."""
    currency: str
    facts: tuple[ProviderFact, ...] = ()
    """Other facts in the answer."""


class Provider(Protocol):
    """Protocol of a provider's vocabulary. A module implements it, and has no state."""

    def verify(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes]) -> int | None:
        """Return the secret that signed the body; None where none did. Never raises, for any input."""

    def may_settle(self, name: str) -> bool:
        """Whether an event of this name can report that a renewal was paid, or is no longer owed."""

    def peek(self, body: bytes) -> DeliveryHeader:
        """Return the header of a verified body, quickly. Raises `MalformedPayloadError`."""

    def decode(self, body: bytes) -> dict[str, Any]:
        """Return a body as JSON of the provider's outer shape. Raises `MalformedPayloadError`."""

    def route(self, payload: Mapping[str, Any], naming: Naming) -> Routing:
        """Return the account of an event. Never raises: what is not usable is absent."""

    def translate(
        self,
        name: str,
        payload: Mapping[str, Any],
        digest: str,
        naming: Naming,
        unknown: list[UnknownWord] | None = None,
    ) -> tuple[ProviderFact, ...]:
        """Translate an event into facts; none for a kind that is not acted on. Raises `UntranslatableError`.

        `digest` breaks the tie between two snapshots of one instant: `DeliveryHeader.content_key` in hex. Words that
        no decision needs and that are unknown are added to `unknown`.
        """
