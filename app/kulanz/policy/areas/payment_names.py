"""The one name of a payment: an order and the invoice that it paid are the same money."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from kulanz.policy.book import Book
from kulanz.policy.book.provider import Invoice, Order
from kulanz.policy.facts import BillingReason

_TOGETHER = timedelta(hours=1)
"""How far apart the making of a charge and the news that an invoice is paid may be and still be one payment."""


def payment_of(key: str, book: Book) -> str:
    """Return the order's name where an invoice is the first of its subscription, or where a link is known."""
    invoice = book.invoice(key)
    if invoice is None or not book.orders:
        return _first_order(invoice, book) or key
    money = _money(invoice, book)
    if money:
        return next((name for name, order in sorted(book.orders.items()) if _is_one_of(name, order, money)), key)
    return _first_order(invoice, book) or _only_match(invoice, book) or key


def _first_order(invoice: Invoice | None, book: Book) -> str | None:
    if invoice is None or invoice.seen.reason is not BillingReason.INITIAL:
        return None
    sub = book.subscriptions.get(invoice.seen.subscription)
    return sub.seen.order if sub else None


def _money(invoice: Invoice, book: Book) -> frozenset[str]:
    link = book.payment_links.get(invoice.seen.key)
    return frozenset([*(link.money if link else ()), *([invoice.seen.money] if invoice.seen.money else [])])


def _is_one_of(name: str, order: Order, money: frozenset[str]) -> bool:
    return name in money or order.seen.money in money


def _only_match(invoice: Invoice, book: Book) -> str | None:
    """Return the charge that paid an invoice where no link is known, if only one can have paid only this one.

    Since 2025 Stripe's invoices and charges do not name each other; the event that names both may not be sent.
    """
    orders = [name for name, order in book.orders.items() if _may_have_paid(name, order, invoice)]
    if len(orders) != 1:
        return None
    (name,) = orders
    paid = [other for other in _unlinked(book) if _may_have_paid(name, book.orders[name], other)]
    return name if len(paid) == 1 and not _is_linked(name, book) else None


def _may_have_paid(name: str, order: Order, invoice: Invoice) -> bool:
    sold, billed = order.seen, invoice.seen
    if sold.money is None or sold.created_at is None or invoice.paid_at is None:
        return False
    same = (sold.customer, sold.currency, sold.total) == (billed.customer, billed.currency, billed.total)
    return (
        same
        and name.partition(":")[0] == billed.key.partition(":")[0]
        and abs(sold.created_at - invoice.paid_at) <= _TOGETHER
    )


def _unlinked(book: Book) -> Iterator[Invoice]:
    for invoices in book.invoices.values():
        yield from (invoice for invoice in invoices.known.values() if not _money(invoice, book))


def _is_linked(name: str, book: Book) -> bool:
    """Whether a charge is known to have paid an invoice."""
    order = book.orders[name]
    linked = (_money(invoice, book) for invoices in book.invoices.values() for invoice in invoices.known.values())
    return any(_is_one_of(name, order, money) for money in linked)
