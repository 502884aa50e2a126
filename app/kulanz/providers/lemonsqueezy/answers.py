"""Facts from the API's answers: the same as from events, with another provenance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from kulanz.errors import UntranslatableError
from kulanz.policy.facts import (
    InvoiceStatus,
    PaymentRefunded,
    PaymentSucceeded,
    Provenance,
    ProviderFact,
    SubscriptionSeen,
)
from kulanz.providers.lemonsqueezy import objects
from kulanz.providers.lemonsqueezy.envelope import digest
from kulanz.providers.lemonsqueezy.objects import Object
from kulanz.providers.lemonsqueezy.routing import route
from kulanz.providers.lemonsqueezy.vocabulary import (
    INVOICES,
    LICENCES,
    LOOKED_UP,
    ORDERS,
    SETTLED,
    SUBSCRIPTIONS,
    binding,
)
from kulanz.providers.naming import Naming
from kulanz.providers.provider import Listed
from kulanz.providers.reading import PayloadReader, shown

SETTLES_IN = timedelta(minutes=1)
"""The provider's clock has whole seconds: an object that has rested for longer will not change within its second."""
_NO_CUSTOM_DATA = Naming()
"""The API omits the custom data of a checkout, so no answer names an account."""


def answered(data: Mapping[str, Any], provenance: Provenance, asked_at: datetime | None = None) -> ProviderFact:
    """Translate the `data` of an answer; `asked_at` makes it the last word where the object had come to rest."""
    kind = data.get("type")
    translate = _TRANSLATIONS.get(kind) if isinstance(kind, str) else None
    if translate is None:
        raise UntranslatableError(f"data.type: expected one of {', '.join(_TRANSLATIONS)}, found {shown(kind)}")
    return translate(_object(data, provenance, asked_at))


def looked_up(data: Mapping[str, Any]) -> SubscriptionSeen:
    """Translate the answer about one subscription."""
    PayloadReader(data, "data").expect("type", SUBSCRIPTIONS)
    return objects.subscription(_object(data, Provenance.RECONCILED, None))


def listed(data: Mapping[str, Any], provenance: Provenance, asked_at: datetime | None) -> Listed:
    """Return one entry of a list: the fact, and the keys by which its account may be found."""
    fact = answered(data, provenance, asked_at)
    attributes = PayloadReader(data, "data").below("attributes")
    kind, own_id = str(data["type"]), PayloadReader(data, "data").needed_identifier("id")
    changed_at = attributes.needed_instant("updated_at")
    return Listed(
        binding=binding(_NAMES[kind], own_id),
        fact=fact,
        routing=route({"data": data}, _NO_CUSTOM_DATA),
        store=attributes.identifier("store_id"),
        test_mode=attributes.flag("test_mode"),
        changed_at=changed_at,
        created_at=attributes.instant("created_at") or changed_at,
    )


def _object(data: Mapping[str, Any], provenance: Provenance, asked_at: datetime | None) -> Object:
    source = PayloadReader(data, "data")
    attributes = source.below("attributes")
    changed_at = attributes.needed_instant("updated_at")
    rested = asked_at is not None and changed_at + SETTLES_IN < asked_at
    return Object(
        data=source,
        attributes=attributes,
        digest=digest(dict(data)),
        rank=SETTLED if rested else LOOKED_UP,
        provenance=provenance,
    )


def _payment(source: Object) -> ProviderFact:
    """Return the payment status of an invoice; a failed charge shows on the subscription only."""
    invoice = objects.invoice(source)
    kind = _PAYMENTS.get(invoice.status)
    return invoice if kind is None else kind(invoice=invoice, at=invoice.stamp.at, provenance=source.provenance)


_PAYMENTS: Mapping[InvoiceStatus, type[PaymentSucceeded | PaymentRefunded]] = {
    InvoiceStatus.PAID: PaymentSucceeded,
    InvoiceStatus.PARTIAL_REFUND: PaymentRefunded,
    InvoiceStatus.REFUNDED: PaymentRefunded,
}
_TRANSLATIONS: Mapping[str, Callable[[Object], ProviderFact]] = {
    SUBSCRIPTIONS: objects.subscription,
    INVOICES: _payment,
    ORDERS: objects.order,
    LICENCES: objects.licence,
}
_NAMES = {SUBSCRIPTIONS: "subscription", INVOICES: "invoice", ORDERS: "order", LICENCES: "licence"}
