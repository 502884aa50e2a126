"""A quote for a change of plan: its price and when it would count, as a document."""

from __future__ import annotations

from kulanz.documents.purchases import PlanChange
from kulanz.policy.areas.plan_change import Wanted, quote
from kulanz.policy.assess import assess
from kulanz.policy.state import Moment
from kulanz.queries import values
from kulanz.queries.views import view
from kulanz.services import Services


def plan_change(services: Services, name: str, wanted: Wanted) -> PlanChange:
    """Return the price and time of a change of plan (plexo 5); changes nothing."""
    with services.database.read() as conn:
        seen = view(services, conn, name)
        moment = Moment(seen.terms, seen.account.zone(seen.terms), seen.now)
        state = assess(seen.account.book, seen.terms, moment.zone, seen.now)
        stored_quote = quote(wanted, state, seen.account.book, moment)
    return PlanChange.of(
        stored_quote,
        account_id=seen.account.id,
        subscription_id=values.own_id(stored_quote.subscription),
        clause=stored_quote.clause or None,
    )
