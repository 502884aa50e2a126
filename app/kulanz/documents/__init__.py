"""Documents of accounts: queries return them, the API and `--json` encode them, the console shows them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import UNSET, UnsetType

from kulanz.documents.debts import Collection, DebtorHeld, Delivery, Mandate, Payment
from kulanz.documents.purchases import AddOn, Cancellation, Contact, Credit, Licence, Migration, RefundRequest
from kulanz.documents.shape import Document
from kulanz.documents.standing import (
    ChargebackWarning,
    Closure,
    Dispute,
    DunningCase,
    Hold,
    Link,
    Override,
    Policy,
    Subscription,
    Terms,
    Timer,
)
from kulanz.policy.state import Access, Standing


class Account(Document, frozen=True, kw_only=True):
    """Present state of an account."""

    account_id: str
    plan: str
    access: Access
    standing: Standing
    grace_ends_at: datetime | None
    data_deletion_eligible_at: datetime | None
    subscriptions: tuple[Subscription, ...]
    dunning_cases: tuple[DunningCase, ...]
    disputes: tuple[Dispute, ...]
    chargeback_warnings: tuple[ChargebackWarning, ...]
    holds: tuple[Hold, ...]
    overrides: tuple[Override, ...]
    terms: tuple[Terms, ...]
    add_ons: tuple[AddOn, ...]
    cancellations: tuple[Cancellation, ...]
    contacts: tuple[Contact, ...]
    migrations: tuple[Migration, ...]
    credits: tuple[Credit, ...]
    payments: tuple[Payment, ...]
    licences: tuple[Licence, ...]
    refund_requests: tuple[RefundRequest, ...]
    collections: tuple[Collection, ...]
    debtor: DebtorHeld | None
    closures: tuple[Closure, ...]
    links: tuple[Link, ...]
    linkable_to: str | None
    """The account that the customer names elsewhere, of an account that has only a customer's name."""
    delivery: Delivery
    mandates: tuple[Mandate, ...]
    timers: tuple[Timer, ...]
    policy: Policy
    version: int


class Accounts(Document, frozen=True, kw_only=True):
    """A page of accounts."""

    accounts: tuple[Account, ...]
    next_cursor: str | None


class NoticeSeverity(StrEnum):
    """Urgency with which a product should show the notice."""

    WARNING = "warning"
    """Access will be taken, or money is owed."""
    CRITICAL = "critical"
    """Access is taken, or will be very soon."""


class Audience(StrEnum):
    """The users of an account who should see it."""

    PAYER = "payer"
    """Users who can pay: the others lose nothing yet."""
    EVERYONE = "everyone"
    """All users, because they can use less."""


class Notice(Document, frozen=True, kw_only=True):
    """A sentence that the product shows to users of the account."""

    severity: NoticeSeverity
    text: str
    """Plain text, in the user's language."""
    deadline: datetime | None
    """Until when something can be done about it."""
    link: str | None
    """Address where it can be done."""
    who: Audience


class Entitlement(Document, frozen=True, kw_only=True):
    """Entitlement of an account; `version` grows with every change of it."""

    account_id: str
    plan: str
    access: Access
    allows: tuple[str, ...]
    add_ons: tuple[str, ...]
    quantities: dict[str, int] | UnsetType = UNSET
    """Quantity of each add-on that is booked in quantities; left out if there is none."""
    version: int
    known: bool
    """False: the account is unknown, and the settings put unknown accounts on the free plan."""
    notice: Notice | None


class Decision(Document, frozen=True, kw_only=True, rename={"before": "from", "after": "to"}):
    """A change, with its rule and details."""

    at: datetime
    cause: dict[str, Any]
    rule: str
    clause: str | None
    policy: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]
    effects: tuple[Any, ...]
    changes: tuple[Any, ...]


class Timeline(Document, frozen=True, kw_only=True):
    """A page of decisions."""

    decisions: tuple[Decision, ...]
    next_cursor: str | None


class Step(Decision, frozen=True, kw_only=True, rename={"before": "from", "after": "to"}):
    """A change in a sentence."""

    sentences: tuple[str, ...]


class WaitCondition(Document, frozen=True, kw_only=True):
    """A condition that holds something back, in sentences."""

    held: str
    """The event, timer, outgoing action or case that is held back."""
    condition: str
    evidence: str
    ends: str
    """The end of the condition, or the act that ends it."""
    until: datetime | None
    """When it ends without a person, if that is known."""


class Explanation(Document, frozen=True, kw_only=True):
    """Reasons for an account's state, in sentences."""

    account_id: str
    standing: Standing
    plan: str
    access: Access
    why: tuple[str, ...]
    steps: tuple[Step, ...]
    """The last decisions, oldest first."""
    waits: tuple[WaitCondition, ...]
    outlook: tuple[str, ...]
    """Possible changes of the state, with their times."""


class Problem(Document, frozen=True, kw_only=True):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
