"""Commands about an account's add-ons, prepaid credit, moves and notices."""

from __future__ import annotations

import secrets
from datetime import datetime

from kulanz.commands import add_ons, contacts, credit
from kulanz.commands import cancellations as cancelling
from kulanz.commands import migrations as moving
from kulanz.commands.commands import (
    BookAddOn,
    CancelAddOn,
    EndCredit,
    Extra,
    MoveCredit,
    NoteCancellation,
    NoteContact,
    RecordMove,
)
from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.facts import (
    AddOnBooked,
    AddOnCancelled,
    CancellationNoted,
    ContactNoted,
    CreditBooked,
    CreditEnded,
    MovedToOnPremise,
)
from kulanz.policy.state import Account, Moment, Terms


def fact_of(
    order: Extra, account: Account, terms: Terms, actor: str, now: datetime
) -> AddOnBooked | AddOnCancelled | CreditBooked | CreditEnded | MovedToOnPremise | CancellationNoted | ContactNoted:
    """Return a command's fact; raise the reason why it cannot be executed."""
    book = account.book
    moment = Moment(terms.under(book, now), account.zone(terms), now)
    if isinstance(order, RecordMove | NoteContact):
        return _told(order, book, moment, actor)
    state = assess(book, terms, moment.zone, now)
    match order:
        case BookAddOn():
            return add_ons.book(order, state, book, moment, ident=_ident("ao"), actor=actor)
        case CancelAddOn():
            return add_ons.cancel(order, state, book, moment, ident=_ident("ao"), actor=actor)
        case MoveCredit():
            return credit.move(order, state, book, moment, ident=_ident("cr"), actor=actor)
        case EndCredit():
            return credit.end(order, state, book, moment, actor=actor)
        case NoteCancellation():
            return cancelling.note(order, state, book, moment, ident=_ident("cn"), actor=actor)


def _told(order: RecordMove | NoteContact, book: Book, moment: Moment, actor: str) -> MovedToOnPremise | ContactNoted:
    """Return the fact of an operator's statement, in any state of the account."""
    if isinstance(order, RecordMove):
        return moving.move(order, book, moment, ident=_ident("mv"), actor=actor)
    return contacts.note(order, book, moment, ident=_ident("ct"), actor=actor)


def _ident(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(8)}"
