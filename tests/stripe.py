"""Stripe's deliveries for tests: a builder for each kind of object, the bytes of the wire, and the signature.

subscription("updated", at=MONDAY, status="past_due", previous={"status": "active"})
invoice("payment_failed", at=MONDAY, purchase=Purchase(account="org_7"))
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from kulanz.providers.timed_signing import stripe_signature
from tests.purchase import MONDAY, Bought, Payload, written

SECRET = "whsec_a-secret-of-the-shop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase(Bought):
    """The same, with the provider's ids."""

    customer: str = "cus_NffrFeUfNV2Hib"
    subscription: str = "sub_1MowQVLkdIwHu7ix"
    price: str = "price_pro"
    product: str = "prod_NWjs8kKbJWmuuc"
    invoice: str = "in_1MtHbELkdIwHu7ix"
    charge: str = "ch_3MmlLrLkdIwHu7ix"
    dispute: str = "du_1MtJUT2eZvKYlo2C"
    currency: str = "eur"


BOUGHT = Purchase()


def event(name: str, document: Payload, *, at: datetime, previous: Payload | None = None, **around: Any) -> Payload:
    data: Payload = {"object": written(document, seconds)} | ({"previous_attributes": previous} if previous else {})
    content = sha256(json.dumps([name, seconds(at), data]).encode()).hexdigest()
    return {
        "id": f"evt_{content[:24]}",
        "object": "event",
        "api_version": "2025-09-30.clover",
        "created": seconds(at),
        "data": data,
        "livemode": True,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": name,
        **around,
    }


def subscription(
    name: str = "updated",
    *,
    at: datetime = MONDAY,
    purchase: Purchase = BOUGHT,
    previous: Payload | None = None,
    around: Payload | None = None,
    **told: Any,
) -> Payload:
    ends = purchase.period_end(at)
    price = {"id": purchase.price, "object": "price", "product": purchase.product, "unit_amount": purchase.amount}
    item = {
        "id": "si_1",
        "object": "subscription_item",
        "price": price,
        "quantity": 1,
        "current_period_start": seconds(ends - purchase.period),
        "current_period_end": seconds(ends),
    }
    whole = {
        "id": purchase.subscription,
        "object": "subscription",
        "customer": purchase.customer,
        "status": "active",
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "collection_method": "charge_automatically",
        "created": purchase.began,
        "currency": purchase.currency,
        "ended_at": None,
        "items": {"object": "list", "data": [item], "has_more": False},
        "livemode": True,
        "metadata": purchase.metadata,
        "pause_collection": None,
        "trial_end": None,
        "trial_start": None,
    }
    return event(f"customer.subscription.{name}", whole | told, at=at, previous=previous, **(around or {}))


def invoice(name: str, *, at: datetime = MONDAY, purchase: Purchase = BOUGHT, **told: Any) -> Payload:
    paid = name in {"paid", "payment_succeeded"}
    details = {"metadata": purchase.metadata, "subscription": purchase.subscription}
    whole = {
        "id": purchase.invoice,
        "object": "invoice",
        "amount_due": purchase.amount,
        "amount_paid": purchase.amount if paid else 0,
        "attempt_count": 1,
        "billing_reason": "subscription_cycle",
        "created": at,
        "currency": purchase.currency,
        "customer": purchase.customer,
        "customer_email": purchase.email,
        "livemode": True,
        "metadata": {},
        "parent": {"type": "subscription_details", "quote_details": None, "subscription_details": details},
        "status": {"voided": "void", "marked_uncollectible": "uncollectible"}.get(name, "paid" if paid else "open"),
        "subtotal": purchase.amount,
        "total": purchase.amount,
        "total_discount_amounts": [],
        "total_taxes": [{"amount": 782, "tax_behavior": "inclusive", "type": "tax_rate_details"}],
    }
    return event(f"invoice.{name}", whole | told, at=at)


def charge(name: str, *, at: datetime = MONDAY, purchase: Purchase = BOUGHT, **told: Any) -> Payload:
    refunded = name == "refunded"
    whole = {
        "id": purchase.charge,
        "object": "charge",
        "amount": purchase.amount,
        "amount_refunded": purchase.amount if refunded else 0,
        "billing_details": {"email": purchase.email, "name": "Anne"},
        "created": purchase.began,
        "currency": purchase.currency,
        "customer": purchase.customer,
        "disputed": False,
        "livemode": True,
        "metadata": {},
        "paid": True,
        "payment_intent": "pi_3MmlLrLkdIwHu7ix",
        "refunded": refunded,
        "status": "succeeded",
    }
    return event(f"charge.{name}", whole | told, at=at)


def invoice_payment(
    *, at: datetime = MONDAY, purchase: Purchase = BOUGHT, payment_intent: str = "pi_3MmlLrLkdIwHu7ix", **told: Any
) -> Payload:
    whole = {
        "id": f"inpay_{purchase.invoice}",
        "object": "invoice_payment",
        "amount_paid": purchase.amount,
        "amount_requested": purchase.amount,
        "created": at,
        "currency": purchase.currency,
        "invoice": purchase.invoice,
        "is_default": True,
        "livemode": True,
        "payment": {"type": "payment_intent", "payment_intent": payment_intent},
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": seconds(at)},
    }
    return event("invoice_payment.paid", whole | told, at=at)


def dispute(name: str = "created", *, at: datetime = MONDAY, purchase: Purchase = BOUGHT, **told: Any) -> Payload:
    status = {"created": "needs_response", "closed": "won"}.get(name, "under_review")
    taken = {"amount": -purchase.amount, "currency": purchase.currency, "fee": 1500, "net": -purchase.amount - 1500}
    whole = {
        "id": purchase.dispute,
        "object": "dispute",
        "amount": purchase.amount,
        "balance_transactions": [taken],
        "charge": purchase.charge,
        "created": at,
        "currency": purchase.currency,
        "livemode": True,
        "metadata": {},
        "payment_intent": "pi_3MmlLrLkdIwHu7ix",
        "reason": "fraudulent",
        "status": status,
    }
    return event(f"charge.dispute.{name}", whole | told, at=at)


def customer(name: str = "created", *, at: datetime = MONDAY, purchase: Purchase = BOUGHT, **told: Any) -> Payload:
    whole = {
        "id": purchase.customer,
        "object": "customer",
        "created": at,
        "email": purchase.email,
        "livemode": True,
        "metadata": {},
    }
    return event(f"customer.{name}", whole | told, at=at)


def checkout(*, at: datetime = MONDAY, purchase: Purchase = BOUGHT, **told: Any) -> Payload:
    whole = {
        "id": f"cs_test_{sha256(purchase.subscription.encode()).hexdigest()[:58]}",
        "object": "checkout.session",
        "client_reference_id": None,
        "created": at,
        "customer": purchase.customer,
        "livemode": True,
        "metadata": {},
        "mode": "subscription",
        "payment_intent": None,
        "payment_status": "paid",
        "status": "complete",
        "subscription": purchase.subscription,
    }
    return event("checkout.session.completed", whole | told, at=at)


def fraud_warning(name: str = "created", *, at: datetime = MONDAY, purchase: Purchase = BOUGHT, **told: Any) -> Payload:
    whole = {
        "id": f"issfr_{purchase.charge}",
        "object": "radar.early_fraud_warning",
        "actionable": name == "created",
        "charge": purchase.charge,
        "created": at,
        "fraud_type": "made_with_stolen_card",
        "livemode": True,
        "payment_intent": "pi_3MmlLrLkdIwHu7ix",
    }
    return event(f"radar.early_fraud_warning.{name}", whole | told, at=at)


def seconds(at: datetime) -> int:
    return int(at.timestamp())


def wire(payload: object) -> bytes:
    """The bytes of a delivery: Stripe indents."""
    return json.dumps(payload, indent=2).encode()


def delivery(payload: Payload, secret: str = SECRET, at: int | None = None) -> tuple[bytes, dict[str, str]]:
    """The body of a payload, and the headers that come with it."""
    body = wire(payload)
    signature = stripe_signature(body, secret.encode(), int(time.time()) if at is None else at)
    return body, {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}
