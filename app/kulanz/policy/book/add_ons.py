"""The book's record of one add-on: how it was booked, when it was cancelled, and on which invoices it went out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kulanz.policy.book.joining import first
from kulanz.policy.facts import AddOnBooked, AddOnCancelled, AddOnInvoiced, OwnFact


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOnLog:
    """One add-on; each part is unknown until its fact has arrived, in any order."""

    booked: AddOnBooked | None = None
    cancelled: AddOnCancelled | None = None
    """The withdrawal, else the first cancellation: a second one changes nothing."""
    invoiced: AddOnInvoiced | None = None
    """The first invoice that it went out with."""
    later: tuple[AddOnInvoiced, ...] = ()
    """Every other invoice that lines of it went out with, the oldest first."""
    parts: tuple[AddOnCancelled, ...] = ()
    """Pieces that were cancelled while others stayed, the oldest first."""

    def join(self, other: AddOnLog) -> AddOnLog:
        """Keep the earliest of each."""
        invoices = [*self.invoices, *other.invoices]
        by_invoice = {fact.invoice: fact for fact in sorted(invoices, key=_order, reverse=True)}
        ordered = sorted(by_invoice.values(), key=_order)
        return AddOnLog(
            booked=first(self.booked, other.booked),
            cancelled=_kinder(self.cancelled, other.cancelled),
            invoiced=ordered[0] if ordered else None,
            later=tuple(ordered[1:]),
            parts=_each_once((*self.parts, *other.parts)),
        )

    @property
    def invoices(self) -> tuple[AddOnInvoiced, ...]:
        """The invoices that lines of it went out with, the oldest first."""
        return (*((self.invoiced,) if self.invoiced else ()), *self.later)


def entries(fact: OwnFact) -> Iterator[tuple[str, str, AddOnLog]]:
    """Yield the records of an add-on in a fact."""
    match fact:
        case AddOnBooked():
            yield "add_ons", fact.id, AddOnLog(booked=fact)
        case AddOnCancelled() if fact.part:
            yield "add_ons", fact.add_on, AddOnLog(parts=(fact,))
        case AddOnCancelled():
            yield "add_ons", fact.add_on, AddOnLog(cancelled=fact)
        case AddOnInvoiced():
            yield "add_ons", fact.add_on, AddOnLog(invoiced=fact)
        case _:
            pass


def withdrawal(add_ons: Mapping[str, AddOnLog], name: str) -> AddOnCancelled | None:
    """Return how a booking, or a part of one, was withdrawn from."""
    for key, log in add_ons.items():
        of_it = [log.cancelled] if key == name else [part for part in log.parts if part.part == name]
        for fact in of_it:
            return fact if fact is not None and fact.withdrawn else None
    return None


def taken_off(add_ons: Mapping[str, AddOnLog], invoice: str) -> int:
    """Return the part of an invoice that is not owed, as bookings on it were withdrawn from."""
    logs = (log for log in add_ons.values() if log.invoiced is not None and log.invoiced.invoice == invoice)
    return sum(fact.refund_due for log in logs for fact in (log.cancelled, *log.parts) if fact and fact.withdrawn)


def _order(fact: AddOnInvoiced | AddOnCancelled) -> tuple[object, ...]:
    return fact.at, repr(fact)


def _kinder(ours: AddOnCancelled | None, theirs: AddOnCancelled | None) -> AddOnCancelled | None:
    """Return the withdrawal, which outranks a cancellation, or the earlier of two equals."""
    both = [fact for fact in (ours, theirs) if fact is not None]
    return min(both, key=lambda fact: (not fact.withdrawn, *_order(fact)), default=None)


def _each_once(parts: tuple[AddOnCancelled, ...]) -> tuple[AddOnCancelled, ...]:
    """Return the parts by their ids; of two for one id, the first."""
    if not parts:
        return parts
    by_part = {fact.part: fact for fact in sorted(parts, key=_order, reverse=True)}
    return tuple(sorted(by_part.values(), key=_order))
