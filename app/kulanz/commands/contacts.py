"""Noting that a customer got in touch with the staff, and why it may be refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from kulanz.commands.fields import Day, Form, Reference, Text
from kulanz.errors import InvalidInputError, NotFoundError
from kulanz.formats.messages import message
from kulanz.policy.areas.refunds.payments import named, payments
from kulanz.policy.book import Book
from kulanz.policy.facts import Channel, ContactNoted
from kulanz.policy.state import Moment

LONGEST_AGO = timedelta(days=366)


class NoteContact(Form, frozen=True, kw_only=True):
    """The customer wrote or spoke to the staff; without a `date` it was now, without a payment about all."""

    channel: Channel
    reason: Text
    contacted_on: Day | None = None
    """A day in the account's zone; None: now."""
    payment: Reference | None = None
    """The provider's invoice or order id, where it was about one payment."""


def note(order: NoteContact, book: Book, moment: Moment, *, ident: str, actor: str) -> ContactNoted:
    """Return the contact, or raise the reason why it cannot be recorded."""
    contacted_at = _began(order.contacted_on, moment.zone) if order.contacted_on else moment.at
    if contacted_at > moment.at:
        raise InvalidInputError(message("date: it is in the future"))
    if contacted_at < moment.at - LONGEST_AGO:
        raise InvalidInputError(message("date: at most a year ago"))
    return ContactNoted(
        id=ident,
        contacted_at=contacted_at,
        channel=Channel(order.channel),
        payment=_payment(order.payment, book) if order.payment else None,
        at=moment.at,
        actor=actor,
        reason=order.reason,
    )


def _began(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _payment(name: str, book: Book) -> str:
    matches = named(name, payments(book))
    if not matches:
        raise NotFoundError(message("the account has no such payment"))
    if len(matches) > 1:
        raise InvalidInputError(message("more than one payment is meant: name one by its provider's key"))
    return matches[0].key
