"""Facts of our own: promises, requests, acts, and operators' orders. `case` is a dunning case's key."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from kulanz.policy.facts.words import Outcome, OverrideKind, Status


class OverrideSet(Struct, frozen=True, kw_only=True):
    """An operator made an exception to the policy."""

    id: str
    kind: OverrideKind
    at: datetime
    until: datetime | None
    actor: str
    reason: str
    approved_by: tuple[str, ...] = ()
    """Who approved it, where the policy wants a second person."""


class DeadlinePromised(Struct, frozen=True, kw_only=True):
    """A deadline became visible to the customer or the merchant: enforcement may come later, never earlier (I3)."""

    case: str
    deadline: datetime


class CaseJoined(Struct, frozen=True, kw_only=True):
    """A case that a snapshot had opened turned out to be the case of an invoice: its promises move there."""

    case: str
    into: str


class NoticeReported(Struct, frozen=True, kw_only=True):
    """A notice of one kind and step was asked for, or its outcome became known (I5)."""

    subject: str
    """The key of the dunning case, dispute or subscription that it is about."""
    kind: str
    step: int
    at: datetime
    outcome: Outcome
    deadline: datetime | None = None
    """The end of grace that a final warning announces."""
    words: str | None = None
    """With its outcome: the hash of its words as they were handed over."""


class SubscriptionLookedUp(Struct, frozen=True, kw_only=True):
    """The provider was asked for a subscription at `at`; no status means that it gave no answer."""

    subscription: str
    at: datetime
    status: Status | None
    asked: bool = False
    """True for the record that we have set out to ask, before any answer."""
    known: datetime | None = None
    """When asking, the provider's time of the newest known sign of non-payment: an answer settles no later one."""


class HoldPlaced(Struct, frozen=True, kw_only=True):
    """Grace ended unpaid and the dunning hold was placed (plexo 6.2)."""

    case: str
    opened_at: datetime
    """When the case began, by the provider's clock: a later beginning of the same case is not on hold."""
    at: datetime
    verified: bool
    """Whether a re-check at the provider had just confirmed it."""


class HoldProlonged(Struct, frozen=True, kw_only=True):
    """A hold waits for a late payment to `until`, because a dispute had stopped its clock."""

    case: str
    until: datetime


class HoldLifted(Struct, frozen=True, kw_only=True):
    """An operator's reinstatement lifts a hold until `until`."""

    hold: str
    source: str
    """The case, dispute or override that the hold comes from."""
    until: datetime


class CaseExhausted(Struct, frozen=True, kw_only=True):
    """The hold ran its full length unpaid, or the provider ended the subscription: it is given up."""

    case: str
    opened_at: datetime
    at: datetime
    verified: bool = False
    """Whether a re-check at the provider had just confirmed it, where it took the plan without a hold before."""


class CaseWaived(Struct, frozen=True, kw_only=True):
    """An operator closed a case as void, not as paid."""

    case: str
    opened_at: datetime
    at: datetime


class RenewalStopped(Struct, frozen=True, kw_only=True):
    """A request to the provider to cancel a subscription, for a reason of ours, or its outcome."""

    subscription: str
    cause: str
    """The case, dispute or hold for which it was stopped."""
    step: int
    """Sequence number, shared by the stops and resumes of one subscription: their order, independent of clocks."""
    at: datetime
    outcome: Outcome
    """REFUSED: there was nothing to stop, because the customer had cancelled already."""
    seen: datetime | None = None
    """The provider's time of the snapshot that we knew when we asked: a later cancellation is ours."""


class RenewalResumed(Struct, frozen=True, kw_only=True):
    """A request to the provider to take a cancellation of ours back, or its outcome."""

    subscription: str
    step: int
    at: datetime
    outcome: Outcome
    seen: datetime | None = None
    """The provider's time of the newest snapshot when the outcome became known: newer changes are not ours."""


class OperatorsAlerted(Struct, frozen=True, kw_only=True):
    """Operators were alerted once about a topic of a subject."""

    subject: str
    topic: str
    at: datetime
