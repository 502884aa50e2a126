"""Reads the account's add-ons off the book: each with its status, and to when it is billed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from kulanz.policy.areas import periods
from kulanz.policy.book import Book
from kulanz.policy.book.add_ons import AddOnLog
from kulanz.policy.book.provider import Invoice, Subscription
from kulanz.policy.facts import AddOnBooked, Status
from kulanz.policy.state.bookings import Booking, BookingStatus
from kulanz.policy.state.terms import Moment

_STOPPED = frozenset({Status.CANCELLED, Status.EXPIRED})
_USABLE = frozenset({BookingStatus.ACTIVE, BookingStatus.CANCELLED})


def bookings(book: Book, given: Mapping[str, datetime | None], moment: Moment) -> Iterator[Booking]:
    """Yield every add-on; `given` are the base subscriptions that give their plan now, each with its end if known."""
    for _, log in sorted(book.add_ons.items()):
        if log.booked is not None:
            base = _Base(book.subscriptions.get(log.booked.subscription), given)
            billed = billed_until(log.booked, book, moment.zone)
            if log.cancelled is not None:
                billed = min(billed, max(log.booked.period_ends_at, log.cancelled.ends_at))
            yield _booking(log, log.booked, base, billed, moment)


def billed_until(booked: AddOnBooked, book: Book, zone: str) -> datetime:
    """Return the end of the period that is billed: it moves with each regular invoice of the base that is paid."""
    if not any(invoice.paid for invoice in invoices_after(booked, book)):
        return booked.period_ends_at
    ends = periods.ends(booked.subscription, book, zone)
    return max(booked.period_ends_at, ends) if ends else booked.period_ends_at


def invoices_after(booked: AddOnBooked, book: Book) -> list[Invoice]:
    """Return the regular invoices of the base subscription since the booking, oldest first."""
    invoices = periods.regular_invoices(booked.subscription, book)
    return [invoice for invoice in invoices if periods.started(invoice) > booked.at]


def in_quantities(given: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Return how much of each kind is given together."""
    total: dict[str, int] = {}
    for kind, amount in given:
        total[kind] = total.get(kind, 0) + amount
    return tuple(sorted(total.items()))


@dataclass(frozen=True, slots=True)
class _Base:
    """The base subscription of an add-on, which it follows."""

    sub: Subscription | None
    given: Mapping[str, datetime | None]

    @property
    def gives(self) -> bool:
        """Whether it gives its plan now, before any hold."""
        return self.sub is not None and self.sub.seen.key in self.given

    @property
    def is_over(self) -> bool:
        """Whether it has ended; a paused one has not."""
        return not self.gives and (self.sub is None or self.sub.seen.status is not Status.PAUSED)

    @property
    def ends_at(self) -> datetime | None:
        """When it ends or ended, where that is known."""
        if self.sub is None or self.sub.seen.status not in _STOPPED:
            return None
        return self.given.get(self.sub.seen.key) or self.sub.seen.ends_at


def _booking(log: AddOnLog, booked: AddOnBooked, base: _Base, billed: datetime, moment: Moment) -> Booking:
    policy = moment.terms.at(booked.at)
    status, ends_at = _status(log, base, billed, moment.at)
    return Booking(
        id=booked.id,
        subscription=booked.subscription,
        kind=booked.kind,
        quantity=booked.quantity,
        amount=booked.quantity * policy.add_ons.step(booked.kind),
        unit_price=booked.unit_price,
        currency=booked.currency,
        booked_at=booked.at,
        billed_until=billed,
        status=status,
        ends_at=ends_at,
        draft_amount=0 if log.invoiced or status is BookingStatus.WITHDRAWN else booked.draft_amount,
        invoice=log.invoiced.invoice if log.invoiced else None,
        refund_due=log.cancelled.refund_due if log.cancelled else 0,
        withdrawal_until=span.after(booked.at, moment.zone) if (span := policy.add_ons.withdrawal) else None,
        usable=base.gives and status in _USABLE,
        policy=policy,
    )


def _status(log: AddOnLog, base: _Base, billed: datetime, now: datetime) -> tuple[BookingStatus, datetime | None]:
    """Return where it stands and when it ends: by its own cancellation, or with its base subscription."""
    cancelled = log.cancelled
    if cancelled is not None and cancelled.withdrawn:
        return BookingStatus.WITHDRAWN, cancelled.at
    own_end = cancelled.ends_at if cancelled else None
    ends_at = min((at for at in (own_end, base.ends_at) if at is not None), default=None)
    if base.is_over or (own_end is not None and own_end <= now):
        return BookingStatus.ENDED, ends_at or billed
    return (BookingStatus.CANCELLED if cancelled else BookingStatus.ACTIVE), ends_at
