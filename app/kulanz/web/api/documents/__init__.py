"""Types of the API's answers: the source of `/v1/openapi.json`, and the check of answers in tests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType

from kulanz.policy.state import Access, Standing
from kulanz.queries.product_notice import Audience, Severity
from kulanz.web.api.documents.debts import Collection, DebtorHeld, Delivery, Mandate, Payment
from kulanz.web.api.documents.purchases import AddOn, Cancellation, Contact, Credit, Licence, Migration, RefundRequest
from kulanz.web.api.documents.shape import Document
from kulanz.web.api.documents.standing import (
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


class Account(Document, frozen=True, kw_only=True):
    """Present state of an account."""

    account_id: str
    plan: str
    access: Access
    standing: Standing
    grace_ends_at: datetime | None
    data_deletion_eligible_at: datetime | None
    subscriptions: list[Subscription]
    dunning_cases: list[DunningCase]
    disputes: list[Dispute]
    chargeback_warnings: list[ChargebackWarning]
    holds: list[Hold]
    overrides: list[Override]
    terms: list[Terms]
    add_ons: list[AddOn]
    licences: list[Licence]
    refund_requests: list[RefundRequest]
    credits: list[Credit]
    migrations: list[Migration]
    cancellations: list[Cancellation]
    contacts: list[Contact]
    payments: list[Payment]
    collections: list[Collection]
    debtor: DebtorHeld | None
    closures: list[Closure]
    links: list[Link]
    linkable_to: str | None
    """The account that the customer names elsewhere, of an account that has only a customer's name."""
    delivery: Delivery
    mandates: list[Mandate]
    timers: list[Timer]
    policy: Policy
    version: int


class Accounts(Document, frozen=True, kw_only=True):
    """A page of accounts."""

    accounts: list[Account]
    next_cursor: str | None


class Notice(Document, frozen=True, kw_only=True):
    """A sentence that the product shows to users of the account."""

    severity: Severity
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
    allows: list[str]
    add_ons: list[str]
    version: int
    quantities: dict[str, int] | UnsetType = UNSET
    """Quantity of each add-on that is booked in quantities; left out if there is none."""
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
    effects: list[Any]
    changes: list[Any]


class Timeline(Document, frozen=True, kw_only=True):
    """A page of decisions."""

    decisions: list[Decision]
    next_cursor: str | None


class Step(Decision, frozen=True, kw_only=True, rename={"before": "from", "after": "to"}):
    """A change in a sentence."""

    sentences: list[str]


class WaitCondition(Document, frozen=True, kw_only=True):
    """A condition that holds something back, in sentences."""

    held: str
    """The event, timer, outgoing action or case that is held back."""
    condition: str
    evidence: str
    ends: str
    """The end of the condition, or the act that ends it."""
    until: str | None


class Explanation(Document, frozen=True, kw_only=True):
    """Reasons for an account's state, in sentences."""

    account_id: str
    standing: Standing
    plan: str
    access: Access
    why: list[str]
    waits: list[WaitCondition]
    outlook: list[str]
    """Possible changes of the state, with their times."""
    steps: list[Step]
    """The last decisions, oldest first."""


class Problem(Document, frozen=True, kw_only=True):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
