"""What follows from the facts: the values that `assess` computes and `decide` returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from app.policy.add_ons.booking import Booking
from app.policy.book import Book
from app.policy.closure.matter import Matter
from app.policy.document import Policy
from app.policy.effects import Effect
from app.policy.facts import OwnFact
from app.policy.quick import quick
from app.policy.refunding.values import Refund
from app.policy.terms import CALM, FREE, Catalogue, Moment, Situation, Terms

__all__ = [
    "CALM",
    "FREE",
    "Access",
    "Account",
    "Case",
    "CaseState",
    "Catalogue",
    "Change",
    "Chargeback",
    "Debt",
    "Decision",
    "Given",
    "Hold",
    "Moment",
    "Owner",
    "Rights",
    "Situation",
    "Standing",
    "State",
    "Step",
    "Terms",
    "Timer",
]


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
    """Where a dunning case is. A recovered one is no case any more."""

    GRACE = "grace"
    ON_HOLD = "on_hold"
    VOLUNTARY = "voluntary"
    """The customer cancelled: access to the quoted deadline, and nothing more is asked."""
    EXHAUSTED = "exhausted"
    IN_COLLECTIONS = "in_collections"
    """It was handed over to a collection agency."""
    VOID = "void"
    """An operator waived it."""


class Owner(StrEnum):
    """Who placed a hold, and alone may release it."""

    DUNNING = "dunning"
    DISPUTE = "dispute"
    REFUND = "refund"
    WITHDRAWAL = "withdrawal"
    OPERATOR = "operator"
    LEGAL = "legal"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One unpaid renewal of one subscription."""

    key: str
    subscription: str
    invoice: str | None
    state: CaseState
    opened_at: datetime
    """The first failure, by the provider's clock."""
    deadline: datetime
    """End of grace: the first failure plus the grace period, or what was promised, whichever is later."""
    failures: int
    amount_due: int
    currency: str | None
    policy: Policy
    """The version in force when the case began."""
    names: tuple[str, ...]
    """Its key, and those of cases that turned out to be this one."""
    held_at: datetime | None = None
    hold_ends_at: datetime | None = None
    """How long the hold waits for a late payment."""
    frozen_since: datetime | None = None
    """A dispute is open: timers pause, the remaining time is kept."""

    @property
    def open(self) -> bool:
        """Whether the case still threatens or restricts access."""
        return self.state is CaseState.GRACE or self.state is CaseState.ON_HOLD

    @property
    def given_up(self) -> bool:
        """Whether the subscription is given up and the debt is not."""
        return self.state is CaseState.EXHAUSTED or self.state is CaseState.IN_COLLECTIONS

    @property
    def pursued(self) -> bool:
        """Whether what is owed will be asked for again: also after giving up, where the policy says how."""
        rules = self.policy
        return self.open or (self.given_up and bool(rules.dunning.levels or rules.collections.fields))


@quick
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


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Chargeback:
    """A dispute as it counts now, whatever told us of it."""

    key: str
    status: str
    opened_at: datetime
    decided_at: datetime | None
    """When it was first lost or accepted in its present run."""
    active: bool
    """Whether it is contested or lost: what it reaches is frozen."""
    holds: bool
    """Whether it also restricts: not where operators decide."""
    whole: bool
    """Whether it reaches the whole account."""
    claim: bool
    """Whether it is no more than the claim of a stranger to the account."""
    subscriptions: tuple[str, ...]
    """Those that it reaches in any case: bought by the disputing customer, or all of them for an operator's word."""
    amount: int
    currency: str
    fee: int | None
    fee_currency: str | None
    payment: str | None
    reason: str
    policy: Policy
    deletion_eligible_at: datetime | None = None

    @property
    def reach(self) -> tuple[str, ...] | None:
        """The subscriptions that its hold takes; None: the whole account."""
        return None if self.whole else self.subscriptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """How far the pursuit of one dunning case has come."""

    case: str
    level: int
    """Of the last dunning letter; 0: none."""
    letter: str | None
    """Which text that was."""
    fee: int
    """What it cost, and below what all of them cost, in minor units of the case's currency."""
    fees: int
    collection: str | None = None
    """The hand-over that is proposed, or was made and not recalled."""


class Timer(NamedTuple):
    """A moment at which the policy looks again."""

    kind: str
    subject: str
    due_at: datetime


class Given(NamedTuple):
    """What one subscription gives now, before any hold."""

    subscription: str
    plan: str
    add_on: str | None
    until: datetime | None
    """When that will change by itself, if it is known."""


class Rights(NamedTuple):
    """What an account may use: the entitlement."""

    plan: str
    access: Access
    add_ons: tuple[str, ...]
    quantities: tuple[tuple[str, int], ...]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that follows from a book at one moment."""

    as_of: datetime
    standing: Standing = Standing.GOOD
    plan: str = FREE
    access: Access = Access.FREE
    add_ons: tuple[str, ...] = ()
    quantities: tuple[tuple[str, int], ...] = ()
    """How much is given of each add-on that is booked in quantities."""
    cases: tuple[Case, ...] = ()
    holds: tuple[Hold, ...] = ()
    chargebacks: tuple[Chargeback, ...] = ()
    given: tuple[Given, ...] = ()
    bookings: tuple[Booking, ...] = ()
    noticed: tuple[tuple[str, str], ...] = ()
    """Subscriptions that the customer cancelled by notice, each with the cause for which its renewal is stopped."""
    leaving: tuple[tuple[str, str], ...] = ()
    """Those of an account that is closed or asked to be, whatever they still give, each with that cause."""
    deletions: tuple[Matter, ...] = ()
    closed_at: datetime | None = None
    """When the account was closed: what is personal of it is destroyed in the same step."""
    timers: tuple[Timer, ...] = ()
    debts: tuple[Debt, ...] = ()
    refunds: tuple[Refund, ...] = ()

    def case(self, key: str) -> Case | None:
        """Return the case with this key, or that turned out to be the one with this key."""
        for case in self.cases:
            if key in case.names:
                return case
        return None

    def debt(self, case: str) -> Debt | None:
        """Return how far the pursuit of a case has come, where anything was done about it."""
        found = self.case(case)
        return next((debt for debt in self.debts if found and debt.case == found.key), None)

    def chargeback(self, key: str) -> Chargeback | None:
        """Return the chargeback with this key."""
        return next((one for one in self.chargebacks if one.key == key), None)

    def refund(self, key: str) -> Refund | None:
        """Return the refund request with this key."""
        return next((one for one in self.refunds if one.key == key), None)

    def holds_back(self, subscription: str) -> bool:
        """Whether a hold takes what a subscription gives."""
        return any(hold.scope == "account" or subscription in hold.subscriptions for hold in self.holds)

    @property
    def grace_ends_at(self) -> datetime | None:
        """The earliest open end of grace."""
        return min((case.deadline for case in self.cases if case.state is CaseState.GRACE), default=None)

    @property
    def deletion_eligible_at(self) -> datetime | None:
        """When the account's data may be deleted, by the latest chargeback that still counts."""
        return max((one.deletion_eligible_at for one in self.chargebacks if one.deletion_eligible_at), default=None)

    @property
    def rights(self) -> Rights:
        """What the account may use: a change of it is a change of the entitlement."""
        return Rights(self.plan, self.access, self.add_ons, self.quantities)


class Assessed(NamedTuple):
    """An assessment that is at hand, and what it was made of; the moment is in the state."""

    book: Book
    terms: Terms
    state: State


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who owes and who has access, as stored: the book, and the entitlement that was last told."""

    id: str
    book: Book = field(default_factory=Book)
    plan: str = FREE
    access: Access = Access.FREE
    standing: Standing = Standing.GOOD
    add_ons: tuple[str, ...] = ()
    """Need not be stored, nor need their quantities: they follow from the book."""
    quantities: tuple[tuple[str, int], ...] = ()
    version: int = 0
    """Grows with every change of the entitlement."""
    sequence: int = 0
    """How many decisions there were: what tells one callback from the next of its kind."""
    decided_at: datetime | None = None
    assessed: Assessed | None = field(default=None, repr=False, compare=False)
    """Never stored: it follows from the book."""

    @property
    def rights(self) -> Rights:
        """What the account was last told that it may use."""
        return Rights(self.plan, self.access, self.add_ons, self.quantities)

    def was_told(self, state: State) -> bool:
        """Whether what a state gives is what the account was last told."""
        known = self.plan == state.plan and self.access == state.access
        return known and self.add_ons == state.add_ons and self.quantities == state.quantities

    def zone(self, terms: Terms) -> str:
        """Return the IANA zone in which its whole-day deadlines are computed."""
        return self.book.word("timezone") or terms.timezone


@quick
@dataclass(frozen=True, slots=True)
class Step:
    """Two assessments of one account, one after the other."""

    account: Account
    """As it was before."""
    before: State | None
    after: State
    new: Book
    terms: Terms

    @property
    def old(self) -> Book:
        """What was known before."""
        return self.account.book


@quick
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


@quick
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
