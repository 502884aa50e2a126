"""Where the customer of a subscription is written to."""

from __future__ import annotations

from app.policy.book import Book


def mail_address(subscription: str, book: Book) -> str | None:
    """Return the `user_email` of a subscription, or of its newest invoice, or of who bought it."""
    sub = book.subscriptions.get(subscription)
    if sub is None or sub.seen.email:
        return sub.seen.email if sub else None
    invoices = book.invoices.get(subscription)
    told = [one.seen for one in invoices.known.values() if one.seen.email] if invoices else []
    if told:
        return max(told, key=lambda seen: (seen.stamp, seen.key)).email
    customer = book.customers.get(sub.seen.customer)
    return customer.seen.email if customer else None
