"""What follows from the facts: the values that `assess` computes and `decide` returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from app.policy.book import Book
from app.policy.document import Policy
from app.policy.effects import Effect
from app.policy.facts import OwnFact

FREE = "free"


class Standing(StrEnum):
    """What we decided for the account, from best to worst."""

    GOOD = "good"
    GRACE = "grace"
    ON_HOLD = "on_hold"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class Access(StrEnum):
    """What the account may use now."""

    FULL = "full"
    FREE = "free"
    NONE = "none"


class CaseState(StrEnum):
    """Where a dunning case is. A recovered or void case is no case any more."""

    GRACE = "grace"
    ON_HOLD = "on_hold"
    VOLUNTARY = "voluntary"
    EXHAUSTED = "exhausted"


class Owner(StrEnum):
    """Who placed a hold, and alone may release it."""

    DUNNING = "dunning"
    DISPUTE = "dispute"
    REFUND = "refund"
    WITHDRAWAL = "withdrawal"
    OPERATOR = "operator"
    LEGAL = "legal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One unpaid renewal of one subscription."""

    key: str
    subscription: str
    invoice: str | None
    state: CaseState
    opened_at: datetime
    deadline: datetime
    """End of grace: the first failure plus the grace period, or what was promised, whichever is later."""
    failures: int
    amount_due: int
    currency: str | None
    policy: Policy
    """The version in force when the case began."""
    names: tuple[str, ...] = ()
    """Its key, and those of cases that turned out to be this one."""
    held_at: datetime | None = None
    frozen_since: datetime | None = None
    """A dispute is open: timers pause, the remaining time is kept."""

    @property
    def open(self) -> bool:
        """Whether the case still threatens or restricts access."""
        return self.state in {CaseState.GRACE, CaseState.ON_HOLD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One reason to restrict, with a release of its own (I4)."""

    key: str
    owner: Owner
    source: str
    """The case, dispute or override that it comes from."""
    since: datetime
    scope: str
    """`account` or `subscription`."""
    subscriptions: tuple[str, ...] = ()
    access: Access = Access.FREE
    """What is left of what it reaches."""
    counts: bool = True
    """Whether it makes the account's standing worse; a stranger's chargeback does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chargeback:
    """A dispute as it counts now, whatever told us of it."""

    key: str
    status: str
    opened_at: datetime
    decided_at: datetime | None
    """When it was first lost or accepted in its present run."""
    holds: bool
    customer: str | None
    subscriptions: tuple[str, ...]
    """Those of the account that the disputing customer bought; all of them for an operator's word."""
    amount: int
    currency: str
    fee: int | None
    fee_currency: str | None
    payment: str | None
    reason: str
    policy: Policy
    deletion_eligible_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """A moment at which the policy looks again."""

    kind: str
    subject: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What one subscription gives now, before any hold."""

    subscription: str
    plan: str
    add_on: str | None
    until: datetime | None
    """When that will change by itself, if it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that follows from a book at one moment."""

    as_of: datetime
    standing: Standing
    plan: str
    access: Access
    add_ons: tuple[str, ...]
    cases: tuple[Case, ...]
    holds: tuple[Hold, ...]
    chargebacks: tuple[Chargeback, ...]
    given: tuple[Given, ...]
    timers: tuple[Timer, ...]

    def case(self, key: str) -> Case | None:
        """Return the case with this key, if there is one."""
        return next((case for case in self.cases if case.key == key), None)

    @property
    def grace_ends_at(self) -> datetime | None:
        """The earliest open end of grace."""
        return min((case.deadline for case in self.cases if case.state is CaseState.GRACE), default=None)

    @property
    def deletion_eligible_at(self) -> datetime | None:
        """When the account's data may be deleted, by the latest chargeback that still counts."""
        return max((one.deletion_eligible_at for one in self.chargebacks if one.deletion_eligible_at), default=None)

    @property
    def rights(self) -> tuple[str, Access, tuple[str, ...]]:
        """What the account may use: a change of it is a change of the entitlement."""
        return self.plan, self.access, self.add_ons


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Which plan a provider's variant is, and which plan is higher (`KULANZ_PLANS`)."""

    variants: Mapping[str, str] = field(default_factory=dict)
    """`provider:variant` → plan, or `addon:<name>`."""
    order: Mapping[str, int] = field(default_factory=dict)
    """Rising; `free` is below all and a plan that is not listed just above it."""

    @classmethod
    def of(cls, pairs: tuple[tuple[str, str], ...]) -> Catalogue:
        """Build the catalogue from the setting's pairs, the last plan being the highest."""
        plans = dict.fromkeys(plan for _, plan in pairs if not plan.startswith("addon:"))
        return cls(variants=dict(pairs), order={plan: rank for rank, plan in enumerate(plans, start=2)})

    def plan(self, variant: str, product: str) -> str:
        """Return the plan or `addon:<name>` of a variant; an unmapped one is the slug of its product (never `free`)."""
        known = self.variants.get(variant)
        if known is not None:
            return known
        return product if product and product != FREE else f"product-{variant.rpartition(':')[2]}"

    def rank(self, plan: str) -> tuple[int, str]:
        """Return the plan's height; two unlisted plans are ordered by name so that the answer never wavers."""
        return (0, "") if plan == FREE else (self.order.get(plan, 1), plan)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What decisions are made by, beside the facts: policy versions, the catalogue, the means at hand."""

    policies: tuple[tuple[datetime, Policy], ...]
    """With the instant from which each is in force, rising; never empty."""
    catalogue: Catalogue = field(default_factory=Catalogue)
    timezone: str = "UTC"
    can_look: frozenset[str] = frozenset()
    """Providers with an API key: they are asked before access is taken."""

    @cached_property
    def current(self) -> Policy:
        """The newest policy."""
        return self.policies[-1][1]

    def at(self, instant: datetime) -> Policy:
        """Return the version in force at an instant, or the first one for what began before it."""
        found = self.policies[0][1]
        for effective_from, policy in self.policies:
            if effective_from <= instant:
                found = policy
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the rest of the world means for one account while it is decided about."""

    parked: bool = False
    """An event of the account is parked: nothing is taken by dunning meanwhile."""
    braked: bool = False
    """More accounts than the policy allows would lose access: operators decide (the brake)."""


CALM = Situation()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who owes and who has access, as stored: the book, and the entitlement that was last told."""

    id: str
    book: Book = field(default_factory=Book)
    plan: str = FREE
    access: Access = Access.FREE
    standing: Standing = Standing.GOOD
    add_ons: tuple[str, ...] = ()
    version: int = 0
    """Grows with every change of the entitlement."""
    sequence: int = 0
    """How many decisions there were: what tells one callback from the next of its kind."""
    decided_at: datetime | None = None

    def zone(self, terms: Terms) -> str:
        """Return the IANA zone in which its whole-day deadlines are computed."""
        return self.book.word("timezone") or terms.timezone


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that became different, with the rule and clause that made it so."""

    rule: str
    clause: str
    policy: Policy
    subject: str
    rank: int = 0
    """Which of several changes names the decision: the highest."""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The account's next state, why, and what the world must be told (I7)."""

    account: Account
    before: State | None
    state: State
    changes: tuple[Change, ...]
    facts: tuple[OwnFact, ...]
    """What we promised or set out to do: recorded like any other fact."""
    effects: tuple[Effect, ...]

    @property
    def changed(self) -> bool:
        """Whether there is anything to record."""
        return bool(self.changes or self.facts or self.effects)

    @property
    def principal(self) -> Change | None:
        """The change that names the decision."""
        return max(self.changes, key=lambda change: change.rank, default=None)


def with_book(account: Account, book: Book) -> Account:
    """Return the account with another book."""
    return replace(account, book=book)
