"""The store's objects as the provider holds them, and the webhooks that a change sends."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Any

from kulanz.errors import NotFoundError
from kulanz.providers.lemonsqueezy.samples import Payload, Purchase, event, moment
from kulanz.providers.lemonsqueezy.vocabulary import CUSTOMERS, INVOICES, LICENCES, OBJECTS, ORDERS, SUBSCRIPTIONS
from kulanz_simulator.timeline import Timeline

OBJECT_KINDS = (SUBSCRIPTIONS, ORDERS, INVOICES, LICENCES, CUSTOMERS)
Announce = Callable[[str, Payload, object], None]
"""Takes an event's name, the object as it is now, and the custom data of its checkout."""


@dataclass(slots=True)
class Contract:
    """The provider's knowledge of one subscription that it does not send."""

    purchase: Purchase
    paid_until: datetime
    card_works: bool = True
    charges: list[bool] = field(default_factory=list)
    """Outcomes of the next charges; when they are used up, `card_works` decides."""
    open_invoice: str | None = None
    failed_at: datetime | None = None
    """When the open invoice's charge failed first."""
    unpaid_change: str | None = None
    """The invoice of a changed plan whose charge failed."""
    generation: int = 0
    """Grows with every change of the plan, so that acts planned before are void."""


@dataclass(slots=True)
class Store(Timeline):
    """All objects of the provider."""

    announce: Announce
    test_mode: bool = True
    store_id: int = 58231
    objects: dict[str, dict[str, Payload]] = field(default_factory=dict)
    """The `data` of every object, by kind and id, oldest first."""
    contracts: dict[str, Contract] = field(default_factory=dict)
    """By the subscription's id."""
    custom_data: dict[tuple[str, str], object] = field(default_factory=dict)
    _ids: count[int] = field(default_factory=lambda: count(1_000_001))

    def new_id(self) -> int:
        """Return an unused id."""
        return next(self._ids)

    def add(self, name: str, purchase: Purchase, custom: object, **attributes: object) -> Payload:
        """Hold a new object, of the kind that an event's name implies, as of now."""
        data: Payload = event(name, replace(purchase, test_mode=self.test_mode), at=self.now, **attributes)["data"]
        self.objects.setdefault(data["type"], {})[data["id"]] = data
        self.custom_data[data["type"], data["id"]] = custom
        return data

    def add_customer(self, purchase: Purchase) -> None:
        """Hold the buyer."""
        attributes = {
            "store_id": self.store_id,
            "name": purchase.buyer,
            "email": purchase.email,
            "status": "subscribed",
            "country": "AT",
            "created_at": moment(self.now),
            "updated_at": moment(self.now),
            "test_mode": self.test_mode,
        }
        data = {"type": CUSTOMERS, "id": str(purchase.customer), "attributes": attributes}
        self.objects.setdefault(CUSTOMERS, {})[str(purchase.customer)] = data

    def get(self, kind: str, own_id: object) -> Payload:
        """Return an object; raise NotFoundError where there is none."""
        document = self.objects.get(kind, {}).get(str(own_id))
        if document is None:
            raise NotFoundError(f"no {kind} {own_id}")
        return document

    def told(self, kind: str, own_id: object) -> dict[str, Any]:
        """Return an object's attributes."""
        attributes: dict[str, Any] = self.get(kind, own_id)["attributes"]
        return attributes

    def change(self, kind: str, own_id: object, **attributes: object) -> None:
        """Change an object, now; a datetime is written as the provider writes it."""
        stated = {key: moment(value) if isinstance(value, datetime) else value for key, value in attributes.items()}
        if "status" in stated:
            stated["status_formatted"] = str(stated["status"]).replace("_", " ").title()
        self.told(kind, own_id).update(stated, updated_at=moment(self.now))

    def tell(self, name: str, own_id: object, *, custom: bool = True) -> None:
        """Announce an event about an object as it is now."""
        kind = OBJECTS[name]
        data = copy.deepcopy(self.get(kind, own_id))
        self.announce(name, data, self.custom_data.get((kind, str(own_id))) if custom else None)

    def contract(self, subscription: object) -> Contract:
        """Return the hidden part of a subscription."""
        contract = self.contracts.get(str(subscription))
        if contract is None:
            raise NotFoundError(f"no subscription {subscription}")
        return contract

    def invoices_of(self, subscription: object) -> Iterable[Payload]:
        """Return the invoices of a subscription, oldest first."""
        own = int(str(subscription))
        return [
            data for data in self.objects.get(INVOICES, {}).values() if data["attributes"]["subscription_id"] == own
        ]


def instant(text: str | None) -> datetime | None:
    """Read an instant as the provider writes it."""
    return datetime.fromisoformat(text) if text else None
