"""Findings of an assessment: cases, holds, chargebacks, grants, timers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from kulanz.policy.document import Policy


class Standing(StrEnum):
    """Our decision about the account, from best to worst."""

    GOOD = "good"
    GRACE = "grace"
    ON_HOLD = "on_hold"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class Access(StrEnum):
    """Access of the account now."""

    FULL = "full"
    FREE = "free"
    NONE = "none"

    @property
    def rank(self) -> int:
        """The order: the greater one allows more."""
        return (Access.NONE, Access.FREE, Access.FULL).index(self)


class CaseState(StrEnum):
    """Stage of a dunning case. A recovered one is no case any more."""

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
    """Owner of a hold: its cause, which alone may release it."""

    DUNNING = "dunning"
    DISPUTE = "dispute"
    REFUND = "refund"
    WITHDRAWAL = "withdrawal"
    OPERATOR = "operator"
    LEGAL = "legal"


class Case(Struct, frozen=True, kw_only=True):
    """An unpaid renewal of one subscription."""

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
    """A dispute is open, or the subscription is paused: timers pause, the remaining time is kept."""
    paused: bool = False
    """Whether the subscription is paused."""
    bounced: bool = False
    """Whether the bank took the payment back: only money ends the case, and no later status of the provider."""
    whole: bool = True
    """Whether a hold that leaves no access takes the whole account, and not its purchase alone."""
    claim: bool = False
    """Whether it is only an unverified claim, which does not count for the account's standing."""
    decimals: int | None = None
    """How many decimals the amount has, where the provider has others than the currency; so it is below."""

    @property
    def open(self) -> bool:
        """Whether the case still threatens or restricts access."""
        return self.state is CaseState.GRACE or self.state is CaseState.ON_HOLD

    @property
    def given_up(self) -> bool:
        """Whether the subscription is given up and the debt is not."""
        return self.state is CaseState.EXHAUSTED or self.state is CaseState.IN_COLLECTIONS

    @property
    def holds(self) -> bool:
        """Whether the case restricts access: while it is on hold, or until it is paid where the policy says so."""
        return self.state is CaseState.ON_HOLD or (self.given_up and self.policy.dunning.hold_ends == "paid")

    @property
    def pursued(self) -> bool:
        """Whether the debt still counts: also after giving up, where the policy says so."""
        rules = self.policy
        is_owed = rules.dunning.hold_ends == "paid" or bool(rules.dunning.levels or rules.collections.fields)
        return self.open or (self.given_up and is_owed)


class Hold(Struct, frozen=True, kw_only=True):
    """A reason to restrict, with a release of its own (I4)."""

    key: str
    owner: Owner
    source: str
    """The case, dispute or override that it comes from."""
    since: datetime
    scope: str
    """`account` or `subscription`."""
    subscriptions: tuple[str, ...] = ()
    access: Access = Access.FREE
    """The access that remains within its reach."""
    counts: bool = True
    """Whether it makes the account's standing worse; a stranger's chargeback does not."""


class Chargeback(Struct, frozen=True, kw_only=True):
    """A dispute as it counts now, from any source."""

    key: str
    status: str
    opened_at: datetime
    decided_at: datetime | None
    """When it was first lost or accepted in its present run."""
    active: bool
    """Whether it is contested or lost."""
    holds: bool
    """Whether it also restricts: not where operators decide."""
    whole: bool
    """Whether it reaches the whole account."""
    claim: bool
    """Whether it is only an unverified claim on the account."""
    subscriptions: tuple[str, ...]
    """Those of the disputed purchase; where it reaches the whole account, every one that is not renewed."""
    concerned: tuple[str, ...]
    """The subscription of the disputed payment, else all that it reaches: its customer gets the notices."""
    amount: int
    currency: str
    fee: int | None
    fee_currency: str | None
    payment: str | None
    reason: str
    policy: Policy
    deletion_eligible_at: datetime | None = None
    purchase: str | None = None
    """The name of the disputed purchase, where it is known."""
    contested_since: datetime | None = None
    """Since when it is contested in its present run: dunning of what it restricts is frozen meanwhile."""
    decimals: int | None = None
    about: tuple[str, ...] = ()
    """The subscriptions that it is or may be about: frozen although nothing is taken."""
    answer_by: datetime | None = None
    """Until when it has to be answered at the provider; None: answered, decided, or no such time is known."""

    @property
    def reach(self) -> tuple[str, ...] | None:
        """The subscriptions that its hold takes; None: the whole account."""
        return None if self.whole else self.subscriptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargebackWarning:
    """A payment that is likely to be charged back, while a refund may still prevent that."""

    key: str
    payment: str | None
    """Its one name, where the warning names one."""
    warned_at: datetime
    reason: str
    amount: int
    currency: str | None
    """None: the payment is not known here."""
    decimals: int | None
    refundable: int
    """The amount that the policy lets go back of it."""
    closed_as: str | None
    """Why no step is needed any more: `refunded`, `answered` (a refund was requested), `disputed` or `over`."""
    policy: Policy

    @property
    def open(self) -> bool:
        """Whether a person has to decide about a refund."""
        return self.closed_as is None


@dataclass(frozen=True, slots=True, kw_only=True)
class DebtStage:
    """Stage of the pursuit of one dunning case."""

    case: str
    level: int
    """Of the last dunning letter; 0: none."""
    letter: str | None
    """The text of that letter."""
    fee: int
    """Its fee, and below the sum of all fees, in minor units of the case's currency."""
    fees: int
    collection: str | None = None
    """The hand-over that is proposed, or was made and not recalled."""


class Timer(Struct, frozen=True, gc=False):
    """A moment of the next assessment."""

    kind: str
    subject: str
    due_at: datetime


class Grant(Struct, frozen=True, gc=False):
    """Rights from one subscription now, before any hold."""

    subscription: str
    plan: str
    add_on: str | None
    until: datetime | None
    """When that will change on schedule, if it is known."""
    quantity: int = 1
    unpaid_plan: str | None = None
    """The dearer plan that was chosen and is not paid for (`upgrade_unpaid`)."""


class Lifetime(NamedTuple):
    """A plan that one order gives for good."""

    order: str
    plan: str


class Rights(Struct, frozen=True, gc=False):
    """Rights of an account: the entitlement."""

    plan: str
    access: Access
    add_ons: tuple[str, ...]
    quantities: tuple[tuple[str, int], ...]
