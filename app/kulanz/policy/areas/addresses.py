"""Where the customer of a subscription is written to."""

from __future__ import annotations

from kulanz.policy.book import Book


def mail_address(subscription: str, book: Book) -> str | None:
    """Return the `user_email` of a subscription, or of its newest invoice or buyer; or of a single order."""
    sub = book.subscriptions.get(subscription)
    if sub is None:
        return _buyer(subscription, book)
    if sub.seen.email:
        return sub.seen.email
    invoices = book.invoices.get(subscription)
    facts = [invoice.seen for invoice in invoices.known.values() if invoice.seen.email] if invoices else []
    if facts:
        return max(facts, key=lambda seen: (seen.stamp, seen.key)).email
    customer = book.customers.get(sub.seen.customer)
    return customer.seen.email if customer else None


def _buyer(order: str, book: Book) -> str | None:
    """Return where to write to about something that was sold once."""
    sold = book.orders.get(order)
    if sold is None or sold.seen.email:
        return sold.seen.email if sold else None
    customer = book.customers.get(sold.seen.customer)
    return customer.seen.email if customer else None
