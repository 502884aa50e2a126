"""The pots of prepaid credit as they stand: the rest of each, and whether it can be used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kulanz.policy.book import Book
from kulanz.policy.book.credit import CreditPot
from kulanz.policy.facts import CreditBooked, CreditEntry
from kulanz.policy.state import Access, Standing, State


class PotStatus(StrEnum):
    """The possible uses of a pot's credit."""

    USABLE = "usable"
    BLOCKED = "blocked"
    """The account has no access; the credit is kept."""
    FORFEITED = "forfeited"
    """The account, or the number that the pot is for, was ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pot:
    """One pot; amounts in minor units, without taxes."""

    name: str
    currency: str
    bought: int
    spent: int
    status: PotStatus
    ended_at: datetime | None

    @property
    def left(self) -> int:
        """Credit that was bought and not spent."""
        return max(self.bought - self.spent, 0)

    @property
    def balance(self) -> int:
        """Credit of the pot; while the pot is blocked none of it can be used."""
        return 0 if self.status is PotStatus.FORFEITED else self.left

    @property
    def forfeited(self) -> int:
        """Credit that was left when the pot ended."""
        return self.left - self.balance

    @property
    def due(self) -> int:
        """Charges beyond what was bought: they stay due."""
        return max(self.spent - self.bought, 0)


def pots(book: Book, state: State) -> Iterator[Pot]:
    """Yield every pot by name."""
    for name, record in sorted(book.credit.items()):
        facts = movements(record)
        if facts:
            yield _pot(name, record, facts, state)


def movements(record: CreditPot) -> list[CreditBooked]:
    """Return the movements of a pot, oldest first; the first one decides the currency, and others do not count."""
    facts = sorted((item.told for item in record.booked.values()), key=lambda item: (item.at, item.id))
    return [item for item in facts if item.currency == facts[0].currency]


def blocked_since(state: State) -> datetime | None:
    """Return since when the account has had no access, or None where it has some."""
    if state.access is not Access.NONE:
        return None
    return min((hold.since for hold in state.holds if hold.access is Access.NONE), default=state.as_of)


def _pot(name: str, record: CreditPot, facts: list[CreditBooked], state: State) -> Pot:
    return Pot(
        name=name,
        currency=facts[0].currency,
        bought=sum(fact.amount for fact in facts if fact.entry is CreditEntry.BOUGHT),
        spent=sum(fact.amount for fact in facts if fact.entry is CreditEntry.SPENT),
        status=_status(record, state),
        ended_at=record.ended.at if record.ended else None,
    )


def _status(record: CreditPot, state: State) -> PotStatus:
    if record.ended is not None or state.standing is Standing.CLOSED:
        return PotStatus.FORFEITED
    return PotStatus.BLOCKED if state.access is Access.NONE else PotStatus.USABLE
