"""The chapter on add-ons: what they give, that their draft goes out with the next invoice, and that they end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from kulanz.policy.areas.add_ons.reading import bookings, invoices_after
from kulanz.policy.areas.area import Chapter
from kulanz.policy.areas.disputes.full_refunds import payment_of
from kulanz.policy.areas.refunds.payments import payments
from kulanz.policy.areas.refunds.reading import promised_answer
from kulanz.policy.book import Book
from kulanz.policy.facts import AddOnInvoiced, OwnFact, RefundRequested
from kulanz.policy.state import Change, Decision, Moment, State, Step, Timer
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


class AddOns(Chapter):
    """Booked at once, billed with the next regular invoice, cancelled to the end of what is paid (cloudcrm)."""

    about: ClassVar[tuple[str, ...]] = ("add_ons",)

    def read(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with the add-ons; they follow whatever gives their base subscription's plan."""
        given = {one.subscription: one.until for one in draft.given if one.add_on is None}
        return replace(draft, bookings=tuple(bookings(book, given, moment)))

    def timers(self, state: State, book: Book, moment: Moment) -> Iterator[Timer]:
        """Yield when a cancelled add-on ends by itself."""
        for one in state.bookings:
            if one.status is BookingStatus.CANCELLED and one.ends_at is not None and one.ends_at > moment.at:
                yield Timer("period_end", one.id, one.ends_at)

    def acts(self, state: State, book: Book, moment: Moment) -> Iterator[OwnFact]:
        """Yield that a draft goes out with the first regular invoice after the booking, or is to go back."""
        for one in state.bookings:
            log = book.add_ons[one.id]
            yield from _asked_back(one, book, moment)
            if log.booked is None or log.invoiced is not None or one.status is BookingStatus.WITHDRAWN:
                continue
            for invoice in invoices_after(log.booked, book)[:1]:
                amount = log.booked.draft_amount
                yield AddOnInvoiced(add_on=one.id, at=moment.at, invoice=invoice.seen.key, amount=amount)

    def concerns(self, state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
        """Yield what no invoice will ever take along."""
        running = {one.subscription for one in state.given}
        for one in state.bookings:
            if one.status is BookingStatus.ENDED and one.draft_amount and one.subscription not in running:
                yield one.id, "add_on_draft_left"

    def changes(self, step: Step, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Yield what became different of each add-on."""
        before = {one.id: one for one in step.before.bookings} if step.before else {}
        for one in step.after.bookings:
            for word in _differences(before.get(one.id), one):
                yield _change(word, one)

    def content(self, subject: str, decision: Decision) -> Mapping[str, Any]:
        """Return what the letters about an add-on tell."""
        found = next((one for one in decision.state.bookings if one.id == subject), None)
        return {} if found is None else _told(found) | {"statutory_withdrawal_until": found.withdrawal_until}


def _asked_back(one: Booking, book: Book, moment: Moment) -> Iterator[OwnFact]:
    """Yield the request for the line that was invoiced before the booking was withdrawn from."""
    name = f"rr_{one.id}"
    if not one.refund_due or one.invoice is None or name in book.refund_requests:
        return
    key = payment_of(one.invoice, book)
    payment = next((each for each in payments(book) if key in each.names), None)
    yield RefundRequested(
        id=name,
        payment=key,
        at=moment.at,
        decide_by=promised_answer(moment.at, book, moment.terms, moment.zone),
        refunded=payment.refunded if payment else 0,
        amount=one.refund_due,
        add_on=one.id,
    )


def _differences(old: Booking | None, new: Booking) -> Iterator[str]:
    if old is None:
        yield "booked"
        if new.draft_amount:
            yield "drafted"
    was = BookingStatus.ACTIVE if old is None else old.status
    if new.status is not was:
        yield "resumed" if new.status is BookingStatus.ACTIVE else str(new.status)
    if new.invoice and (old is None or old.invoice != new.invoice):
        yield "invoiced"
    if old is not None and new.billed_until != old.billed_until:
        yield "renewed"


def _change(word: str, one: Booking) -> Change:
    rules = one.policy.add_ons
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
        policy=one.policy,
        subject=one.id,
        rank=_RANK[word],
        detail=_told(one),
        notice=f"add_on_{word}" if word in _MAILED else None,
    )


def _told(one: Booking) -> dict[str, Any]:
    return {
        "add_on": one.id,
        "kind": one.kind,
        "quantity": one.quantity,
        "unit_price": one.unit_price,
        "currency": one.currency,
        "draft_amount": one.draft_amount,
        "billed_until": one.billed_until,
        "ends_at": one.ends_at,
        "status": str(one.status),
        "subscription": one.subscription,
        "refund_due": one.refund_due or None,
    }
