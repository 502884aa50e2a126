"""What the book keeps of one add-on: how it was booked, when it was cancelled, and on which invoice it went out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from kulanz.policy.facts import AddOnBooked, AddOnCancelled, AddOnInvoiced, OwnFact

T = TypeVar("T", AddOnBooked, AddOnCancelled, AddOnInvoiced)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOnLog:
    """One add-on; each part is unknown until its fact has been heard, in whatever order they come."""

    booked: AddOnBooked | None = None
    cancelled: AddOnCancelled | None = None
    """The first cancellation: a second one changes nothing."""
    invoiced: AddOnInvoiced | None = None
    """The first invoice that it went out with."""

    def join(self, other: AddOnLog) -> AddOnLog:
        """Keep the earliest of each."""
        return AddOnLog(
            booked=_first(self.booked, other.booked),
            cancelled=_first(self.cancelled, other.cancelled),
            invoiced=_first(self.invoiced, other.invoiced),
        )


def entries(fact: OwnFact) -> Iterator[tuple[str, str, AddOnLog]]:
    """Yield what a fact tells of an add-on."""
    match fact:
        case AddOnBooked():
            yield "add_ons", fact.id, AddOnLog(booked=fact)
        case AddOnCancelled():
            yield "add_ons", fact.add_on, AddOnLog(cancelled=fact)
        case AddOnInvoiced():
            yield "add_ons", fact.add_on, AddOnLog(invoiced=fact)
        case _:
            pass


def _first(ours: T | None, theirs: T | None) -> T | None:
    if ours is None or theirs is None:
        return theirs if ours is None else ours
    return min(ours, theirs, key=lambda fact: (fact.at, repr(fact)))
