"""Commands that book and cancel add-ons: each returns the facts to record, or raises the reason of its refusal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from kulanz.commands.fields import MAX_AMOUNT, AddOnKind, Currency, Fee, Form, Instant, Pieces, Reference
from kulanz.errors import InvalidInputError, NotFoundError, RefusedError
from kulanz.policy.areas import periods
from kulanz.policy.areas.add_ons.reading import charged
from kulanz.policy.book import Book
from kulanz.policy.calendar.pro_rata import months_left, rounded
from kulanz.policy.calendar.time import aware
from kulanz.policy.document.add_ons import AddOnRules
from kulanz.policy.facts import AddOnBooked, AddOnCancelled, Status
from kulanz.policy.state import State
from kulanz.policy.state.bookings import Booking, BookingStatus
from kulanz.policy.state.terms import Moment

LONGEST_PERIOD = timedelta(days=372)


class BookAddOn(Form, frozen=True, kw_only=True):
    """Pieces of an add-on, usable at once."""

    kind: AddOnKind
    quantity: Pieces
    unit_price: Fee
    """Of one piece for a month, in minor units."""
    currency: Currency
    period_ends_at: Instant
    subscription: Reference | None = None
    """The provider's id of the base subscription; None: the one that gives the plan."""

    def check(self) -> None:
        """Refuse a sum that exceeds the largest amount."""
        if self.unit_price * self.quantity > MAX_AMOUNT:
            raise InvalidInputError("`unit_price` times `quantity` is too much.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAddOn:
    """An add-on that is no longer wanted, or some of its pieces."""

    add_on: str
    quantity: int | None = None
    """None: all that are left."""


def book(order: BookAddOn, state: State, existing_book: Book, moment: Moment, *, ident: str, actor: str) -> AddOnBooked:
    """Return the booking, or raise the reason why it is impossible."""
    _check(order, moment.terms.at(moment.at).add_ons, moment.at)
    base = _base(order, state, moment)
    _check_currency(order.currency, base, existing_book)
    _check_end(order, base, state, existing_book)
    _check_period(order, base, existing_book, moment)
    began = periods.began(base, existing_book, moment.at)
    left = months_left(moment.at, order.period_ends_at, moment.zone, began)
    months = max(ceil(left) - 1, 0)
    return AddOnBooked(
        id=ident,
        at=moment.at,
        subscription=base,
        kind=order.kind,
        quantity=order.quantity,
        unit_price=order.unit_price,
        currency=order.currency,
        period_ends_at=aware(order.period_ends_at),
        draft_amount=rounded(order.unit_price * order.quantity * (left - months)),
        actor=actor,
        months=months,
    )


def cancel(
    order: CancelAddOn, state: State, existing_book: Book, moment: Moment, *, ident: str, actor: str
) -> AddOnCancelled:
    """Return the cancellation: to the end of the billed period, or at once within the time for a withdrawal."""
    name = order.add_on
    booking = next((other_booking for other_booking in state.bookings if other_booking.id == name), None)
    log = existing_book.add_ons.get(booking.part_of or name) if booking else None
    if booking is None or log is None:
        raise NotFoundError(f"no add-on {name!r}")
    withdrawn = may_withdraw(booking, moment)
    if booking.status is not BookingStatus.ACTIVE and not withdrawn:
        raise RefusedError(f"the add-on {name} is {_told(booking)} already")
    quantity = booking.quantity if order.quantity is None else order.quantity
    if not 1 <= quantity <= booking.quantity:
        raise InvalidInputError(f"quantity: at least 1 and at most the {booking.quantity} that are left")
    partly = quantity < booking.quantity
    return AddOnCancelled(
        add_on=name,
        at=moment.at,
        ends_at=moment.at if withdrawn else max(booking.billed_until, moment.at),
        withdrawn=withdrawn,
        refund_due=charged(log, quantity, existing_book, moment) if withdrawn else 0,
        actor=actor,
        quantity=quantity if partly else 0,
        part=ident if partly else "",
    )


def may_withdraw(booking: Booking, moment: Moment) -> bool:
    """Whether cancelling now is the statutory withdrawal, also of an add-on that ended with its base subscription."""
    in_time = booking.withdrawal_until is not None and moment.at <= booking.withdrawal_until
    return in_time and booking.status is not BookingStatus.WITHDRAWN and booking.part_of is None


def _check(order: BookAddOn, rules: AddOnRules, now: datetime) -> None:
    if rules.kinds and order.kind not in rules.kinds:
        raise InvalidInputError(f"kind: expected one of {', '.join(rules.kinds)}")
    if order.quantity < 1:
        raise InvalidInputError("quantity: at least 1")
    if order.unit_price < 0:
        raise InvalidInputError("unit_price: not less than 0")
    if order.period_ends_at <= now:
        raise InvalidInputError("period_ends_at: the period would have ended already")
    if order.period_ends_at > now + LONGEST_PERIOD:
        raise InvalidInputError("period_ends_at: at most a year away")


def _base(order: BookAddOn, state: State, moment: Moment) -> str:
    """Return the base subscription that an add-on belongs to: the named one, or that of the highest plan."""
    rank = moment.terms.catalogue.rank
    given = {grant.subscription: grant for grant in state.grants if grant.add_on is None}
    requested = order.subscription
    wanted = [grant for key, grant in given.items() if requested is None or requested in {key, key.partition(":")[2]}]
    if not wanted:
        which = f" {requested!r}" if requested else ""
        raise RefusedError(f"the account has no running subscription{which} that an add-on could belong to")
    held = {key for hold in state.holds for key in hold.subscriptions}
    free = [grant for grant in wanted if grant.subscription not in held]
    if not free or any(hold.scope == "account" for hold in state.holds):
        raise RefusedError(f"the account is {state.standing.replace('_', ' ')}: nothing can be booked")
    return max(free, key=lambda grant: (rank(grant.plan), grant.subscription)).subscription


def _check_currency(currency: str, base: str, existing_book: Book) -> None:
    invoices = existing_book.invoices.get(base)
    billed = {invoice.seen.currency for invoice in invoices.known.values()} if invoices else set()
    sub = existing_book.subscriptions[base].seen
    bought = existing_book.orders.get(sub.order) if sub.order else None
    if not billed and bought is not None:
        billed = {bought.seen.currency}
    if billed and currency not in billed:
        raise InvalidInputError(f"currency: the subscription is billed in {', '.join(sorted(billed))}")


def _check_end(order: BookAddOn, base: str, state: State, existing_book: Book) -> None:
    """Refuse a period beyond the end of the subscription: a cancelled subscription does not renew."""
    until = next((grant.until for grant in state.grants if grant.subscription == base), None)
    if existing_book.subscriptions[base].seen.status is Status.CANCELLED and until and order.period_ends_at > until:
        raise InvalidInputError(f"period_ends_at: the subscription is cancelled and ends at {until:%Y-%m-%dT%H:%M:%SZ}")


def _check_period(order: BookAddOn, base: str, existing_book: Book, moment: Moment) -> None:
    """Refuse a period that is not the subscription's: the draft goes out with its next regular invoice."""
    last = periods.furthest(base, existing_book, moment.at, moment.zone)
    if last is not None and order.period_ends_at > last:
        renewal = existing_book.subscriptions[base].seen.renews_at
        expected = f"expected at most one period after the subscription's renewal, to {last:%Y-%m-%dT%H:%M:%SZ}"
        raise InvalidInputError(f"period_ends_at: {expected} (it renews at {renewal:%Y-%m-%dT%H:%M:%SZ})")


def _told(booking: Booking) -> str:
    if booking.status is BookingStatus.CANCELLED and booking.ends_at is not None:
        return f"cancelled to {booking.ends_at:%Y-%m-%d}"
    return str(booking.status)
