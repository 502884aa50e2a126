"""The customer of one line: bought a plan on day 0 for thirty days, and paid."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from kulanz.policy.areas.plan_change import Quote
from kulanz.policy.facts import Fact
from kulanz.policy.state import Change, Moment
from kulanz.policy.state.bookings import Booking
from kulanz.policy_tests.stage import Stage
from kulanz.policy_tests.told import DAY, MONDAY, PRO

BOUGHT = MONDAY - 30 * DAY
UNLISTED = "lemonsqueezy:394499"
_DAY = re.compile(r"(\d{1,5})(?: at (\d\d):(\d\d))?")

Sentences = dict[str, Callable[..., object]]
"""The function of a step or an outcome, by its sentence."""


@dataclass(kw_only=True)
class Story:
    """A customer with their history."""

    stage: Stage
    plans: tuple[str, ...]
    """The merchant's plans, rising; the first is the one bought on day 0."""
    told: int = 0
    """Number of decisions before the first step."""
    refused: str = ""
    renewals: int = 0
    disputed_at: datetime | None = None
    quoted: list[Quote] = field(default_factory=list)
    """The prices of changes of plan that were asked for."""
    dispute: dict[str, Any] = field(default_factory=dict)
    """The fields that every event of the chargeback has."""

    def at(self, day: str) -> datetime:
        """Return the instant of `36`, which is at nine o'clock in UTC, or of `36 at 09:30` in the customer's zone."""
        match = _DAY.fullmatch(day)
        if match is None:
            raise ValueError(f"{day!r} is not a day such as 36, or 36 at 09:30")
        number, hour, minute = match.groups()
        then = BOUGHT + timedelta(days=int(number))
        if hour is None:
            return then
        local = then.astimezone(ZoneInfo(self.stage.account.zone(self.stage.terms)))
        return local.replace(hour=int(hour), minute=int(minute)).astimezone(BOUGHT.tzinfo)

    def hear(self, *facts: Fact) -> None:
        """Let facts arrive now."""
        self.stage.hear(*facts)

    def bought(self, plan: str) -> dict[str, Any]:
        """Return the fields of a subscription to a plan; an unlisted plan is named by its product."""
        return {"variant": variant(self.plans.index(plan)) if plan in self.plans else UNLISTED, "product": plan}

    @property
    def moment(self) -> Moment:
        """The moment and the terms of the assessment."""
        return self.stage.moment

    @property
    def bookings(self) -> list[Booking]:
        """The add-ons, in the order in which they were booked."""
        return sorted(self.stage.state.bookings, key=lambda booking: booking.id)

    @property
    def clauses(self) -> set[str]:
        """The clauses that a decision or a quote of the story named."""
        decided = (change.clause for change in self.changes)
        return {*decided, *(quote.clause for quote in self.quoted)} - {""}

    @property
    def changes(self) -> list[Change]:
        """The changes since the first step."""
        return [change for decision in self.stage.decisions[self.told :] for change in decision.changes]


def variant(place: int) -> str:
    """Return the provider's name for the plan at a place of the merchant's list."""
    provider, _, number = PRO.partition(":")
    return f"{provider}:{int(number) + place}"
