"""Sums what transfers recorded by hand have paid of an invoice, from the book: the order of arrival does not matter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from kulanz.policy.book import Book
from kulanz.policy.book.add_ons import taken_off
from kulanz.policy.book.collections import Transfer
from kulanz.policy.book.provider import Invoice
from kulanz.policy.facts.collecting import PaymentRecorded, Share

SAME_RENEWAL = timedelta(days=1)
"""How far apart a snapshot's trouble and the beginning of an invoice may be and still be one renewal."""


def credited(book: Book, invoice: Invoice) -> int:
    """Return the sum of the transfers for an invoice, also while only a snapshot speaks of it."""
    if not book.transfers:
        return 0
    return sum(share.amount for share in _shares(book) if _is_for(share, invoice))


def outstanding(book: Book, invoice: Invoice) -> int:
    """Return the debt of an invoice: neither refunded nor withdrawn from nor transferred."""
    return max(claimed(book, invoice) - credited(book, invoice), 0)


def claimed(book: Book, invoice: Invoice) -> int:
    """Return the amount that an invoice may ask for: less refunds and, while it is unpaid, withdrawn bookings."""
    withdrawn = taken_off(book.add_ons, invoice.seen.key) if book.add_ons and not invoice.paid else 0
    return max(invoice.seen.total - invoice.refunded - withdrawn, 0)


def settled(book: Book, invoice: Invoice) -> bool:
    """Whether transfers have paid an invoice: money for it has arrived, so it has no case (I10)."""
    return bool(book.transfers) and credited(book, invoice) >= max(claimed(book, invoice), 1)


def settled_snapshot(book: Book, subscription: str, ran_at: datetime | None) -> datetime | None:
    """Return the start of the unpaid time that a transfer has paid before any invoice was known.

    The amount that was owed is then unknown, and the word of the operator who recorded the money counts.
    """
    if not book.transfers:
        return None
    paid = (share.since for share in _shares(book) if "@" in share.claim and share.subscription == subscription)
    return min((since for since in paid if ran_at is None or since >= ran_at), default=None)


def known(book: Book) -> Iterator[tuple[PaymentRecorded, Transfer]]:
    """Yield the recorded transfers, void ones too."""
    for transfer in book.transfers.values():
        if transfer.told is not None:
            yield transfer.told, transfer


def _shares(book: Book) -> Iterator[Share]:
    for transfer in book.transfers.values():
        yield from transfer.shares


def _is_for(share: Share, invoice: Invoice) -> bool:
    if share.claim == invoice.seen.key:
        return True
    began = min(invoice.failures, default=invoice.seen.created_at or invoice.seen.stamp.at)
    snapshot = "@" in share.claim and share.subscription == invoice.seen.subscription
    return snapshot and abs(began - share.since) <= SAME_RENEWAL
