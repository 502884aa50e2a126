"""Stripe's objects as the newest version writes them, in test mode; every value is invented."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Document = dict[str, Any]
AUTOMATICALLY, BY_HAND = "charge_automatically", "send_invoice"
_METHODS: Mapping[str, Document] = {
    "card": {"brand": "visa", "exp_month": 11, "exp_year": 2029, "last4": "4242", "network": "visa"},
    "sepa_debit": {"bank_code": "19043", "country": "AT", "last4": "3000"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A quantity of a price."""

    price: str
    quantity: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StripePurchase:
    """A subscription with its buyer."""

    customer: str
    subscription: str
    items: tuple[Item, ...]
    email: str
    account: str | None = "org_42"
    """Written into the subscription's metadata; None: nothing was."""
    began: datetime
    period: timedelta = timedelta(days=30)
    trial: timedelta | None = None
    collection: str = AUTOMATICALLY
    days_until_due: int = 30
    """Where invoices are sent."""
    debit: bool = False
    """Whether it is paid by a direct debit, which takes days and may bounce."""

    @property
    def metadata(self) -> Document:
        """Metadata that the merchant's checkout wrote."""
        return {} if self.account is None else {"account_id": self.account}


@dataclass(frozen=True, slots=True, kw_only=True)
class CataloguePrice:
    """Price of one unit for a period."""

    id: str
    product: str
    amount: int
    currency: str = "eur"
    days: int = 30


def seconds(at: datetime) -> int:
    """Return an instant as Stripe writes it."""
    return int(at.timestamp())


def listed(data: Sequence[Document], url: str) -> Document:
    """Return a list inside an object."""
    return {"object": "list", "data": list(data), "has_more": False, "total_count": len(data), "url": url}


def price(known: CataloguePrice) -> Document:
    """Return a price."""
    recurring = {
        "interval": "day",
        "interval_count": known.days,
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }
    return {
        "id": known.id,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": 1767225600,
        "currency": known.currency,
        "livemode": False,
        "metadata": {},
        "nickname": None,
        "product": known.product,
        "recurring": recurring,
        "tax_behavior": "inclusive",
        "type": "recurring",
        "unit_amount": known.amount,
        "unit_amount_decimal": str(known.amount),
    }


def _plan(known: CataloguePrice) -> Document:
    return {
        "id": known.id,
        "object": "plan",
        "active": True,
        "amount": known.amount,
        "billing_scheme": "per_unit",
        "created": 1767225600,
        "currency": known.currency,
        "interval": "day",
        "interval_count": known.days,
        "livemode": False,
        "product": known.product,
        "usage_type": "licensed",
    }


def customer(purchase: StripePurchase, at: datetime) -> Document:
    """Return the customer."""
    return {
        "id": purchase.customer,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": seconds(at),
        "currency": "eur",
        "delinquent": False,
        "description": None,
        "email": purchase.email,
        "livemode": False,
        "metadata": {},
        "name": "Änne Öztürk",
        "phone": None,
    }


def subscription_item(
    ident: str, subscription: str, known: CataloguePrice, quantity: int, period: tuple[datetime, datetime]
) -> Document:
    """Return one item of a subscription, with a period of its own."""
    began, ends = period
    return {
        "id": ident,
        "object": "subscription_item",
        "created": seconds(began),
        "current_period_end": seconds(ends),
        "current_period_start": seconds(began),
        "discounts": [],
        "metadata": {},
        "plan": _plan(known),
        "price": price(known),
        "quantity": quantity,
        "subscription": subscription,
        "tax_rates": [],
    }


def subscription(purchase: StripePurchase, items: Sequence[Document], at: datetime, *, status: str) -> Document:
    """Return a subscription with its items."""
    by_hand = purchase.collection == BY_HAND
    trial_end = None if purchase.trial is None else seconds(at + purchase.trial)
    return {
        "id": purchase.subscription,
        "object": "subscription",
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": seconds(at + (purchase.trial or timedelta())),
        "billing_mode": {"type": "classic"},
        "billing_schedules": [],
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "collection_method": purchase.collection,
        "created": seconds(at),
        "currency": "eur",
        "customer": purchase.customer,
        "days_until_due": purchase.days_until_due if by_hand else None,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": listed(items, f"/v1/subscription_items?subscription={purchase.subscription}"),
        "latest_invoice": None,
        "livemode": False,
        "metadata": purchase.metadata,
        "pause_collection": None,
        "pending_update": None,
        "schedule": None,
        "start_date": seconds(at),
        "status": status,
        "trial_end": trial_end,
        "trial_start": None if trial_end is None else seconds(at),
    }


def line(ident: str, item: Document, amount: int, *, proration: bool = False) -> Document:
    """Return a line of an invoice, of one item for one period."""
    period = {"end": item["current_period_end"], "start": item["current_period_start"]}
    details = {
        "invoice_item": None,
        "proration": proration,
        "subscription": item["subscription"],
        "subscription_item": item["id"],
    }
    named = {"price": item["price"]["id"], "product": item["price"]["product"]}
    return {
        "id": ident,
        "object": "line_item",
        "amount": amount,
        "currency": item["price"]["currency"],
        "description": None,
        "discountable": not proration,
        "discounts": [],
        "livemode": False,
        "metadata": {},
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": details,
            "type": "subscription_item_details",
        },
        "period": period,
        "pricing": {
            "price_details": named,
            "type": "price_details",
            "unit_amount_decimal": item["price"]["unit_amount_decimal"],
        },
        "priced": item["price"],
        "quantity": item["quantity"],
        "subtotal": amount,
    }


def invoice(
    ident: str, purchase: StripePurchase, metadata: Document, lines: Sequence[Document], at: datetime, *, reason: str
) -> Document:
    """Return a draft invoice."""
    total = sum(entry["amount"] for entry in lines)
    details = {"metadata": metadata, "subscription": purchase.subscription}
    parent = {"quote_details": None, "subscription_details": details, "type": "subscription_details"}
    unset = dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at"))
    return {
        "id": ident,
        "object": "invoice",
        "amount_due": total,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": total,
        "amount_shipping": 0,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None, "provider": None},
        "billing_reason": reason,
        "collection_method": purchase.collection,
        "created": seconds(at),
        "currency": "eur",
        "customer": purchase.customer,
        "customer_email": purchase.email,
        "customer_name": "Änne Öztürk",
        "default_tax_rates": [],
        "discounts": [],
        "due_date": None,
        "hosted_invoice_url": None,
        "issuer": {"type": "self"},
        "lines": listed(lines, f"/v1/invoices/{ident}/lines"),
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "parent": parent,
        "payment_settings": {"default_mandate": None, "payment_method_types": None},
        "payments": listed((), f"/v1/invoice_payments?invoice={ident}"),
        "paid_with": None,
        "period_end": seconds(at),
        "period_start": seconds(at),
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "starting_balance": 0,
        "status": "draft",
        "status_transitions": unset,
        "subtotal": total,
        "total": total,
        "total_discount_amounts": [],
        "total_taxes": [],
    }


def payment_intent(ident: str, of: Document, at: datetime, methods: Iterable[str]) -> Document:
    """Return the way to pay an invoice."""
    return {
        "id": ident,
        "object": "payment_intent",
        "amount": of["amount_due"],
        "amount_capturable": 0,
        "amount_received": 0,
        "capture_method": "automatic",
        "confirmation_method": "automatic",
        "created": seconds(at),
        "currency": of["currency"],
        "customer": of["customer"],
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "payment_method_types": list(methods),
        "pays_for": of["id"],
        "status": "requires_payment_method",
    }


def charge(ident: str, intent: Document, email: str, at: datetime, *, status: str) -> Document:
    """Return one attempt to take money."""
    method = intent["payment_method_types"][0]
    return {
        "id": ident,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if status == "succeeded" else 0,
        "amount_refunded": 0,
        "billing_details": {"address": None, "email": email, "name": "Änne Öztürk", "phone": None, "tax_id": None},
        "captured": status != "failed",
        "created": seconds(at),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": "Subscription creation",
        "disputed": False,
        "failure_code": "card_declined" if status == "failed" else None,
        "failure_message": None,
        "livemode": False,
        "metadata": {},
        "paid": status != "failed",
        "payment_intent": intent["id"],
        "payment_method": None,
        "payment_method_details": {method: dict(_METHODS[method]), "type": method},
        "pays_for": intent["pays_for"],
        "receipt_email": None,
        "refunded": False,
        "status": status,
    }


def invoice_payment(ident: str, of: Document, intent: Document, at: datetime) -> Document:
    """Return the link of a payment to its invoice; it has another id at every payment."""
    return {
        "id": ident,
        "object": "invoice_payment",
        "amount_paid": of["amount_due"],
        "amount_requested": of["amount_due"],
        "created": seconds(at),
        "currency": of["currency"],
        "invoice": of["id"],
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": seconds(at)},
    }


def refund(ident: str, of: Document, amount: int, metadata: Document, at: datetime) -> Document:
    """Return a refund."""
    return {
        "id": ident,
        "object": "refund",
        "amount": amount,
        "charge": of["id"],
        "created": seconds(at),
        "currency": of["currency"],
        "metadata": metadata,
        "payment_intent": of["payment_intent"],
        "reason": None,
        "status": "succeeded",
    }


ANSWER_WITHIN = timedelta(days=14)
"""How long a bank waits for an answer to a dispute."""


def dispute(ident: str, of: Document, amount: int, at: datetime, **said: str) -> Document:
    """Return a dispute; `said` are its reason and its status."""
    status = said["status"]
    return {
        "id": ident,
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": of["id"],
        "created": seconds(at),
        "currency": of["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": seconds(at + ANSWER_WITHIN) if status.endswith("needs_response") else None,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": status.startswith("warning"),
        "livemode": False,
        "metadata": {},
        "payment_intent": of["payment_intent"],
        "payment_method_details": _disputed_with(of, status),
        **said,
    }


def _disputed_with(of: Document, status: str) -> Document | None:
    """Return the card; a debit has no word of its own."""
    if "card" not in of["payment_method_details"]:
        return None
    case_type = "inquiry" if status.startswith("warning") else "chargeback"
    card = {"brand": "visa", "case_type": case_type, "network": "visa", "network_reason_code": "10"}
    return {"card": card, "type": "card"}


def fraud_warning(ident: str, of: Document, at: datetime) -> Document:
    """Return a bank's early warning of a charge."""
    return {
        "id": ident,
        "object": "radar.early_fraud_warning",
        "actionable": True,
        "charge": of["id"],
        "created": seconds(at),
        "fraud_type": "made_with_stolen_card",
        "livemode": False,
        "payment_intent": of["payment_intent"],
    }
