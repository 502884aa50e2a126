"""Sentences of case tables about add-ons: booked, cancelled and renewed as the API does."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kulanz.commands import add_ons
from kulanz.policy import facts as f
from kulanz.policy.facts import BillingReason, Stamp, Status
from kulanz.policy_tests.refunds import minor
from kulanz.policy_tests.stage import Stage
from kulanz.policy_tests.story import BOUGHT, Sentences, Story
from kulanz.policy_tests.told import DAY, MONDAY, SUB, a_subscription, a_success

USERS = "users"


def book(account: Stage, quantity: int = 1, *, ident: str = "ao_1", **told: Any) -> f.AddOnBooked:
    """Book as the API does, and return the booking."""
    usual = {"kind": USERS, "unit_price": 590, "currency": "EUR", "period_ends_at": MONDAY}
    order = add_ons.BookAddOn(**{**usual, "quantity": quantity, **told})
    booked = add_ons.book(order, account.state, account.account.book, account.moment, ident=ident, actor="ada")
    account.hear(booked)
    return booked


def cancel(account: Stage, ident: str = "ao_1", *, quantity: int | None = None, part: str = "ao_2") -> f.AddOnCancelled:
    """Cancel as the API does, and return the cancellation."""
    order, book = add_ons.CancelAddOn(add_on=ident, quantity=quantity), account.account.book
    cancelled = add_ons.cancel(order, account.state, book, account.moment, ident=part, actor="ada")
    account.hear(cancelled)
    return cancelled


def renew(account: Stage, at: datetime = MONDAY, number: int = 1) -> None:
    """Let the base subscription renew for thirty days."""
    paid = a_success(at, key=f"lemonsqueezy:12000{number}", reason=BillingReason.RENEWAL, created_at=at)
    account.hear(paid, at=at)
    account.hear(a_subscription(Status.ACTIVE, at, stamp=Stamp(at, 1), renews_at=at + 30 * DAY))


def _books(story: Story, quantity: str, kind: str) -> None:
    number = len(story.bookings) + 1
    now = story.stage.now
    renews = story.stage.account.book.subscriptions[SUB].seen.renews_at
    by_the_year = renews is not None and renews > now + 40 * DAY
    ends = renews if by_the_year else BOUGHT + ((now - BOUGHT) // (30 * DAY) + 1) * 30 * DAY
    book(story.stage, int(quantity), kind=kind, ident=f"ao_{number}", period_ends_at=ends)


def _cancels(story: Story, number: str, pieces: str | None = None) -> None:
    quantity, part = int(pieces) if pieces else None, f"ao_{len(story.bookings) + 1}"
    cancel(story.stage, f"ao_{number}", quantity=quantity, part=part)


STEPS: Sentences = {
    r"books (\d+) (\w+)": _books,
    r"cancels add-on (\d+)": _cancels,
    r"cancels (\d+) pieces? of add-on (\d+)": lambda story, pieces, number: _cancels(story, number, pieces),
}
OUTCOMES: Sentences = {
    r"(\w+): (\d+)": lambda story, kind, many: dict(story.stage.state.quantities).get(kind) == int(many),
    r"no add-ons": lambda story: story.stage.state.add_ons == (),
    r"nothing booked": lambda story: story.bookings == [],
    r"add-on (\d+) is (\w+)": lambda story, number, status: story.bookings[int(number) - 1].status == status,
    r"add-on (\d+) has (\d+) pieces?": lambda s, number, many: s.bookings[int(number) - 1].quantity == int(many),
    r"add-on (\d+) ends day (\d+)": lambda s, number, day: s.bookings[int(number) - 1].ends_at == s.at(day),
    r"add-on (\d+) went out with the renewal": lambda s, number: s.bookings[int(number) - 1].invoice is not None,
    r"billed until day (\d+)": lambda story, day: story.bookings[0].billed_until == story.at(day),
    r"draft (\d+) is (\d+\.\d\d) EUR": lambda s, number, eur: s.bookings[int(number) - 1].draft_amount == minor(eur),
    r"(\d+\.\d\d) EUR is to be refunded": lambda story, eur: sum(b.refund_due for b in story.bookings) == minor(eur),
}
