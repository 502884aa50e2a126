"""Orders about what an account has beside its plan: add-ons and prepaid credit."""

from __future__ import annotations

import secrets
from datetime import datetime

from app.commands import BookAddOn, CancelAddOn, EndCredit, MoveCredit
from app.policy.add_ons import ordering as add_ons
from app.policy.assess import assess
from app.policy.credit import ordering as credit
from app.policy.facts import AddOnBooked, AddOnCancelled, CreditBooked, CreditEnded
from app.policy.model import Account, Moment, Terms

Order = BookAddOn | CancelAddOn | MoveCredit | EndCredit


def fact_of(
    order: Order, account: Account, terms: Terms, actor: str, now: datetime
) -> AddOnBooked | AddOnCancelled | CreditBooked | CreditEnded:
    """Return the fact that an order is; raise what says why it cannot be carried out."""
    book = account.book
    moment = Moment(terms.under(book, now), account.zone(terms), now)
    state = assess(book, terms, moment.zone, now)
    match order:
        case BookAddOn():
            return add_ons.book(order, state, book, moment, ident=_ident("ao"), actor=actor)
        case CancelAddOn():
            return add_ons.cancel(order, state, book, moment, actor=actor)
        case MoveCredit():
            return credit.move(order, state, book, moment, ident=_ident("cr"), actor=actor)
        case EndCredit():
            return credit.end(order, state, book, moment, actor=actor)


def _ident(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(8)}"
