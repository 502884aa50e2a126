"""Translates each event into facts: one snapshot or payment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kulanz.errors import UntranslatableError
from kulanz.policy.facts import AddressKnown, PaymentFailed, PaymentRefunded, PaymentSucceeded, ProviderFact
from kulanz.providers.address import customer_address, known
from kulanz.providers.lemonsqueezy import objects
from kulanz.providers.lemonsqueezy.objects import Object
from kulanz.providers.lemonsqueezy.vocabulary import (
    DISPUTES,
    INVOICES,
    LICENCES,
    OBJECTS,
    ORDERS,
    OUTRANKS_ITS_EQUALS,
    PROVIDER,
    RANKS,
    SUBSCRIPTIONS,
)
from kulanz.providers.naming import Naming, claim
from kulanz.providers.reading import PayloadReader, UnknownWord, inner, shown


def translate(
    name: str, payload: Mapping[str, Any], digest: str, naming: Naming, unknown: list[UnknownWord] | None = None
) -> tuple[ProviderFact, ...]:
    """Translate an event into facts; none for a kind that is not acted on."""
    if name not in OBJECTS:
        return ()
    data = PayloadReader(inner(payload, "data"), "data", [] if unknown is None else unknown)
    kind = data.values.get("type")
    if kind != OBJECTS[name]:
        raise UntranslatableError(f"data.type: expected {OBJECTS[name]} in {name}, found {shown(kind)}")
    custom = PayloadReader(inner(inner(payload, "meta"), "custom_data"), "meta.custom_data")
    attributes = data.below("attributes")
    source = Object(
        event=name,
        data=data,
        attributes=attributes,
        digest=OUTRANKS_ITS_EQUALS.get(name, "") + digest,
        rank=RANKS.get(name, 0),
        signed=claim(custom.values, naming, PROVIDER, lambda: attributes.instant("created_at")).signed,
        address=customer_address(custom),
    )
    return (_TRANSLATIONS[OBJECTS[name]](source), *_known_address(source))


def _payment(source: Object) -> PaymentFailed | PaymentSucceeded | PaymentRefunded:
    invoice = objects.invoice(source)
    return _PAYMENTS[source.event](invoice=invoice, at=invoice.stamp.at)


def _known_address(source: Object) -> tuple[AddressKnown, ...]:
    """Add the words that no snapshot carries, where custom data has them."""
    if not source.address.has_more:
        return ()
    return known(source.address, source.attributes.needed_instant("updated_at"))


_PAYMENTS: Mapping[str, type[PaymentFailed | PaymentSucceeded | PaymentRefunded]] = {
    "subscription_payment_failed": PaymentFailed,
    "subscription_payment_success": PaymentSucceeded,
    "subscription_payment_recovered": PaymentSucceeded,
    "subscription_payment_refunded": PaymentRefunded,
}
_TRANSLATIONS: Mapping[str, Callable[[Object], ProviderFact]] = {
    SUBSCRIPTIONS: objects.subscription,
    INVOICES: _payment,
    ORDERS: objects.order,
    LICENCES: objects.licence,
    DISPUTES: objects.dispute,
}
