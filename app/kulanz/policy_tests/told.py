"""Builders of facts from a provider or a person: one customer, one subscription, one renewal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from kulanz.policy import facts as f
from kulanz.policy.facts import (
    BillingReason,
    DisputeStatus,
    InvoiceStatus,
    OrderStatus,
    OverrideKind,
    Stamp,
    Status,
)

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LONG_AGO = MONDAY - 29 * DAY

SUB = "lemonsqueezy:421953"
OTHER = "lemonsqueezy:421954"
OWNER = "lemonsqueezy:3083767"
STRANGER = "lemonsqueezy:6660000"
ORDER = "lemonsqueezy:2882321"
INVOICE = "lemonsqueezy:1134999"
NEXT_INVOICE = "lemonsqueezy:1140000"
PRICE = 1999
PRO, ENTERPRISE, SEATS = "lemonsqueezy:394420", "lemonsqueezy:394421", "lemonsqueezy:394500"


def a_subscription(status: Status = Status.ACTIVE, at: datetime = LONG_AGO, **told: Any) -> f.SubscriptionSeen:
    """Return a snapshot of the owner's professional subscription, with the given fields changed."""
    existing_document: dict[str, Any] = {
        "key": SUB,
        "customer": OWNER,
        "variant": PRO,
        "product": "professional",
        "email": "owner@example.com",
        "order": ORDER,
        "created_at": LONG_AGO,
    }
    rank = {Status.CANCELLED: 7, Status.EXPIRED: 8}.get(status, 1)
    return f.SubscriptionSeen(**{**existing_document, "stamp": Stamp(at, rank), "status": status, **told})


def an_invoice(at: datetime, status: InvoiceStatus = InvoiceStatus.PENDING, **told: Any) -> f.InvoiceSeen:
    """Return a snapshot of the invoice of the renewal on MONDAY."""
    existing_document: dict[str, Any] = {
        "key": INVOICE,
        "subscription": SUB,
        "reason": BillingReason.RENEWAL,
        "currency": "EUR",
        "total": PRICE,
        "customer": OWNER,
        "created_at": MONDAY,
    }
    return f.InvoiceSeen(**{**existing_document, "stamp": Stamp(at), "status": status, **told})


def a_failure(at: datetime = MONDAY, **told: Any) -> f.PaymentFailed:
    """Return a failed charge."""
    return f.PaymentFailed(invoice=an_invoice(at, **told), at=at)


def a_success(at: datetime, **told: Any) -> f.PaymentSucceeded:
    """Return a charge that went through, at once or after failures."""
    return f.PaymentSucceeded(invoice=an_invoice(at, InvoiceStatus.PAID, **told), at=at)


def an_order(status: OrderStatus, at: datetime, **told: Any) -> f.OrderSeen:
    """Return a snapshot of the order with which the owner bought the subscription."""
    existing_document: dict[str, Any] = {"key": ORDER, "customer": OWNER, "currency": "EUR", "total": PRICE}
    return f.OrderSeen(**{**existing_document, "stamp": Stamp(at), "status": status, **told})


_DISPUTE_RANKS = {status: min(rank, 4) for rank, status in enumerate(DisputeStatus, start=1)}


def a_dispute(status: DisputeStatus, at: datetime, **told: Any) -> f.DisputeSeen:
    """Return a snapshot of a chargeback by the owner, opened on MONDAY."""
    existing_document: dict[str, Any] = {
        "key": "lemonsqueezy:d1",
        "opened_at": MONDAY,
        "amount": PRICE,
        "currency": "EUR",
        "customer": OWNER,
        "reason": "fraudulent",
    }
    return f.DisputeSeen(**{**existing_document, "stamp": Stamp(at, _DISPUTE_RANKS[status]), "status": status, **told})


def an_override(kind: OverrideKind, at: datetime, until: datetime | None = None, **told: Any) -> f.OverrideSet:
    """Return an operator's exception."""
    return f.OverrideSet(
        **{"id": f"ov-{kind}", "kind": kind, "at": at, "until": until, "actor": "ada", "reason": "goodwill", **told}
    )
