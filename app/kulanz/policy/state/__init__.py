"""The state: values that `assess` computes from the book, and that `decide` returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from kulanz.policy.book import Book
from kulanz.policy.book.keeping import Kept
from kulanz.policy.document import Policy
from kulanz.policy.effects import Effect
from kulanz.policy.facts import OwnFact
from kulanz.policy.state.bookings import Booking
from kulanz.policy.state.closure import ClosureCase
from kulanz.policy.state.findings import (
    Access,
    Case,
    CaseState,
    Chargeback,
    ChargebackWarning,
    DebtStage,
    Grant,
    Hold,
    Lifetime,
    Owner,
    Rights,
    Standing,
    Timer,
)
from kulanz.policy.state.refunds import Refund
from kulanz.policy.state.terms import CALM, FREE, Catalogue, Moment, Situation, Terms

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
    "ChargebackWarning",
    "DebtStage",
    "Decision",
    "Grant",
    "Hold",
    "Lifetime",
    "Moment",
    "Owner",
    "Rights",
    "Situation",
    "Standing",
    "State",
    "Terms",
    "Timer",
    "Transition",
]


class State(Struct, frozen=True, kw_only=True):
    """Assessment of a book at one moment."""

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
    warnings: tuple[ChargebackWarning, ...] = ()
    grants: tuple[Grant, ...] = ()
    lifetimes: tuple[Lifetime, ...] = ()
    bookings: tuple[Booking, ...] = ()
    renewal_stops: tuple[tuple[str, str], ...] = ()
    """Subscriptions whose renewal must not happen, each with its cause: the first counts where there are several."""
    doubled: tuple[str, ...] = ()
    """Subscriptions that have paid for the same as an older one for a day."""
    doubles: tuple[Timer, ...] = ()
    """For each one that does so for less than a day: when that will have lasted a day."""
    overdue: tuple[Timer, ...] = ()
    """For each subscription whose renewal is overdue: since when."""
    renewals: tuple[Timer, ...] = ()
    """For each one whose renewal is awaited: when it will be overdue."""
    deletions: tuple[ClosureCase, ...] = ()
    closed_at: datetime | None = None
    """When the account was closed: its personal data are destroyed in the same step."""
    timers: tuple[Timer, ...] = ()
    debts: tuple[DebtStage, ...] = ()
    refunds: tuple[Refund, ...] = ()
    kept: Kept | None = None
    """The plan and access of an earlier version that are kept although today's rules give less."""

    def case(self, key: str) -> Case | None:
        """Return the case with this key, or that turned out to be the one with this key."""
        for case in self.cases:
            if key in case.names:
                return case
        return None

    def debt(self, case: str) -> DebtStage | None:
        """Return the stage of a case's pursuit, where any step was taken."""
        stored_case = self.case(case)
        return next((debt for debt in self.debts if stored_case and debt.case == stored_case.key), None)

    def chargeback(self, key: str) -> Chargeback | None:
        """Return the chargeback with this key."""
        return next((chargeback for chargeback in self.chargebacks if chargeback.key == key), None)

    def refund(self, key: str) -> Refund | None:
        """Return the refund request with this key."""
        return next((refund for refund in self.refunds if refund.key == key), None)

    def holds_back(self, subscription: str) -> bool:
        """Whether a hold takes the grant of a subscription."""
        return any(hold.scope == "account" or subscription in hold.subscriptions for hold in self.holds)

    def held(self, source: str) -> bool:
        """Whether a case, dispute or override holds something back."""
        return any(hold.source == source for hold in self.holds)

    def concerned(self, subject: str) -> tuple[str, ...]:
        """Return the subscriptions or orders whose customers a notice about a subject goes to, the best first."""
        if (case := self.case(subject)) is not None:
            return (case.subscription,)
        if (dispute := self.chargeback(subject)) is not None:
            return dispute.concerned
        if (refund := self.refund(subject)) is not None:
            return tuple(name for name in (refund.payment.subscription, refund.payment.order) if name)
        return tuple(booking.subscription for booking in self.bookings if booking.id == subject)

    @property
    def names(self) -> Iterator[str]:
        """The names by which its matters are found from outside, such as `refund:rr_1`."""
        yield from (f"dispute:{item.key}" for item in self.chargebacks)
        yield from (f"collection:{item.collection}" for item in self.debts if item.collection)
        yield from (f"add_on:{item.id}" for item in self.bookings)
        yield from (f"refund:{item.key}" for item in self.refunds)
        yield from (f"closure:{item.subject}" for item in self.deletions if item.cause == "closure")

    @property
    def grace_ends_at(self) -> datetime | None:
        """The earliest open end of grace."""
        return min((case.deadline for case in self.cases if case.state is CaseState.GRACE), default=None)

    @property
    def deletion_eligible_at(self) -> datetime | None:
        """Time from which the account's data may be deleted, by the latest chargeback that still counts."""
        return max(
            (chargeback.deletion_eligible_at for chargeback in self.chargebacks if chargeback.deletion_eligible_at),
            default=None,
        )

    @property
    def rights(self) -> Rights:
        """Rights of the account: a change of them is a change of the entitlement."""
        return Rights(self.plan, self.access, self.add_ons, self.quantities)


class Memo:
    """A cached assessment with its inputs; the moment is in the state.

    It is no part of an account's value: each memo equals every other, and an empty one.
    """

    __slots__ = ("book", "state", "terms")

    def __init__(self, book: Book | None = None, terms: Terms | None = None, state: State | None = None) -> None:
        self.book, self.terms, self.state = book, terms, state

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Memo)

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "Memo()"


NO_MEMO = Memo()


class Account(Struct, frozen=True, kw_only=True):
    """An account as stored: the book, and the last published entitlement."""

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
    """Number of decisions: it distinguishes one callback from the next of its kind."""
    decided_at: datetime | None = None
    assessed: Memo = NO_MEMO
    """Never stored: it follows from the book."""

    @property
    def rights(self) -> Rights:
        """Rights that were last published for the account."""
        return Rights(self.plan, self.access, self.add_ons, self.quantities)

    def was_told(self, state: State) -> bool:
        """Whether the state's rights are the last published ones."""
        is_known = self.plan == state.plan and self.access == state.access
        return is_known and self.add_ons == state.add_ons and self.quantities == state.quantities

    def zone(self, terms: Terms) -> str:
        """Return the IANA zone in which its whole-day deadlines are computed."""
        return self.book.word("timezone") or terms.timezone


class Transition(Struct, frozen=True):
    """Two assessments of one account, one after the other."""

    account: Account
    """As it was before."""
    before: State | None
    after: State
    new: Book
    terms: Terms

    @property
    def old(self) -> Book:
        """The book before the new facts."""
        return self.account.book

    def of_act(self, rule: str, rank: int, subject: str, *, notice: str | None = None, **detail: Any) -> Change:
        """Return the line about a step of ours without a clause."""
        policy = self.terms.current
        return Change(rule=rule, clause="", policy=policy, subject=subject, rank=rank, detail=detail, notice=notice)


class Change(Struct, frozen=True, kw_only=True):
    """A difference, with the rule and clause that made it so."""

    rule: str
    clause: str
    policy: Policy
    subject: str
    rank: int = 0
    """The rank of a change: the highest one names the decision."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    callback: str | None = None
    """The type of the callback to the product (CONTRACT section 4)."""
    notice: str | None = None
    """The notice that is mailed for it."""


class Decision(Struct, frozen=True, kw_only=True):
    """The account's next state, the reasons, and the actions to take (I7)."""

    account: Account
    before: State | None
    state: State
    changes: tuple[Change, ...]
    facts: tuple[OwnFact, ...]
    """Our promises and planned steps: recorded like any other fact."""
    effects: tuple[Effect, ...]

    @property
    def changed(self) -> bool:
        """Whether there is anything to record."""
        return bool(self.changes or self.facts or self.effects)

    @property
    def principal(self) -> Change | None:
        """The change that names the decision."""
        return max(self.changes, key=lambda change: change.rank, default=None)
