"""The documents that the API answers with, as types: what `/v1/openapi.json` says and tests hold the answers to."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from app.policy.add_ons.booking import BookingStatus
from app.policy.credit.pots import PotStatus
from app.policy.facts import DisputeStatus, LicenceStatus, OverrideKind, Status
from app.policy.model import Access, Owner, Standing
from app.policy.refunding.values import RefundState, Verdict


class Document(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A document in which every field is named."""


class Subscription(Document, frozen=True, kw_only=True):
    """What is billed, with the status that the provider last gave it."""

    provider: str
    id: str
    plan: str
    status: Status
    renews_at: datetime | None
    ends_at: datetime | None
    trial_ends_at: datetime | None


class DunningCase(Document, frozen=True, kw_only=True):
    """One unpaid renewal."""

    id: str
    subscription_id: str
    invoice_id: str | None
    state: Literal["grace", "on_hold", "voluntary", "exhausted", "in_collections", "frozen"]
    opened_at: datetime
    grace_ends_at: datetime
    failures: int
    amount_due: int
    currency: str | None
    level: int
    """How many dunning letters went out."""
    fees: int
    """What they cost beside `amount_due`: owed, never charged by us."""


class Dispute(Document, frozen=True, kw_only=True):
    """A chargeback."""

    id: str
    status: DisputeStatus
    opened_at: datetime
    amount: int
    currency: str
    fee: int | None
    fee_currency: str | None
    payment_id: str | None
    reference: str | None
    reason: str


class Hold(Document, frozen=True, kw_only=True):
    """One reason to restrict, with a release of its own."""

    id: str
    owner: Owner
    scope: str
    source: str
    since: datetime
    subscriptions: list[str]


class Override(Document, frozen=True, kw_only=True):
    """An operator's exception, or one that waits for a second person where the policy wants one."""

    id: str
    kind: OverrideKind
    state: Literal["active", "ended", "awaiting_approval", "declined", "lapsed"]
    until: datetime | None
    actor: str
    approved_by: list[str]
    reason: str


class Allocation(Document, frozen=True, kw_only=True):
    """The part of a transfer that pays one claim; no invoice id: only a snapshot told that something is owed."""

    invoice_id: str | None
    case_id: str | None
    amount: int


class Payment(Document, frozen=True, kw_only=True):
    """A transfer that was recorded by hand; `unmatched` is what it paid too much."""

    id: str
    amount: int
    currency: str
    received_at: datetime
    recorded_at: datetime
    reference: str | None
    transaction_id: str | None
    actor: str
    allocations: list[Allocation]
    unmatched: int
    voided_at: datetime | None
    void_reason: str | None


class AddOn(Document, frozen=True, kw_only=True):
    """What was booked in quantities beside a subscription; prices in minor units, without taxes."""

    id: str
    subscription_id: str
    kind: str
    quantity: int
    unit_price: int
    currency: str
    billed_until: datetime
    status: BookingStatus
    ends_at: datetime | None
    draft_amount: int
    """What goes out with the next regular invoice."""
    invoice_id: str | None
    """The invoice that the draft went out with."""


class PolicyVersion(Document, frozen=True, kw_only=True):
    """A version of the policy, in short."""

    name: str
    version: int


class RefundRequest(Document, frozen=True, kw_only=True):
    """A request for a refund, as it stands."""

    id: str
    account_id: str
    state: RefundState
    verdict: Verdict
    clause: str | None
    why: str
    refundable_amount: int
    amount: int
    refunded_amount: int
    currency: str
    payment_id: str
    subscription_id: str | None
    licence_ids: list[str]
    requested_at: datetime
    decide_by: datetime
    pay_by: datetime | None
    late: bool
    statutory_withdrawal_until: datetime | None
    statutory_rights: str
    decided_at: datetime | None
    decided_by: str | None
    decision_reason: str | None
    closed_at: datetime | None
    policy: PolicyVersion


class RefundRequests(Document, frozen=True, kw_only=True):
    """One page of requests."""

    refund_requests: list[RefundRequest]
    next_cursor: str | None


class Licence(Document, frozen=True, kw_only=True):
    """An on-premise licence; `in_use`: activated, by the provider's word, or deployed, by an operator's."""

    provider: str
    id: str
    status: LicenceStatus
    order_id: str | None
    activations: int
    activation_limit: int | None
    deployed: bool
    in_use: bool
    disabled: bool
    held: bool
    expires_at: datetime | None
    refundable_until: datetime | None


class Credit(Document, frozen=True, kw_only=True):
    """A pot of prepaid credit, in minor units, without taxes. It has no cash value."""

    id: str
    """What it is for, such as `telephony`."""
    currency: str
    bought: int
    spent: int
    balance: int
    """What is left; while the pot is blocked nothing of it can be used."""
    forfeited: int
    due: int
    """Charges beyond what was bought."""
    status: PotStatus
    ended_at: datetime | None


class Cancellation(Document, frozen=True, kw_only=True):
    """A cancellation by notice to staff or a partner."""

    id: str
    subscription_id: str
    noted_at: datetime
    actor: str
    reason: str


class Migration(Document, frozen=True, kw_only=True):
    """A move from the cloud to on-premise, by an operator's word."""

    id: str
    moved_at: datetime
    recorded_at: datetime
    actor: str
    reason: str | None


class PlanChange(Document, frozen=True, kw_only=True):
    """What a change of plan would charge, and when it would count; amounts in minor units, without taxes."""

    account_id: str
    subscription_id: str | None
    from_plan: str
    to_plan: str
    kind: Literal["upgrade", "downgrade", "none"]
    takes_effect_at: datetime
    period_ends_at: datetime | None
    term_months: int | None
    days_left: int | None
    days_of_period: int | None
    price_now: int | None
    price_then: int | None
    amount: int | None
    """What it charges: the difference of the prices by the days left. None where a price is not known."""
    currency: str | None
    clause: str | None


class ApprovedBy(Document, frozen=True, kw_only=True):
    """Who approved something, by an authenticated name."""

    actor: str
    at: datetime


class CreditReport(Document, frozen=True, kw_only=True):
    """The report of a debt to a credit bureau, which takes two approvals of its own."""

    approvals: list[ApprovedBy]
    reported_at: datetime | None
    fields: list[str]


class Collection(Document, frozen=True, kw_only=True):
    """A debt that is handed over to a collection agency, or proposed to be."""

    id: str
    case_id: str
    invoice_id: str | None
    state: Literal["proposed", "handed_over", "recalled", "withdrawn"]
    reason: str
    proposed_by: str
    proposed_at: datetime
    approvals: list[ApprovedBy]
    handed_over_at: datetime | None
    amount: int | None
    """What was owed then, fees included."""
    currency: str | None
    fields: list[str]
    """What went, by the names that the policy uses."""
    statement_sha256: str | None
    recalled_at: datetime | None
    recall_cause: Literal["paid", "void", "disputed", "operator"] | None
    credit_report: CreditReport


class CollectionOfAccount(Collection, frozen=True, kw_only=True):
    """The same, with whose it is."""

    account_id: str


class Collections(Document, frozen=True, kw_only=True):
    """One page of hand-overs, the newest first."""

    collections: list[CollectionOfAccount]
    next_cursor: str | None


class Delivery(Document, frozen=True, kw_only=True):
    """How letters come to the customer."""

    by: Literal["mail", "letter"]
    postal_address_known: bool


class Mandate(Document, frozen=True, kw_only=True):
    """A direct-debit mandate."""

    id: str
    state: Literal["active", "revoked"]
    granted_at: datetime
    granted_by: Literal["portal", "staff"]
    actor: str
    reference: str | None
    revoked_at: datetime | None


class DebtorHeld(Document, frozen=True, kw_only=True):
    """What is held of who owes: names, not contents."""

    held: list[str]
    updated_at: datetime


class Debtor(Document, frozen=True, kw_only=True):
    """Who owes."""

    account_id: str
    birth_name: str | None
    postal_address: str | None
    email: str | None
    birth_date: str | None
    profession: str | None
    phone: str | None
    contract_date: str | None
    passport_copy: str | None
    updated_at: datetime | None


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
    obstacles: list[str]
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
    """What was destroyed about an account, and what is kept."""

    certificates: list[dict[str, Any]]
    kept: list[dict[str, Any]]


class Account(Document, frozen=True, kw_only=True):
    """An account as it stands."""

    account_id: str
    plan: str
    access: Access
    standing: Standing
    grace_ends_at: datetime | None
    data_deletion_eligible_at: datetime | None
    subscriptions: list[Subscription]
    dunning_cases: list[DunningCase]
    disputes: list[Dispute]
    holds: list[Hold]
    overrides: list[Override]
    terms: list[Terms]
    add_ons: list[AddOn]
    licences: list[Licence]
    refund_requests: list[RefundRequest] = []
    credits: list[Credit]
    migrations: list[Migration]
    cancellations: list[Cancellation]
    payments: list[Payment]
    collections: list[Collection]
    debtor: DebtorHeld | None
    closures: list[Closure]
    delivery: Delivery
    mandates: list[Mandate]
    timers: list[Timer]
    policy: Policy
    version: int


class Accounts(Document, frozen=True, kw_only=True):
    """One page of accounts."""

    accounts: list[Account]
    next_cursor: str | None


class Entitlement(Document, frozen=True, kw_only=True):
    """What an account may use now; `version` grows with every change of it."""

    account_id: str
    plan: str
    access: Access
    allows: list[str]
    add_ons: list[str]
    version: int
    quantities: dict[str, int] | UnsetType = UNSET
    """How much there is of each add-on that is booked in quantities; left out where nothing is."""


class Decision(Document, frozen=True, kw_only=True, rename={"before": "from", "after": "to"}):
    """One change, and why."""

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
    """One page of decisions."""

    decisions: list[Decision]
    next_cursor: str | None


class Problem(Document, frozen=True, kw_only=True):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
