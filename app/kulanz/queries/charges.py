"""Documents of an account's charges: from its invoices and orders, each payment once."""

from __future__ import annotations

from kulanz.policy.areas.refunds.payments import payments
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.state.refunds import Payment
from kulanz.queries import values
from kulanz.queries.views import JsonDocument, view
from kulanz.services import Services


def charges(services: Services, name: str) -> JsonDocument:
    """Return every charge that the provider reported for an account, the oldest first."""
    with services.database.read() as conn:
        account = view(services, conn, name).account
    return {"account_id": account.id, "charges": [_charge(payment) for payment in payments(account.book)]}


def _charge(payment: Payment) -> JsonDocument:
    return {
        "id": values.own_id(payment.key),
        "order_id": values.own_id(payment.order),
        "invoice_id": values.own_id(payment.invoice),
        "subscription_id": values.own_id(payment.subscription),
        "product": payment.product or None,
        "reason": str(payment.reason) if payment.reason else None,
        "at": rfc3339(payment.at),
        "paid": payment.paid,
        "total": payment.total,
        "tax": payment.tax,
        "refunded": payment.refunded,
        "currency": payment.currency,
        "decimals": values.decimals(payment.currency, payment.decimals),
    }
