"""Add-ons, prepaid credit, moves and notices as every outside sees them: frozen values in, plain documents out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kulanz.policy.areas.credit.pots import Pot
from kulanz.policy.book.cancellations import CancellationNotice
from kulanz.policy.book.migrations import Move
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.state.bookings import Booking

Document = dict[str, Any]


def add_on(one: Booking) -> Document:
    """Return an add-on as the account shows it."""
    return {
        "id": one.id,
        "subscription_id": one.subscription.partition(":")[2],
        "kind": one.kind,
        "quantity": one.quantity,
        "unit_price": one.unit_price,
        "currency": one.currency,
        "billed_until": _at(one.billed_until),
        "status": str(one.status),
        "ends_at": _at(one.ends_at),
        "draft_amount": one.draft_amount,
        "invoice_id": one.invoice.partition(":")[2] if one.invoice else None,
    }


def credit(one: Pot) -> Document:
    """Return a pot of prepaid credit as the account shows it."""
    return {
        "id": one.name,
        "currency": one.currency,
        "bought": one.bought,
        "spent": one.spent,
        "balance": one.balance,
        "forfeited": one.forfeited,
        "due": one.due,
        "status": str(one.status),
        "ended_at": _at(one.ended_at),
    }


def move(one: Move) -> Document:
    """Return a move to on-premise as the account shows it."""
    told = one.told
    return {
        "id": told.id,
        "moved_at": _at(told.moved_at),
        "recorded_at": _at(told.at),
        "actor": told.actor,
        "reason": told.reason or None,
    }


def notice(one: CancellationNotice) -> Document:
    """Return a cancellation by notice as the account shows it."""
    noted = one.noted
    return {
        "id": noted.id,
        "subscription_id": noted.subscription.partition(":")[2],
        "noted_at": _at(noted.at),
        "actor": noted.actor,
        "reason": noted.reason,
    }


def _at(instant: datetime | None) -> str | None:
    return None if instant is None else rfc3339(instant)
