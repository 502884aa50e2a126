"""The charges of an account, as documents: what its invoices and orders say, each money once."""

from __future__ import annotations

from kulanz.formats.money import decimals_of
from kulanz.policy.areas.refunds.payments import payments
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.state.refunds import Payment
from kulanz.queries.views import JsonDocument, view
from kulanz.services import Services


def charges(services: Services, name: str) -> JsonDocument:
    """Return every charge that the provider told of an account, the oldest first."""
    with services.database.read() as conn:
        account = view(services, conn, name).account
    return {"account_id": account.id, "charges": [_charge(payment) for payment in payments(account.book)]}


def _charge(payment: Payment) -> JsonDocument:
    return {
        "id": _own(payment.key),
        "order_id": _own(payment.order),
        "invoice_id": _own(payment.invoice),
        "subscription_id": _own(payment.subscription),
        "product": payment.product or None,
        "reason": str(payment.reason) if payment.reason else None,
        "at": rfc3339(payment.at),
        "paid": payment.paid,
        "total": payment.total,
        "tax": payment.tax,
        "refunded": payment.refunded,
        "currency": payment.currency,
        "decimals": decimals_of(payment.currency) if payment.decimals is None else payment.decimals,
    }


def _own(key: str | None) -> str | None:
    """Return the provider's own id."""
    return key.partition(":")[2] if key else None
