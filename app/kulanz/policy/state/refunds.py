"""The state of a refund request, with its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from kulanz.policy.document import Policy
from kulanz.policy.document.refunds import DeveloperRules
from kulanz.policy.facts import BillingReason


class Verdict(StrEnum):
    """Verdict of the policy on a request."""

    ELIGIBLE = "eligible"
    NOT_ELIGIBLE = "not_eligible"
    REVIEW = "review"
    """A person has to decide."""


class RefundState(StrEnum):
    """Stage of a request."""

    REQUESTED = "requested"
    """The policy has given its verdict, and an operator is to say yes or no."""
    REVIEW = "review"
    """The policy leaves it to a person."""
    APPROVED = "approved"
    """It is to be carried out at the provider."""
    SENT = "sent"
    """The provider has taken it, and has not yet reported that the money went back."""
    PAID = "paid"
    FAILED = "failed"
    """It could not be carried out: a person has to look."""
    DENIED = "denied"


UNDECIDED_STATES = frozenset({RefundState.REQUESTED, RefundState.REVIEW})
CLOSED_STATES = frozenset({RefundState.PAID, RefundState.DENIED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment with all its records. Amounts in minor units of its currency."""

    key: str
    """Its one name: the order's where there is one."""
    order: str | None
    invoice: str | None
    customer: str
    currency: str
    total: int
    tax: int
    setup_fee: int
    refunded: int
    """Everything that went back so far, as the provider reports it."""
    at: datetime
    """When it was paid, or was to be paid."""
    paid: bool
    subscription: str | None
    licences: tuple[str, ...]
    product: str
    """The slug of the product's name, empty where it is unknown."""
    reason: BillingReason | None
    """None: no invoice of a subscription is known."""
    decimals: int | None = None
    """How many decimals the amounts have, where the provider has others than the currency."""
    by_transfer: bool = False
    """Whether money for it came outside the provider, which can give none of that back."""

    @property
    def names(self) -> frozenset[str]:
        """Every key under which a provider or a person may name it."""
        return frozenset(name for name in (self.key, self.order, self.invoice) if name)

    def base(self, *, base_only: bool) -> int:
        """Return the amount that can go back of it at most (plexo 14)."""
        return max(0, self.total - self.tax - self.setup_fee) if base_only else self.total

    def left(self, *, base_only: bool) -> int:
        """Return the amount that can still go back of it."""
        return max(0, self.base(base_only=base_only) - self.refunded)

    def went_back(self, *, base_only: bool) -> bool:
        """Return whether all of it that can go back is back."""
        base = self.base(base_only=base_only)
        return self.paid and 0 < base <= self.refunded


class RefundAnswer(NamedTuple):
    """A verdict with its most specific clause, the refundable amount, and the reason in one word."""

    verdict: Verdict
    clause: str
    refundable: int
    """Minor units; 0 where nothing is to go back."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A request as it stands."""

    key: str
    payment: Payment
    state: RefundState
    answer: RefundAnswer
    verdict_clause: str
    """The clause of the verdict, also where the decision departs from it; the answer's clause is the decision's."""
    amount: int
    """The amount to refund: as decided, else as asked for, else all that the policy grants, or that is left."""
    reason: str
    requested_at: datetime
    decide_by: datetime
    pay_by: datetime | None
    """Deadline of the payment after the decision; before it, as if decided on the last day. None: no payment is due."""
    statutory_until: datetime | None
    """To when a consumer may still withdraw, seen from the request; None: no longer."""
    decided_at: datetime | None
    decided_by: str | None
    decision_reason: str
    closed_at: datetime | None
    before: int
    """The refunded amount of the payment at the request, or at the decision."""
    moved: int
    """The amount refunded since then that no later approval of another request explains."""
    pending: int
    """The sum that other requests had approved of the payment and that is not back yet."""
    left: int
    """The refundable rest of the payment by the policy's formula (plexo 14), without pending refunds."""
    whole: bool
    """Whether the payment has gone back in full: no refundable rest."""
    subscriptions: tuple[str, ...]
    """The subscriptions that no other payment has paid for."""
    takes: bool
    """Whether those subscriptions end with it: no other payment covers them, and no dispute explains it."""
    disputed: bool
    lapsed: bool
    """Whether it was approved, and the money stayed because of a dispute: an operator has to decide again."""
    policy: Policy
    """The version that it is judged by: of those at the payment and at the request the better for the customer."""
    developer: DeveloperRules | None
    """The developer whose policy the product follows, where that is known."""
    pinned: Policy
    """The version in force when it was asked for, or a more lenient one that was applied since."""
    differs: tuple[str, ...]
    """Differences between the request's person and the known buyers: shown, and no part of the verdict."""

    @property
    def undecided(self) -> bool:
        """Whether the decision is open."""
        return self.state in UNDECIDED_STATES

    @property
    def open(self) -> bool:
        """Whether an answer, or the money, is still to come: neither denied nor confirmed by the provider."""
        return self.state not in CLOSED_STATES

    @property
    def answer_is_due(self) -> bool:
        """Whether the promised answer has not been given; where it was given and lapsed, the money is due by it."""
        return self.undecided and not self.lapsed

    @property
    def due_at(self) -> datetime | None:
        """The time by which an operator has to act; None: nothing more is to be done."""
        if not self.open:
            return None
        return self.decide_by if self.answer_is_due else self.pay_by

    def is_late(self, now: datetime) -> bool:
        """Whether a promise is overdue."""
        return self.due_at is not None and self.due_at <= now
