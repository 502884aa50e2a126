"""Reads the account's add-ons from the book: each with its status, and the end of its billed time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import count

from kulanz.policy.areas import periods
from kulanz.policy.book import Book
from kulanz.policy.book.add_ons import AddOnLog
from kulanz.policy.book.provider import Invoice, Subscription
from kulanz.policy.calendar import working_days
from kulanz.policy.calendar.pro_rata import months_left, rounded
from kulanz.policy.calendar.time import months_after
from kulanz.policy.facts import AddOnBooked, AddOnCancelled, AddOnInvoiced, Status
from kulanz.policy.state.bookings import Booking, BookingStatus
from kulanz.policy.state.terms import Moment

_STOPPED = frozenset({Status.CANCELLED, Status.EXPIRED})
_USABLE = frozenset({BookingStatus.ACTIVE, BookingStatus.CANCELLED})
_IN_ADVANCE = timedelta(days=1)
"""How much later than an invoice a month may begin and still go out with it, as the renewal does."""


def bookings(book: Book, given: Mapping[str, datetime | None], moment: Moment) -> Iterator[Booking]:
    """Yield every add-on; `given` are the base subscriptions that give their plan now, each with its end if known."""
    for _, log in sorted(book.add_ons.items()):
        for piece in _pieces(log):
            base = _Base(book.subscriptions.get(piece.booked.subscription), given)
            yield _booking(piece, log, base, book, moment)


def invoiced(log: AddOnLog, book: Book, moment: Moment) -> Iterator[AddOnInvoiced]:
    """Yield the unrecorded drafts that a regular invoice of the base took along since the booking."""
    pieces = [piece for piece in _pieces(log) if piece.cancelled is None or not piece.cancelled.withdrawn]
    if log.booked is None or not pieces:
        return
    sent = _sent(log, book)
    for invoice in invoices_after(log.booked, book):
        reach = periods.started(invoice) + _IN_ADVANCE
        if sent is not None and (not log.booked.months or reach <= sent):
            continue
        amount = sum(_collected(piece, book, reach, moment.zone) for piece in pieces)
        if sent is not None:
            amount -= sum(_collected(piece, book, sent, moment.zone) for piece in pieces)
        if sent is None or amount:
            yield AddOnInvoiced(add_on=log.booked.id, at=moment.at, invoice=invoice.seen.key, amount=amount)
        sent = reach


def charged(log: AddOnLog, quantity: int, book: Book, moment: Moment) -> int:
    """Return the sum on invoices for some of the remaining pieces, with the tax rate of the first invoice.

    Each piece has its share of the whole, rounded so that all of them together are what was charged.
    """
    sent, (*_, piece), whole = _sent(log, book), _pieces(log), log.booked
    if sent is None or log.invoiced is None or whole is None:
        return 0
    invoice = book.invoice(log.invoiced.invoice)
    net = Fraction(_collected(replace(piece, booked=whole), book, sent, moment.zone))
    if not whole.months:
        net += whole.unit_price * whole.quantity * _months_in_advance(whole, book, moment.zone)
    each = net * ((_tax_rate(invoice) if invoice else None) or 1) / whole.quantity
    gone = whole.quantity - piece.booked.quantity
    return rounded(each * (gone + quantity)) - rounded(each * gone)


def tax_rate(subscription: str, book: Book) -> Fraction | None:
    """Return the tax factor of a price, by the newest invoice of a subscription; None: unknown."""
    rates = [_tax_rate(invoice) for invoice in periods.regular_invoices(subscription, book)]
    return next((rate for rate in reversed(rates) if rate is not None), None)


def _tax_rate(invoice: Invoice) -> Fraction | None:
    net = invoice.seen.total - invoice.seen.tax
    return Fraction(invoice.seen.total, net) if net > 0 else None


def invoices_after(booked: AddOnBooked, book: Book) -> list[Invoice]:
    """Return the regular invoices of the base subscription since the booking, oldest first."""
    invoices = periods.regular_invoices(booked.subscription, book)
    return [invoice for invoice in invoices if periods.started(invoice) > booked.at]


def in_quantities(given: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Return the quantity of each kind that is given in all."""
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
        """When the add-on ends or ended, where that is known."""
        if self.sub is None or self.sub.seen.status not in _STOPPED:
            return None
        return self.given.get(self.sub.seen.key) or self.sub.seen.ends_at


@dataclass(frozen=True, slots=True)
class _Piece:
    """Pieces of one booking that go the same way: those that were cancelled together, or all that are left."""

    booked: AddOnBooked
    """Only of these pieces."""
    cancelled: AddOnCancelled | None
    part_of: str | None = None


def _pieces(log: AddOnLog) -> Iterator[_Piece]:
    whole = log.booked
    if whole is None:
        return
    left, draft = whole.quantity, whole.draft_amount
    for part in log.parts:
        quantity = min(part.quantity, left)
        share = rounded(Fraction(whole.draft_amount * quantity, whole.quantity))
        left, draft = left - quantity, draft - share
        yield _Piece(replace(whole, id=part.part, quantity=quantity, draft_amount=share), part, whole.id)
    if left:
        yield _Piece(replace(whole, quantity=left, draft_amount=draft), log.cancelled)


def _months_in_advance(booked: AddOnBooked, book: Book, zone: str) -> Fraction:
    """Return the months after the draft's that the regular invoices since the booking have billed."""
    term = periods.term(booked.subscription, book, zone)
    if term is not None:
        return Fraction(term * len(invoices_after(booked, book)))
    until = _billed_until(booked, book, zone)
    return months_left(booked.period_ends_at, until, zone) if until > booked.period_ends_at else Fraction(1)


def _billed_until(booked: AddOnBooked, book: Book, zone: str) -> datetime:
    """Return the end of the period that is billed: it moves with each regular invoice of the base that is paid."""
    if not any(invoice.paid for invoice in invoices_after(booked, book)):
        return booked.period_ends_at
    ends = periods.ends(booked.subscription, book, zone)
    return max(booked.period_ends_at, ends) if ends else booked.period_ends_at


def _month_ends(booked: AddOnBooked, zone: str) -> Iterator[datetime]:
    """Yield the ends of an add-on's own months, beginning with the one that its draft is for."""
    return (months_after(booked.period_ends_at, number - booked.months, zone) for number in count())


def _end_of_month(booked: AddOnBooked, at: datetime, ends_at: datetime | None, zone: str) -> datetime:
    """Return the end of the month that an instant, or the end of the add-on before it, falls into."""
    return next(end for end in _month_ends(booked, zone) if end > at or (ends_at is not None and end >= ends_at))


def _collected(piece: _Piece, book: Book, at: datetime, zone: str, ends_at: datetime | None = None) -> int:
    """Return the sum of the lines that an invoice of an instant takes along, or has taken: the draft, and each month.

    A month that begins while the base is paused without access has no line.
    """
    booked = piece.booked
    total = booked.draft_amount
    for end in _month_ends(booked, zone) if booked.months else ():
        over = [each for each in (ends_at, piece.cancelled.ends_at if piece.cancelled else None) if each]
        if end > at or any(end >= each for each in over):
            break
        if not _is_paused(book.subscriptions.get(booked.subscription), end):
            total += booked.unit_price * booked.quantity
    return total


def _is_paused(sub: Subscription | None, at: datetime) -> bool:
    before = [snapshot for snapshot in sub.history if snapshot.stamp.at <= at] if sub else []
    return bool(before) and before[-1].status is Status.PAUSED and before[-1].pause != "free"


def _sent(log: AddOnLog, book: Book) -> datetime | None:
    """Return the time up to which invoices have taken the lines along."""
    began = ((book.invoice(fact.invoice), fact.at) for fact in log.invoices)
    taken = [(periods.started(invoice) if invoice else at) + _IN_ADVANCE for invoice, at in began]
    return max(taken, default=None)


def _booking(piece: _Piece, log: AddOnLog, base: _Base, book: Book, moment: Moment) -> Booking:
    booked, zone = piece.booked, moment.zone
    policy = moment.terms.at(booked.at)
    base_ends_at = _base_ends_at(booked, base, book, zone)
    billed = _billed(piece, base_ends_at, book, moment)
    status, ends_at = _status(piece.cancelled, base, base_ends_at, billed, moment.at)
    due = piece.cancelled.refund_due if status is BookingStatus.WITHDRAWN and piece.cancelled else 0
    invoice = book.invoice(log.invoiced.invoice) if log.invoiced and due else None
    unpaid = invoice is not None and not invoice.paid
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
        draft_amount=0 if status is BookingStatus.WITHDRAWN else _draft(piece, log, ends_at, book, moment),
        invoice=log.invoiced.invoice if log.invoiced else None,
        refund_due=0 if unpaid else due,
        taken_off=due if unpaid else 0,
        withdrawal_until=_withdrawal_until(booked, book, moment),
        usable=base.gives and status in _USABLE,
        policy=policy,
        part_of=piece.part_of,
        in_months=booked.months > 0,
    )


def _base_ends_at(booked: AddOnBooked, base: _Base, book: Book, zone: str) -> datetime | None:
    """Return the end of the base; one that was given up ended with the period that was paid for it."""
    if base.ends_at is not None or not (booked.months and base.is_over):
        return base.ends_at
    return periods.ends(booked.subscription, book, zone) or booked.period_ends_at


def _billed(piece: _Piece, base_ends_at: datetime | None, book: Book, moment: Moment) -> datetime:
    booked, cancelled = piece.booked, piece.cancelled
    if booked.months:
        ends = [at for at in (base_ends_at, cancelled.ends_at if cancelled else None) if at is not None]
        return _end_of_month(booked, moment.at, min(ends, default=None), moment.zone)
    billed = _billed_until(booked, book, moment.zone)
    return billed if cancelled is None else min(billed, max(booked.period_ends_at, cancelled.ends_at))


def _draft(piece: _Piece, log: AddOnLog, ends_at: datetime | None, book: Book, moment: Moment) -> int:
    """Return the lines that have gone out with no invoice yet."""
    sent = _sent(log, book)
    begun = _collected(piece, book, moment.at, moment.zone, ends_at)
    return begun if sent is None else max(begun - _collected(piece, book, sent, moment.zone, ends_at), 0)


def _withdrawal_until(booked: AddOnBooked, book: Book, moment: Moment) -> datetime | None:
    """Return the last second in which cancelling is the statutory withdrawal: the end of a working day."""
    span = moment.terms.at(booked.at).add_ons.withdrawal
    last = span.after(booked.at, moment.zone)
    return working_days.end_of_period(last, 0, moment.zone, moment.terms.working_days(book)) if span else None


def _status(
    cancelled: AddOnCancelled | None, base: _Base, base_ends_at: datetime | None, billed: datetime, now: datetime
) -> tuple[BookingStatus, datetime | None]:
    """Return an add-on's status and end: by its own cancellation, or with its base subscription."""
    if cancelled is not None and cancelled.withdrawn:
        return BookingStatus.WITHDRAWN, cancelled.at
    own_end = cancelled.ends_at if cancelled else None
    ends_at = min((at for at in (own_end, base_ends_at) if at is not None), default=None)
    if base.is_over or (own_end is not None and own_end <= now):
        return BookingStatus.ENDED, ends_at or billed
    return (BookingStatus.CANCELLED if cancelled else BookingStatus.ACTIVE), ends_at
