"""Documents of add-ons, prepaid credit, moves to on-premise and notices."""

from __future__ import annotations

from kulanz.documents import purchases
from kulanz.policy.areas.credit.pots import Pot
from kulanz.policy.book.cancellations import CancellationNotice
from kulanz.policy.book.contacts import Contact
from kulanz.policy.book.migrations import Move
from kulanz.policy.state.bookings import Booking
from kulanz.queries import values


def add_on(booking: Booking) -> purchases.AddOn:
    """Return an add-on as the account shows it."""
    subscription, invoice = values.own_id(booking.subscription), values.own_id(booking.invoice)
    return purchases.AddOn.of(booking, subscription_id=subscription, invoice_id=invoice)


def credit(pot: Pot) -> purchases.Credit:
    """Return a pot of prepaid credit as the account shows it."""
    return purchases.Credit.of(pot, id=pot.name)


def move(other_move: Move) -> purchases.Migration:
    """Return a move to on-premise as the account shows it."""
    fact = other_move.told
    return purchases.Migration.of(fact, recorded_at=fact.at, reason=fact.reason or None)


def notice(other_notice: CancellationNotice) -> purchases.Cancellation:
    """Return a cancellation by notice as the account shows it."""
    noted = other_notice.noted
    return purchases.Cancellation.of(noted, subscription_id=values.own_id(noted.subscription), noted_at=noted.at)


def contact(other_contact: Contact) -> purchases.Contact:
    """Return a contact with the staff as the account shows it."""
    noted = other_contact.noted
    return purchases.Contact.of(noted, payment_id=values.own_id(noted.payment), noted_at=noted.at)
