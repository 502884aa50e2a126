"""Builders for stories of add-ons: what is booked and cancelled, as an order makes it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kulanz.commands import add_ons
from kulanz.policy import facts as f
from kulanz.policy.facts import BillingReason, Stamp, Status
from kulanz.policy.state import Moment
from kulanz.policy.state.bookings import Booking
from tests.policy.stories import DAY, MONDAY, Stage, a_subscription, a_success

USERS = "users"


def moment(account: Stage) -> Moment:
    """When and by which terms the account is looked at."""
    return Moment(account.terms, account.account.zone(account.terms), account.now)


def book(account: Stage, quantity: int = 1, *, ident: str = "ao_1", **told: Any) -> f.AddOnBooked:
    """Book as the API does, and return what was booked."""
    usual = {"kind": USERS, "unit_price": 590, "currency": "EUR", "period_ends_at": MONDAY}
    order = add_ons.BookAddOn(**{**usual, "quantity": quantity, **told})
    booked = add_ons.book(order, account.state, account.account.book, moment(account), ident=ident, actor="ada")
    account.hear(booked)
    return booked


def cancel(account: Stage, ident: str = "ao_1", *, quantity: int | None = None, part: str = "ao_2") -> f.AddOnCancelled:
    """Cancel as the API does, and return what was noted."""
    order, book = add_ons.CancelAddOn(add_on=ident, quantity=quantity), account.account.book
    cancelled = add_ons.cancel(order, account.state, book, moment(account), ident=part, actor="ada")
    account.hear(cancelled)
    return cancelled


def renew(account: Stage, at: datetime = MONDAY, number: int = 1) -> None:
    """Let the base subscription renew for thirty days."""
    paid = a_success(at, key=f"lemonsqueezy:12000{number}", reason=BillingReason.RENEWAL, created_at=at)
    account.hear(paid, at=at)
    account.hear(a_subscription(Status.ACTIVE, at, stamp=Stamp(at, 1), renews_at=at + 30 * DAY))


def booking(account: Stage, ident: str = "ao_1") -> Booking:
    """Return an add-on as it stands."""
    return next(other_booking for other_booking in account.state.bookings if other_booking.id == ident)
