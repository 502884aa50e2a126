"""Add-ons, prepaid credit, moves and notices as every outside sees them: frozen values in, plain documents out."""

from __future__ import annotations

from typing import Any

from kulanz.policy.areas.credit.pots import Pot
from kulanz.policy.book.cancellations import CancellationNotice
from kulanz.policy.book.contacts import Contact
from kulanz.policy.book.migrations import Move
from kulanz.policy.state.bookings import Booking
from kulanz.queries import values

JsonDocument = dict[str, Any]


def add_on(booking: Booking) -> JsonDocument:
    """Return an add-on as the account shows it."""
    return {
        "id": booking.id,
        "subscription_id": booking.subscription.partition(":")[2],
        "kind": booking.kind,
        "quantity": booking.quantity,
        "unit_price": booking.unit_price,
        "currency": booking.currency,
        "billed_until": values.instant(booking.billed_until),
        "status": str(booking.status),
        "ends_at": values.instant(booking.ends_at),
        "draft_amount": booking.draft_amount,
        "invoice_id": values.own_id(booking.invoice),
        "part_of": booking.part_of,
    }


def credit(pot: Pot) -> JsonDocument:
    """Return a pot of prepaid credit as the account shows it."""
    return {
        "id": pot.name,
        "currency": pot.currency,
        "bought": pot.bought,
        "spent": pot.spent,
        "balance": pot.balance,
        "forfeited": pot.forfeited,
        "due": pot.due,
        "status": str(pot.status),
        "ended_at": values.instant(pot.ended_at),
    }


def move(other_move: Move) -> JsonDocument:
    """Return a move to on-premise as the account shows it."""
    fact = other_move.told
    return {
        "id": fact.id,
        "moved_at": values.instant(fact.moved_at),
        "recorded_at": values.instant(fact.at),
        "actor": fact.actor,
        "reason": fact.reason or None,
    }


def notice(other_notice: CancellationNotice) -> JsonDocument:
    """Return a cancellation by notice as the account shows it."""
    noted = other_notice.noted
    return {
        "id": noted.id,
        "subscription_id": noted.subscription.partition(":")[2],
        "noted_at": values.instant(noted.at),
        "actor": noted.actor,
        "reason": noted.reason,
    }


def contact(other_contact: Contact) -> JsonDocument:
    """Return a contact with the staff as the account shows it."""
    noted = other_contact.noted
    return {
        "id": noted.id,
        "contacted_at": values.instant(noted.contacted_at),
        "channel": str(noted.channel),
        "payment_id": values.own_id(noted.payment),
        "noted_at": values.instant(noted.at),
        "actor": noted.actor,
        "reason": noted.reason,
    }
