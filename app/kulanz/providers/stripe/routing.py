"""Routes an event: the account that metadata names, and the objects by which it may be found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kulanz.providers.naming import Claim, Naming, claim, customer_claim
from kulanz.providers.provider import Routing
from kulanz.providers.reading import PayloadReader, shown
from kulanz.providers.stripe.objects import custom_data, intent_of, subscription_of
from kulanz.providers.stripe.vocabulary import (
    CHARGE,
    CHECKOUT,
    CUSTOMER,
    DISPUTE,
    INVOICE,
    INVOICE_PAYMENT,
    OBJECTS,
    PROVIDER,
    SUBSCRIPTION,
    THIN,
    WARNING,
    binding,
)

_THIN_PROBLEM = "it sends thin events, which carry nothing: choose snapshot events in Stripe's event destination"

_INTENT = "payment_intent"
_REFERENCE = "client_reference_id"


def route(payload: Mapping[str, Any], naming: Naming) -> Routing:
    """Return the account of an event. Disputes and warnings name only their charge, and a payment its invoice."""
    name = payload.get("type")
    kind = OBJECTS.get(name, "") if isinstance(name, str) else ""
    payload_reader = PayloadReader(payload, "payload").below("data").below("object")
    claimed = _claim(kind, payload_reader, naming)
    customer = payload_reader.identifier("id") if kind == CUSTOMER else payload_reader.reference("customer")
    payment = _payment(kind, payload_reader)
    subscription = _subscription(kind, payload_reader)
    origin = payload.get("account") or payload.get("context")
    return Routing(
        origin=shown(origin.rpartition("/")[2]) if isinstance(origin, str) and origin else None,
        problem=_THIN_PROBLEM if payload.get("object") == THIN else None,
        claim=claimed.account,
        unusable_claim=claimed.unusable,
        kept_claim=claimed.kept,
        signed=claimed.signed,
        customer=binding("customer", customer) if customer else None,
        subscription=binding(SUBSCRIPTION, subscription) if subscription else None,
        order=payment,
        within=tuple(_paid_by(payload_reader)) if kind == CHARGE else (),
        parts=tuple(_paid_with(payload_reader, kind)),
        checkout=_checkout(kind, payload_reader),
        customer_claim=customer_claim(payload_reader.values, naming, PROVIDER) if kind == CUSTOMER else None,
        is_charge=kind == CHARGE,
        needs_subscription=kind == INVOICE or (kind == SUBSCRIPTION and not customer and claimed.account is None),
        needs_order=kind in {DISPUTE, WARNING, INVOICE_PAYMENT},
        fallback=f"{PROVIDER}-{customer}" if customer else None,
    )


def _claim(kind: str, told: PayloadReader, naming: Naming) -> Claim:
    """Return the account that the object names; a name at a customer or a dispute is no claim on a purchase."""
    if kind in {DISPUTE, WARNING, CUSTOMER}:
        return Claim()
    beside = {_REFERENCE: told.values.get(_REFERENCE)} if kind == CHECKOUT else {}
    return claim(custom_data(told, naming.keys), naming, PROVIDER, lambda: told.unix("created"), beside)


def _checkout(kind: str, told: PayloadReader) -> str | None:
    session = told.identifier("id") if kind == CHECKOUT else None
    return binding(CHECKOUT, session) if session else None


def _payment(kind: str, payload_reader: PayloadReader) -> str | None:
    """Return the charge or the invoice: only their own events make them known, as only they name the customer."""
    match kind:
        case "charge" | "invoice":
            own_id = payload_reader.identifier("id")
        case "dispute" | "radar.early_fraud_warning":
            kind, own_id = CHARGE, payload_reader.reference("charge")
        case "invoice_payment":
            kind, own_id = INVOICE, payload_reader.reference("invoice")
        case _:
            own_id = None
    return binding(kind, own_id) if own_id else None


def _paid_by(charge: PayloadReader) -> Iterator[str]:
    """Yield the payment's names in a charge: its invoice until 2025, and the payment intent that both name."""
    if invoice := charge.reference("invoice"):
        yield binding(INVOICE, invoice)
    if intent := charge.reference("payment_intent"):
        yield binding(_INTENT, intent)


def _paid_with(told: PayloadReader, kind: str) -> Iterator[str]:
    """Yield the names that link a charge to its payment: its own, and those of the invoice's payment."""
    if kind == CHECKOUT and (intent := told.reference("payment_intent")):
        yield binding(_INTENT, intent)
    if kind not in {INVOICE, INVOICE_PAYMENT}:
        return
    if kind == INVOICE and (ident := told.identifier("id")):
        yield binding(INVOICE, ident)
    payment = told.below("payment") if kind == INVOICE_PAYMENT else told
    if intent := (intent_of(told) if kind == INVOICE else payment.reference("payment_intent")):
        yield binding(_INTENT, intent)
    if charge := payment.reference("charge"):
        yield binding(CHARGE, charge)


def _subscription(kind: str, payload_reader: PayloadReader) -> str | None:
    return (
        payload_reader.identifier("id")
        if kind == SUBSCRIPTION
        else subscription_of(payload_reader)
        if kind == INVOICE
        else payload_reader.reference("subscription")
        if kind == CHECKOUT
        else None
    )
