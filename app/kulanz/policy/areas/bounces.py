"""Direct debits that the bank returned days later (SEPA, ACH, Bacs): sent as disputes, mostly failed payments."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from kulanz.policy.areas.payment_names import payment_of
from kulanz.policy.book import Book
from kulanz.policy.book.provider import Dispute, Invoice
from kulanz.policy.document.rules import DisputeRules
from kulanz.policy.facts import DisputeStatus, OrderStatus
from kulanz.policy.state.terms import Terms

_REASONS = frozenset({"insufficient_funds", "bank_cannot_process", "incorrect_account_details", "debit_not_authorized"})
_RETURNED = frozenset({DisputeStatus.OPENED, DisputeStatus.UNDER_REVIEW, DisputeStatus.LOST, DisputeStatus.ACCEPTED})
_PAID_ORDERS = frozenset({OrderStatus.PAID, OrderStatus.PARTIAL_REFUND})


def replaces(dispute: Dispute, rules: DisputeRules) -> bool:
    """Whether a dispute counts as a failed payment, not as a chargeback."""
    return rules.bounced == "failed_payment" and _is_returned(dispute)


def is_reviewed(dispute: Dispute, rules: DisputeRules) -> bool:
    """Whether operators decide about a returned debit."""
    return rules.bounced == "review" and _is_returned(dispute)


def returned(book: Book, terms: Terms) -> dict[str, datetime]:
    """Return the invoices whose payment the bank returned, unpaid since, each with the time of the return."""
    if not book.disputes:
        return {}
    bounced: dict[str, datetime] = {}
    for dispute in book.disputes.values():
        if not replaces(dispute, terms.of(dispute.seen.key, dispute.opened_at, book).dispute):
            continue
        for invoice in _invoices(dispute, book):
            if not _is_paid_since(invoice, dispute, book):
                key = invoice.seen.key
                bounced[key] = min(bounced.get(key, dispute.opened_at), dispute.opened_at)
    return bounced


def _is_returned(dispute: Dispute) -> bool:
    return dispute.seen.reason in _REASONS and dispute.seen.status in _RETURNED


def _invoices(dispute: Dispute, book: Book) -> Iterator[Invoice]:
    """Yield the invoices of the disputed payment: by its own name, or as its order or the same money paid them."""
    named = {key for key in (dispute.seen.payment, dispute.seen.order) if key}
    orders = [order for name in named if (order := book.orders.get(name)) is not None]
    money = {order.seen.money for order in orders} - {None}
    for invoices in book.invoices.values():
        for key, invoice in invoices.known.items():
            if key in named or invoice.seen.money in money or payment_of(key, book) in named:
                yield invoice


def _is_paid_since(invoice: Invoice, dispute: Dispute, book: Book) -> bool:
    """Whether a success of the invoice without a bounce is known, or a later charge of that customer for as much."""
    seen = invoice.seen
    if invoice.paid_at is not None and invoice.paid_at > dispute.opened_at:
        return True
    charges = [
        (other.seen.customer, other.seen.currency, other.seen.total, other.paid_at)
        for invoices in book.invoices.values()
        for other in invoices.known.values()
        if not other.void
    ]
    charges += [
        (order.seen.customer, order.seen.currency, order.seen.total, order.seen.created_at)
        for order in book.orders.values()
        if order.seen.status in _PAID_ORDERS
    ]
    return any(
        customer == seen.customer
        and currency == seen.currency
        and total >= seen.total
        and at is not None
        and at > dispute.opened_at
        for customer, currency, total, at in charges
    )
