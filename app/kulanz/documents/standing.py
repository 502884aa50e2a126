"""Documents of an account's standing: subscriptions, holds, exceptions, closure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from kulanz.documents.shape import Document
from kulanz.policy.facts import DisputeStatus, OverrideKind, Status
from kulanz.policy.state import Owner, Standing
from kulanz.policy.topics import Severity


class Subscription(Document, frozen=True, kw_only=True):
    """A subscription, with the provider's last status."""

    provider: str
    id: str
    plan: str
    quantity: int
    """Quantity of the plan."""
    status: Status
    upgrade_unpaid: bool
    """Whether a more expensive plan was chosen and not paid: `plan` is that one, the account has the paid one."""
    paid_twice: bool
    """Whether the account has paid for the same plan by another subscription for more than a day."""
    renews_at: datetime | None
    ends_at: datetime | None
    trial_ends_at: datetime | None


class DunningCase(Document, frozen=True, kw_only=True):
    """An unpaid renewal."""

    id: str
    subscription_id: str
    invoice_id: str | None
    state: Literal["grace", "on_hold", "voluntary", "exhausted", "in_collections", "frozen"]
    opened_at: datetime
    grace_ends_at: datetime
    failures: int
    amount_due: int
    currency: str | None
    decimals: int | None
    """Number of decimals of the amounts: the currency's, or the provider's own."""
    level: int
    """Number of dunning letters sent."""
    fees: int
    """Fees for the letters, beside `amount_due`: owed, never charged by us."""
    claim: bool
    """Whether another customer's purchase is unpaid, which does not count for the account's standing."""


class Dispute(Document, frozen=True, kw_only=True):
    """A chargeback."""

    id: str
    status: DisputeStatus
    opened_at: datetime
    amount: int
    currency: str
    decimals: int
    fee: int | None
    fee_currency: str | None
    payment_id: str | None
    reference: str | None
    reason: str
    claim: bool
    """Whether another customer's purchase is disputed, which does not count for the account's standing."""
    answer_by: datetime | None
    """Until when it has to be answered at the provider; null where it is answered or decided, or no time is known."""


class UndecidedDispute(Document, frozen=True, kw_only=True):
    """A dispute that is not decided, and the evidence that its file lacks."""

    id: str
    account_id: str
    status: str
    amount: int
    currency: str | None
    opened_at: datetime
    answer_by: datetime | None
    lacks: tuple[str, ...]


class Link(Document, frozen=True, kw_only=True, rename={"source": "from"}):
    """An operator's link by which purchases belong to the account."""

    source: str
    linked_at: datetime
    objects: tuple[str, ...]


class ProposedRefund(Document, frozen=True, kw_only=True):
    """The refund that may still prevent a chargeback: nothing is done before a person asks for it and approves it."""

    act: Literal["refund"]
    payment_id: str
    amount: int
    currency: str


class ChargebackWarning(Document, frozen=True, kw_only=True):
    """A payment that is likely to be charged back."""

    id: str
    state: Literal["warned", "answered", "refunded", "disputed", "over"]
    """`answered`: a refund was asked for; `over`: a refund prevents nothing any more."""
    warned_at: datetime
    payment_id: str | None
    amount: int
    currency: str | None
    decimals: int | None
    reason: str
    proposed: ProposedRefund | None


class Hold(Document, frozen=True, kw_only=True):
    """A reason to restrict access; each is released separately."""

    id: str
    owner: Owner
    scope: str
    source: str
    since: datetime
    subscriptions: tuple[str, ...]


class Override(Document, frozen=True, kw_only=True):
    """An operator's exception, also one that waits for a second person's approval."""

    id: str
    kind: OverrideKind
    state: Literal["active", "ended", "awaiting_approval", "declined", "lapsed"]
    until: datetime | None
    actor: str
    approved_by: tuple[str, ...]
    reason: str


class Timer(Document, frozen=True, kw_only=True):
    """A moment at which the policy looks again."""

    kind: str
    due_at: datetime


class Policy(Document, frozen=True, kw_only=True):
    """The policy version by which the account is judged."""

    name: str
    version: int
    sha256: str


class Terms(Document, frozen=True, kw_only=True):
    """A policy document that replaces the general one for an account, from `since` to `until`."""

    id: str
    policy: Policy
    since: datetime
    until: datetime
    actor: str
    reason: str


class Closure(Document, frozen=True, kw_only=True):
    """An organisation that asks to be deleted."""

    id: str
    state: Literal["waiting", "approval", "announced", "closed", "withdrawn"]
    requested_at: datetime | None
    actor: str | None
    reason: str | None
    clause: str | None
    obstacles: tuple[str, ...]
    closed_at: datetime | None


class Deletion(Document, frozen=True, kw_only=True):
    """A deletion that an operator approved."""

    subject: str
    approved_at: datetime
    actor: str
    reason: str
    standing: Standing
    """Closed, where nothing else stood in the way."""


class Certificates(Document, frozen=True, kw_only=True):
    """Record of an erasure: destroyed data, and archived records."""

    certificates: tuple[dict[str, Any], ...]
    kept: tuple[dict[str, Any], ...]


class Todo(Document, frozen=True, kw_only=True):
    """An item that waits for a person."""

    id: str
    topic: str
    severity: Severity
    subject: str
    account_id: str | None
    since: datetime
    due_at: datetime | None
    """The time by which a person has to act, where it is known."""
    amount: int | None
    """The money that it is about, in minor units."""
    currency: str | None
    number: int
    """Number of events or effects in the item."""
    what: str
    act: str
    """The command that is proposed."""
    link: str
    """Path of the console's page about it, on the same host."""
    ends_when_acknowledged: bool
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    assigned_to: str | None


class OutgoingAction(Document, frozen=True, kw_only=True):
    """An outgoing action, such as a call to the provider."""

    id: str
    state: str
    type: str
    account_id: str | None
    subject: str
    created_at: datetime
    done_at: datetime | None


class Todos(Document, frozen=True, kw_only=True):
    """All items that wait for a person."""

    todo: tuple[Todo, ...]
