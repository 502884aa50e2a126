"""A quote for a change of plan: its price and when it would count, as a document."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from kulanz.policy.areas.plan_change import Wanted, quote
from kulanz.policy.assess import assess
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.state import Moment
from kulanz.queries import values
from kulanz.queries.views import JsonDocument, view
from kulanz.services import Services


def plan_change(services: Services, name: str, wanted: Wanted) -> JsonDocument:
    """Return the price and time of a change of plan (plexo 5); changes nothing."""
    with services.database.read() as conn:
        seen = view(services, conn, name)
        moment = Moment(seen.terms, seen.account.zone(seen.terms), seen.now)
        state = assess(seen.account.book, seen.terms, moment.zone, seen.now)
        stored_quote = quote(wanted, state, seen.account.book, moment)
    stated = {
        name: rfc3339(value) if isinstance(value, datetime) else value for name, value in asdict(stored_quote).items()
    }
    subscription = stated.pop("subscription")
    return {
        "account_id": seen.account.id,
        "subscription_id": values.own_id(subscription),
        **stated,
        "clause": stored_quote.clause or None,
    }
