"""The book's record of rights that an account keeps although today's rules give less."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from kulanz.policy.facts import KeptAfterUpgrade

PLAN = "plan"
"""The subject of the account's last entitlement; every other one is a purchase that another account has, too."""


def entries(fact: object) -> Iterator[tuple[str, str, Kept]]:
    """Yield the records of kept rights in a fact."""
    if isinstance(fact, KeptAfterUpgrade):
        yield "kept", fact.subject, Kept(until=fact.until, since=fact.at, plan=fact.plan, access=fact.access)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The time until which the account keeps it; a later word prolongs that."""

    until: datetime
    since: datetime
    plan: str | None = None
    access: str | None = None

    def join(self, other: Kept) -> Kept:
        """Keep the later end, and the first beginning."""
        later = max(self, other, key=lambda kept: (kept.until, kept.plan or "", kept.access or ""))
        return Kept(until=later.until, since=min(self.since, other.since), plan=later.plan, access=later.access)
