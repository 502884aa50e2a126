"""The mail address of a subscription's customer: the newest one that the provider sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from kulanz.policy.book import Book
from kulanz.policy.facts import CustomerSeen, InvoiceSeen, OrderSeen, SubscriptionSeen

_Told = SubscriptionSeen | InvoiceSeen | OrderSeen | CustomerSeen


class _Record(Protocol):
    """Protocol of a record in the book: one object of the provider with its newest snapshot."""

    @property
    def seen(self) -> _Told:
        """Its newest snapshot."""


class Contact(NamedTuple):
    """The customer's name and mail address, as far as the provider sent them."""

    name: str | None
    mail: str | None


def mail_address(subscription: str, book: Book) -> str | None:
    """Return the newest address of a subscription or of its customer; or of a single order.

    An invoice's address counts only if both have none: it keeps the address that it was sent to.
    """
    sub = book.subscriptions.get(subscription)
    sold = sub or book.orders.get(subscription)
    if sold is None:
        return None
    told: list[_Told] = [sold.seen, *_customers(sold.seen.customer, book)]
    return _newest(told) or (_newest(_invoices(subscription, book)) if sub else None)


def contact(book: Book) -> Contact:
    """Return the newest name and address of any purchase of the account; without one, those of an invoice."""
    records: tuple[Mapping[str, _Record], ...] = (book.subscriptions, book.orders, book.customers)
    told: list[_Told] = [record.seen for each in records for record in each.values()]
    billed = [invoice for key in book.invoices for invoice in _invoices(key, book)]
    return Contact(name=_newest_name(told) or _newest_name(billed), mail=_newest(told) or _newest(billed))


def _newest(told: list[_Told]) -> str | None:
    known = [seen for seen in told if seen.email]
    return max(known, key=lambda seen: (seen.stamp, seen.key)).email if known else None


def _newest_name(told: list[_Told]) -> str | None:
    known = [seen for seen in told if seen.name]
    return max(known, key=lambda seen: (seen.stamp, seen.key)).name if known else None


def _invoices(subscription: str, book: Book) -> list[_Told]:
    invoices = book.invoices.get(subscription)
    return [invoice.seen for invoice in invoices.known.values()] if invoices else []


def _customers(customer: str, book: Book) -> Iterator[CustomerSeen]:
    if customer in book.customers:
        yield book.customers[customer].seen
