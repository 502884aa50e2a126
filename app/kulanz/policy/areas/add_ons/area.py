"""The area of add-ons: their quantities, their draft for the next invoice, and their end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, ClassVar

from msgspec.structs import replace as evolve

from kulanz.policy.areas.add_ons.reading import bookings, invoiced, tax_rate
from kulanz.policy.areas.area import Area
from kulanz.policy.areas.full_refunds import payment_of
from kulanz.policy.areas.refunds.payments import payments
from kulanz.policy.areas.refunds.reading import promised_answer
from kulanz.policy.book import Book
from kulanz.policy.calendar.pro_rata import rounded
from kulanz.policy.facts import OwnFact, RefundRequested
from kulanz.policy.state import Change, Decision, Moment, State, Timer, Transition
from kulanz.policy.state.bookings import Booking, BookingStatus

_RANK = {
    "booked": 55,
    "withdrawn": 56,
    "ended": 48,
    "cancelled": 47,
    "resumed": 46,
    "drafted": 13,
    "invoiced": 12,
    "renewed": 11,
}
_MAILED = frozenset({"booked", "cancelled", "withdrawn"})


class AddOnsArea(Area):
    """Booked at once, billed with the next regular invoice, cancelled to the end of what is paid (cloudcrm)."""

    families: ClassVar[tuple[str, ...]] = ("add_ons",)

    def assess(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with the add-ons; they follow the source of the base plan."""
        given = {grant.subscription: grant.until for grant in draft.grants if grant.add_on is None}
        return evolve(draft, bookings=tuple(bookings(book, given, moment)))

    def timers(self, state: State, book: Book, moment: Moment) -> Iterator[Timer]:
        """Yield when a cancelled add-on ends at the end of its term, and when the next month of another begins."""
        for booking in state.bookings:
            if booking.status is BookingStatus.CANCELLED:
                at = booking.ends_at
            else:
                at = booking.billed_until if booking.in_months and booking.status is BookingStatus.ACTIVE else None
            if at is not None and at > moment.at:
                yield Timer("period_end", booking.id, at)

    def due(self, state: State, book: Book, moment: Moment) -> Iterator[OwnFact]:
        """Yield drafts that go out with a regular invoice, and refund requests for withdrawn bookings."""
        for booking in state.bookings:
            yield from _asked_back(booking, book, moment)
        for log in book.add_ons.values():
            yield from invoiced(log, book, moment)

    def alerts(self, state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
        """Yield the drafts that will never be on an invoice."""
        running = {item.subscription for item in state.grants}
        for item in state.bookings:
            if item.status is BookingStatus.ENDED and item.draft_amount and item.subscription not in running:
                yield item.id, "add_on_draft_left"

    def changes(self, step: Transition, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Yield the changes of each add-on."""
        before = {booking.id: booking for booking in step.before.bookings} if step.before else {}
        for booking in step.after.bookings:
            for word in _differences(before.get(booking.id), booking):
                yield _change(word, booking)

    def content(self, subject: str, decision: Decision) -> Mapping[str, Any]:
        """Return the fields for the letters about an add-on: prices as the customer pays them."""
        booking = next(
            (other_booking for other_booking in decision.state.bookings if other_booking.id == subject), None
        )
        if booking is None:
            return {}
        rules, rate = booking.policy.add_ons, tax_rate(booking.subscription, decision.account.book)
        return _told(booking) | {
            "statutory_withdrawal_until": booking.withdrawal_until,
            "measure": rules.measure(booking.kind, booking.quantity),
            "piece": rules.measure(booking.kind, 1),
            "tax": None if rate is None else "included" if rate > 1 else "none",
            "unit_price": rounded(booking.unit_price * (rate or Fraction(1))),
            "draft_amount": rounded(booking.draft_amount * (rate or Fraction(1))),
        }


def _asked_back(booking: Booking, book: Book, moment: Moment) -> Iterator[OwnFact]:
    """Yield the refund request for an add-on that was paid before its booking was withdrawn from."""
    name = f"rr_{booking.id}"
    if not booking.refund_due or booking.invoice is None or name in book.refund_requests:
        return
    key = payment_of(booking.invoice, book)
    payment = next((each for each in payments(book) if key in each.names), None)
    yield RefundRequested(
        id=name,
        payment=key,
        at=moment.at,
        decide_by=promised_answer(moment.at, book, moment.terms, moment.zone),
        refunded=payment.refunded if payment else 0,
        amount=booking.refund_due,
        add_on=booking.id,
    )


def _differences(old: Booking | None, new: Booking) -> Iterator[str]:
    if old is None and new.part_of is None:
        yield "booked"
    drafted = new.draft_amount > (old.draft_amount if old else 0) and new.part_of is None
    if drafted:
        yield "drafted"
    was = BookingStatus.ACTIVE if old is None else old.status
    if new.status is not was:
        yield "resumed" if new.status is BookingStatus.ACTIVE else str(new.status)
    if new.invoice and (old is None or old.invoice != new.invoice):
        yield "invoiced"
    if old is not None and new.billed_until != old.billed_until and not drafted:
        yield "renewed"


def _change(word: str, booking: Booking) -> Change:
    rules = booking.policy.add_ons
    clauses = {
        "booked": rules.booking_clause,
        "withdrawn": rules.withdrawal_clause,
        "drafted": rules.billing_clause,
        "invoiced": rules.billing_clause,
        "renewed": rules.billing_clause,
    }
    return Change(
        rule=f"add_on.{word}",
        clause=clauses.get(word, rules.cancellation_clause),
        policy=booking.policy,
        subject=booking.id,
        rank=_RANK[word],
        detail=_told(booking),
        notice=f"add_on_{word}" if word in _MAILED else None,
    )


def _told(booking: Booking) -> dict[str, Any]:
    return {
        "add_on": booking.id,
        "kind": booking.kind,
        "quantity": booking.quantity,
        "unit_price": booking.unit_price,
        "currency": booking.currency,
        "draft_amount": booking.draft_amount,
        "billed_until": booking.billed_until,
        "ends_at": booking.ends_at,
        "status": str(booking.status),
        "subscription": booking.subscription,
        "refund_due": booking.refund_due or None,
        "taken_off": booking.taken_off or None,
        "part_of": booking.part_of,
    }
