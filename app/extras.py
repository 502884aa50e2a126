"""What an account has beside its plan, and what another plan would cost: add-ons, prepaid credit, plan changes."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from datetime import datetime

from app import enquiries
from app.commands import BookAddOn, CancelAddOn, EndCredit, MoveCredit
from app.enquiries import Document
from app.policy.add_ons import ordering as add_ons
from app.policy.assess import assess
from app.policy.credit import ordering as credit
from app.policy.facts import AddOnBooked, AddOnCancelled, CreditBooked, CreditEnded
from app.policy.model import Account, Moment, Terms
from app.policy.plan_change import Wanted, quote
from app.policy.telling import rfc3339
from app.services import Services

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


def plan_change(services: Services, name: str, wanted: Wanted) -> Document:
    """Return what a change of plan would charge, and when it would count (plexo 5); nothing is changed."""
    with services.database.read() as conn:
        seen = enquiries.view(services, conn, name)
        moment = Moment(seen.terms, seen.account.zone(seen.terms), seen.now)
        state = assess(seen.account.book, seen.terms, moment.zone, seen.now)
        found = quote(wanted, state, seen.account.book, moment)
    told = {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in asdict(found).items()}
    subscription = told.pop("subscription")
    return {
        "account_id": seen.account.id,
        "subscription_id": subscription.partition(":")[2] if subscription else None,
        **told,
        "clause": found.clause or None,
    }


def _ident(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(8)}"
