"""The periods in which a subscription is paid for in advance: their beginnings, their length in months, their end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from kulanz.policy.book import Book
from kulanz.policy.book.provider import RUNNING_STATUSES, Invoice
from kulanz.policy.calendar.time import days_between, months_after
from kulanz.policy.facts import BESIDE_A_PERIOD, Status

_A_MONTH = 365.25 / 12
_TOLERANCE = 4
"""Days by which a term may be off: months have 28 to 31 of them, and a charge may be late."""
_A_DAY = timedelta(days=1)


def regular_invoices(subscription: str, book: Book) -> list[Invoice]:
    """Return the invoices that begin a period and still count, oldest first; a change of plan begins none."""
    invoices = book.invoices.get(subscription)
    existing = invoices.known.values() if invoices else ()
    stored_invoices = [
        invoice for invoice in existing if invoice.seen.reason not in BESIDE_A_PERIOD and not invoice.void
    ]
    return sorted(stored_invoices, key=lambda invoice: (started(invoice), invoice.seen.key))


def started(invoice: Invoice) -> datetime:
    """Return when the period of an invoice begins."""
    return invoice.seen.created_at or invoice.paid_at or invoice.seen.stamp.at


def began(subscription: str, book: Book, at: datetime) -> datetime | None:
    """Return when the period that an instant falls into began, by the invoices or by the subscription's beginning."""
    starts = [start for invoice in regular_invoices(subscription, book) if (start := started(invoice)) <= at]
    if starts:
        return starts[-1]
    sub = book.subscriptions.get(subscription)
    made = sub.seen.created_at if sub else None
    return made if made is not None and made <= at else None


def furthest(subscription: str, book: Book, at: datetime, zone: str) -> datetime | None:
    """Return the last moment of the period that runs or of the next one; None where it is unknown.

    A renewal that is behind us has just been, or is about to be reported.
    """
    sub, months = book.subscriptions.get(subscription), term(subscription, book, zone)
    if months is None or sub is None or sub.seen.status not in RUNNING_STATUSES or sub.seen.renews_at is None:
        return None
    return months_after(max(sub.seen.renews_at, at), months, zone)


def ends(subscription: str, book: Book, zone: str) -> datetime | None:
    """Return the end of the paid period: the provider's word, or the last paid period's length by the calendar."""
    stated = _told_end(subscription, book)
    paid = [started(invoice) for invoice in regular_invoices(subscription, book) if invoice.paid]
    if not paid or (stated is not None and stated > paid[-1] + _A_DAY):
        return stated
    return months_after(paid[-1], term(subscription, book, zone) or 1, zone)


def term(subscription: str, book: Book, zone: str, terms: Iterable[int] = (1, 3, 12)) -> int | None:
    """Return the length of the paid periods in months, of the terms that are sold; None if unknown (bitrix24).

    It follows from the distance of the last invoice to the end that the provider gives, or else of the last two.
    """
    matches = _distances(subscription, book, zone)
    return next((n for days in matches for n in terms if abs(days - n * _A_MONTH) <= _TOLERANCE), None)


def _distances(subscription: str, book: Book, zone: str) -> Iterator[int]:
    starts = [started(invoice) for invoice in regular_invoices(subscription, book) if invoice.paid]
    stated, sub = _told_end(subscription, book), book.subscriptions.get(subscription)
    if not starts and sub is not None and sub.seen.created_at and sub.seen.status is not Status.ON_TRIAL:
        starts = [sub.seen.created_at]
    if starts and stated is not None and stated > starts[-1] + _A_DAY:
        yield days_between(starts[-1], stated, zone)
    if len(starts) > 1:
        yield days_between(starts[-2], starts[-1], zone)


def _told_end(subscription: str, book: Book) -> datetime | None:
    """Return the provider's word; while it is unpaid, `renews_at` is only the next attempt to charge."""
    sub = book.subscriptions.get(subscription)
    if sub is None:
        return None
    if sub.seen.status in RUNNING_STATUSES:
        return sub.seen.renews_at
    return sub.seen.ends_at if sub.seen.status is Status.CANCELLED else None
