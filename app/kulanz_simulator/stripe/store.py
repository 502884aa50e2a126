"""All objects of one Stripe account, and the events of their changes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from kulanz.errors import InvalidInputError, NotFoundError
from kulanz_simulator.stripe.documents import CataloguePrice, Document, StripePurchase, seconds
from kulanz_simulator.timeline import Timeline

SUBSCRIPTIONS, INVOICES, CHARGES = "subscriptions", "invoices", "charges"
INTENTS, REFUNDS, DISPUTES, CUSTOMERS = "payment_intents", "refunds", "disputes", "customers"
INVOICE_PAYMENTS = "invoice_payments"
CATALOGUE = (
    CataloguePrice(id="price_pro", product="prod_pro", amount=4900),
    CataloguePrice(id="price_ent", product="prod_ent", amount=9900),
    CataloguePrice(id="price_seat", product="prod_seat", amount=500),
)
Announce = Callable[[str, Document, Document | None], None]
"""Callback with an event's name, the object as it is now, and its fields before the change."""


@dataclass(slots=True)
class Contract:
    """Stripe's knowledge of one subscription that it does not send."""

    purchase: StripePurchase
    paid_until: datetime
    card_works: bool = True
    charges: list[bool] = field(default_factory=list)
    """Outcomes of the next charges; when they are used up, `card_works` decides."""
    generation: int = 0

    def takes_charge(self) -> bool:
        """Return how the next charge ends."""
        return self.charges.pop(0) if self.charges else self.card_works


@dataclass(slots=True)
class Collection:
    """The attempts to collect one invoice."""

    failed_at: datetime | None = None
    """When it was charged first without success."""
    attempts: int = 0
    generation: int = 0


@dataclass(slots=True)
class StripeStore(Timeline):
    """The objects by kind and id, oldest first, in the newest version's words."""

    announce: Announce
    livemode: bool = False
    objects: dict[str, dict[str, Document]] = field(default_factory=dict)
    contracts: dict[str, Contract] = field(default_factory=dict)
    """By the subscription's id."""
    collections: dict[str, Collection] = field(default_factory=dict)
    """By the invoice's id."""
    catalogue: dict[str, CataloguePrice] = field(default_factory=lambda: {known.id: known for known in CATALOGUE})
    _ids: count[int] = field(default_factory=lambda: count(1_000_001))

    def new_id(self, prefix: str) -> str:
        """Return an unused id."""
        return f"{prefix}_1Sim{next(self._ids)}"

    def add(self, kind: str, document: Document) -> Document:
        """Hold a new object."""
        self.objects.setdefault(kind, {})[document["id"]] = document
        return document

    def get(self, kind: str, own_id: object) -> Document:
        """Return an object; raise NotFoundError where there is none."""
        document = self.objects.get(kind, {}).get(str(own_id))
        if document is None:
            raise NotFoundError(f"No such {kind.removesuffix('s')}: '{own_id}'")
        return document

    def all(self, kind: str) -> Iterator[Document]:
        """Yield the objects of a kind, newest first."""
        return reversed(list(self.objects.get(kind, {}).values()))

    def tell(self, name: str, document: Document, previous: Document | None = None) -> None:
        """Announce an event about an object as it is now."""
        self.announce(name, document, previous)

    def change(self, document: Document, **attributes: Any) -> Document:
        """Change an object, now, and return its fields before the change."""
        stated = {key: seconds(value) if isinstance(value, datetime) else value for key, value in attributes.items()}
        before = {key: copy.deepcopy(document.get(key)) for key, value in stated.items() if document.get(key) != value}
        document.update(stated)
        return before

    def update(self, subscription: str, **attributes: Any) -> None:
        """Change a subscription and send the event, if anything changed."""
        document = self.get(SUBSCRIPTIONS, subscription)
        before = self.change(document, **attributes)
        if before:
            self.tell("customer.subscription.updated", document, before)

    def contract(self, subscription: object) -> Contract:
        """Return the hidden part of a subscription."""
        self.get(SUBSCRIPTIONS, subscription)
        return self.contracts[str(subscription)]

    def price(self, own_id: str) -> CataloguePrice:
        """Return a price of the catalogue."""
        if own_id not in self.catalogue:
            raise InvalidInputError(f"No such price: '{own_id}'")
        return self.catalogue[own_id]

    def invoices_of(self, subscription: object) -> list[Document]:
        """Return the invoices of a subscription, oldest first."""
        return [each for each in self.objects.get(INVOICES, {}).values() if subscription_of(each) == str(subscription)]


def subscription_of(invoice: Document) -> str:
    """Return the subscription of an invoice."""
    return str(invoice["parent"]["subscription_details"]["subscription"])
