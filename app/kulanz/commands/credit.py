"""MoveCredits of prepaid credit as facts, and why they may be refused (bitrix24)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kulanz.errors import InvalidInputError, NotFoundError, RefusedError
from kulanz.policy.areas.credit.pots import Pot, PotStatus, blocked_since, movements, pots
from kulanz.policy.book import Book
from kulanz.policy.calendar.time import aware
from kulanz.policy.facts import CreditBooked, CreditEnded, CreditEntry
from kulanz.policy.state import Moment, State

_WORDS = {
    "other_service": "used as payment for another service",
    "invoice": "used for open invoices",
    "transfer": "transferred to another account",
    "refund": "refunded: it has no cash value",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveCredit:
    """Credit bought or spent, as reported by the merchant; in minor units."""

    pot: str
    entry: CreditEntry
    amount: int
    currency: str
    use: str = "service"
    incurred_at: datetime | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndCredit:
    """End of a pot's number or service: its remaining credit is forfeited."""

    pot: str
    reference: str | None = None


def move(command: MoveCredit, state: State, book: Book, moment: Moment, *, ident: str, actor: str) -> CreditBooked:
    """Return the movement as a fact, or raise the reason why it is impossible.

    A reference that the pot knows is the same movement again, independent of later changes of the credit.
    """
    before = _told_before(command, book)
    if before is not None:
        return before
    pot = next((other_pot for other_pot in pots(book, state) if other_pot.name == command.pot), None)
    _check(command, pot, moment)
    _check_use(command, moment)
    if command.entry is CreditEntry.BOUGHT:
        _check_buying(pot)
    else:
        _check_spending(command, pot, state)
    return CreditBooked(
        id=ident,
        pot=command.pot,
        entry=command.entry,
        amount=command.amount,
        currency=command.currency,
        at=moment.at,
        incurred_at=aware(command.incurred_at) if command.incurred_at else None,
        reference=command.reference,
        actor=actor,
    )


def end(command: EndCredit, state: State, book: Book, moment: Moment, *, actor: str) -> CreditEnded:
    """Return the end of a pot, or raise the reason why it cannot end."""
    pot = next((other_pot for other_pot in pots(book, state) if other_pot.name == command.pot), None)
    if pot is None:
        raise NotFoundError(f"no credit {command.pot!r}")
    if pot.ended_at is not None:
        raise RefusedError(f"the credit {command.pot} has ended already")
    return CreditEnded(pot=command.pot, at=moment.at, reference=command.reference, actor=actor)


def _told_before(command: MoveCredit, book: Book) -> CreditBooked | None:
    record = book.credit.get(command.pot)
    if record is None or command.reference is None:
        return None
    same = (
        movement
        for movement in movements(record)
        if (movement.entry, movement.reference) == (command.entry, command.reference)
    )
    fact = next(same, None)
    if fact is not None and (fact.amount, fact.currency) != (command.amount, command.currency):
        raise RefusedError("reference: recorded already with another amount or currency")
    return fact


def _check(command: MoveCredit, pot: Pot | None, moment: Moment) -> None:
    if command.amount < 1:
        raise InvalidInputError("amount: at least 1")
    if pot is not None and command.currency != pot.currency:
        raise InvalidInputError(f"currency: the credit {pot.name} is in {pot.currency}")
    if command.incurred_at is not None and command.incurred_at > moment.at:
        raise InvalidInputError("incurred_at: this is still to come")
    if command.entry is CreditEntry.BOUGHT and (command.incurred_at is not None or command.use != "service"):
        raise InvalidInputError("use and incurred_at: only of credit that is spent")


def _check_use(command: MoveCredit, moment: Moment) -> None:
    rules = moment.terms.at(moment.at).credit
    if command.use not in rules.uses:
        clause = f" (clause {rules.clause})" if rules.clause else ""
        raise RefusedError(f"credit is never {_WORDS.get(command.use, command.use)}{clause}")


def _check_buying(pot: Pot | None) -> None:
    if pot is not None and pot.status is PotStatus.FORFEITED:
        raise RefusedError(f"the credit {pot.name} has ended")


def _check_spending(command: MoveCredit, pot: Pot | None, state: State) -> None:
    """Refuse what cannot be used any more; a charge that arose before stays due and is never refused."""
    if pot is None:
        raise NotFoundError(f"no credit {command.pot!r}")
    since = min((at for at in (pot.ended_at, blocked_since(state)) if at is not None), default=None)
    arose = command.incurred_at
    if pot.status is not PotStatus.USABLE and (arose is None or since is None or arose >= since):
        raise RefusedError(f"the credit {pot.name} is {pot.status}")
    if arose is None and command.amount > pot.balance:
        raise RefusedError(f"the credit {pot.name} has {pot.balance} {pot.currency} left, in minor units")
