"""Documents of an account's charges: from its invoices and orders, each payment once."""

from __future__ import annotations

from kulanz.documents.purchases import Charge, Charges
from kulanz.policy.areas.refunds.payments import payments
from kulanz.policy.state.refunds import Payment
from kulanz.queries import values
from kulanz.queries.views import view
from kulanz.services import Services


def charges(services: Services, name: str) -> Charges:
    """Return every charge that the provider reported for an account, the oldest first."""
    with services.database.read() as conn:
        account = view(services, conn, name).account
    return Charges(account_id=account.id, charges=tuple(map(_charge, payments(account.book))))


def _charge(payment: Payment) -> Charge:
    return Charge.of(
        payment,
        id=values.own_id(payment.key),
        order_id=values.own_id(payment.order),
        invoice_id=values.own_id(payment.invoice),
        subscription_id=values.own_id(payment.subscription),
        product=payment.product or None,
        decimals=values.decimals(payment.currency, payment.decimals),
    )
