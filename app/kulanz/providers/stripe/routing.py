"""Whose event it is: the account that metadata names, and the objects it may be found by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kulanz.providers.naming import Claim, Naming, claim
from kulanz.providers.provider import Routing
from kulanz.providers.reading import PayloadReader
from kulanz.providers.stripe.objects import custom_data, intent_of, subscription_of
from kulanz.providers.stripe.vocabulary import CHARGE, DISPUTE, INVOICE, OBJECTS, PROVIDER, SUBSCRIPTION, binding

_INTENT = "payment_intent"


def route(payload: Mapping[str, Any], naming: Naming) -> Routing:
    """Say whose event it is. A dispute names its charge only: whoever paid that is whom it concerns."""
    name = payload.get("type")
    kind = OBJECTS.get(name, "") if isinstance(name, str) else ""
    payload_reader = PayloadReader(payload, "payload").below("data").below("object")
    claimed = Claim() if kind == DISPUTE else claim(custom_data(payload_reader, naming.account_key), naming, PROVIDER)
    customer, charge = payload_reader.reference("customer"), _charge(kind, payload_reader)
    subscription = _subscription(kind, payload_reader)
    return Routing(
        claim=claimed.account,
        unusable_claim=claimed.unusable,
        kept_claim=claimed.kept,
        signed=claimed.signed,
        customer=binding("customer", customer) if customer else None,
        subscription=binding(SUBSCRIPTION, subscription) if subscription else None,
        order=binding(CHARGE, charge) if charge else None,
        within=tuple(_paid_by(payload_reader)) if kind == CHARGE else (),
        parts=tuple(_paid_with(payload_reader)) if kind == INVOICE else (),
        is_charge=kind == CHARGE,
        needs_subscription=kind == INVOICE,
        needs_order=kind == DISPUTE,
        fallback=f"{PROVIDER}-{customer}" if customer else None,
    )


def _charge(kind: str, payload_reader: PayloadReader) -> str | None:
    """Return the charge: only its own events make it known, as only they say who paid."""
    return (
        payload_reader.identifier("id")
        if kind == CHARGE
        else payload_reader.reference("charge")
        if kind == DISPUTE
        else None
    )


def _paid_by(charge: PayloadReader) -> Iterator[str]:
    """Yield what a charge pays: its invoice until 2025, and the payment intent that both name."""
    if invoice := charge.reference("invoice"):
        yield binding(INVOICE, invoice)
    if intent := charge.reference("payment_intent"):
        yield binding(_INTENT, intent)


def _paid_with(invoice: PayloadReader) -> Iterator[str]:
    """Yield the names under which a charge may name an invoice, or be named by it."""
    if ident := invoice.identifier("id"):
        yield binding(INVOICE, ident)
    if intent := intent_of(invoice):
        yield binding(_INTENT, intent)
    if charge := invoice.reference("charge"):
        yield binding(CHARGE, charge)


def _subscription(kind: str, payload_reader: PayloadReader) -> str | None:
    return (
        payload_reader.identifier("id")
        if kind == SUBSCRIPTION
        else subscription_of(payload_reader)
        if kind == INVOICE
        else None
    )
