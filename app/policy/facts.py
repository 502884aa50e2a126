"""What happened, in our words and in the past tense: the only input that the policy has.

A fact is frozen and safe to hear twice, late, or in another order; `app.policy.book` merges them. Keys name a
provider's object as `provider:id` (`lemonsqueezy:421953`). Instants are aware UTC, money is integer minor units.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Status(StrEnum):
    """What the provider last said of a subscription."""

    ON_TRIAL = "on_trial"
    ACTIVE = "active"
    PAUSED = "paused"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class DisputeStatus(StrEnum):
    """Where a chargeback stands, in rising order at the same instant of the provider's clock."""

    INQUIRY = "inquiry"
    OPENED = "opened"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    PARTIALLY_LOST = "partially_lost"
    ACCEPTED = "accepted"
    WITHDRAWN = "withdrawn"
    PREVENTED = "prevented"


class OrderStatus(StrEnum):
    """What the provider last said of an order."""

    PENDING = "pending"
    FAILED = "failed"
    PAID = "paid"
    REFUNDED = "refunded"
    PARTIAL_REFUND = "partial_refund"
    FRAUDULENT = "fraudulent"


class InvoiceStatus(StrEnum):
    """What the provider last said of a subscription's invoice."""

    PENDING = "pending"
    PAID = "paid"
    VOID = "void"
    REFUNDED = "refunded"
    PARTIAL_REFUND = "partial_refund"


class LicenceStatus(StrEnum):
    """What the provider last said of a licence key."""

    INACTIVE = "inactive"
    ACTIVE = "active"
    EXPIRED = "expired"
    DISABLED = "disabled"


class BillingReason(StrEnum):
    """Why an invoice was made."""

    INITIAL = "initial"
    RENEWAL = "renewal"
    UPDATED = "updated"


class Provenance(StrEnum):
    """How we came to know."""

    WEBHOOK = "webhook"
    OPERATOR = "operator"
    RECONCILED = "reconciled"
    IMPORTED = "imported"
    OWN = "own"


class OverrideKind(StrEnum):
    """An operator's exception (CONTRACT section 3)."""

    EXTEND_GRACE = "extend_grace"
    WAIVE = "waive"
    REINSTATE = "reinstate"
    SUSPEND = "suspend"
    EXEMPT = "exempt"
    LEGAL_HOLD = "legal_hold"


class Outcome(StrEnum):
    """What became of something we set out to do; the later word in this list stands when two reports differ."""

    ASKED = "asked"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    DONE = "done"


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """Which of two snapshots of one provider object is newer: provider's time, then event rank, then digest."""

    at: datetime
    rank: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionSeen:
    """A snapshot of one subscription, as the provider held it at `stamp.at`."""

    key: str
    stamp: Stamp
    status: Status
    customer: str
    variant: str
    product: str
    """The slug of the product's name: the plan where the catalogue does not map the variant."""
    order: str | None = None
    email: str | None = None
    renews_at: datetime | None = None
    ends_at: datetime | None = None
    trial_ends_at: datetime | None = None
    pause_mode: str | None = None
    pause_resumes_at: datetime | None = None
    quantity: int = 1
    created_at: datetime | None = None
    signed: bool = False
    """Whether the account was named by custom data that the merchant signed (`account_sig`)."""
    locale: str | None = None
    timezone: str | None = None
    provenance: Provenance = Provenance.WEBHOOK


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceSeen:
    """A snapshot of one invoice of a subscription; the facts about payments below carry it with them."""

    key: str
    subscription: str
    stamp: Stamp
    status: InvoiceStatus
    reason: BillingReason
    currency: str
    total: int
    customer: str = ""
    subtotal: int = 0
    discount: int = 0
    tax: int = 0
    refunded: int = 0
    """Everything refunded so far, cumulative, as the provider reports it."""
    created_at: datetime | None = None
    email: str | None = None
    provenance: Provenance = Provenance.WEBHOOK


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed:
    """A charge for an invoice failed at `at` (the invoice's `updated_at`)."""

    invoice: InvoiceSeen
    at: datetime
    provenance: Provenance = Provenance.WEBHOOK


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSucceeded:
    """A charge for an invoice succeeded at `at`, at once or after failures."""

    invoice: InvoiceSeen
    at: datetime
    provenance: Provenance = Provenance.WEBHOOK


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefunded:
    """Money of an invoice went back; `invoice.refunded` is the cumulative amount."""

    invoice: InvoiceSeen
    at: datetime
    provenance: Provenance = Provenance.WEBHOOK


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSeen:
    """A snapshot of one order: a purchase, of a subscription's first period or of a single product."""

    key: str
    stamp: Stamp
    status: OrderStatus
    customer: str
    currency: str
    total: int
    subtotal: int = 0
    discount: int = 0
    tax: int = 0
    setup_fee: int = 0
    refunded: int = 0
    variant: str | None = None
    product: str | None = None
    email: str | None = None
    created_at: datetime | None = None
    signed: bool = False
    provenance: Provenance = Provenance.WEBHOOK


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceSeen:
    """A snapshot of one licence key. The key itself is a secret and is not part of the fact."""

    key: str
    stamp: Stamp
    status: LicenceStatus
    customer: str
    order: str | None = None
    product: str | None = None
    activations: int = 0
    activation_limit: int | None = None
    expires_at: datetime | None = None
    created_at: datetime | None = None
    provenance: Provenance = Provenance.WEBHOOK


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerSeen:
    """A snapshot of who buys, where neither subscription nor invoice says how to reach them."""

    key: str
    stamp: Stamp
    email: str | None = None
    provenance: Provenance = Provenance.WEBHOOK


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeSeen:
    """A snapshot of one chargeback, from a provider or from an operator (DOMAIN section 4)."""

    key: str
    stamp: Stamp
    status: DisputeStatus
    opened_at: datetime
    amount: int
    currency: str
    customer: str | None = None
    """None: told by an operator, whose word reaches the whole account."""
    order: str | None = None
    subscription: str | None = None
    payment: str | None = None
    fee: int | None = None
    fee_currency: str | None = None
    reason: str = ""
    reference: str | None = None
    actor: str | None = None
    signed: bool = False
    provenance: Provenance = Provenance.WEBHOOK


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideSet:
    """An operator made an exception to the policy."""

    id: str
    kind: OverrideKind
    at: datetime
    until: datetime | None
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressKnown:
    """How to reach and read the account: language, time zone and country from custom data or an operator."""

    at: datetime
    locale: str | None = None
    timezone: str | None = None
    country: str | None = None


# What we ourselves promised, asked for or did is a fact too. `case` is a dunning case's key.


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlinePromised:
    """A deadline became visible to the customer or the merchant: enforcement may come later, never earlier (I3)."""

    case: str
    deadline: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseJoined:
    """A case that a snapshot had opened turned out to be the case of an invoice: what was promised goes with it."""

    case: str
    into: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeReported:
    """A notice of one kind and step was asked for, or its outcome became known (I5)."""

    subject: str
    """The key of the dunning case, dispute or subscription that it is about."""
    kind: str
    step: int
    at: datetime
    outcome: Outcome
    deadline: datetime | None = None
    """The end of grace that a final warning announces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionLookedUp:
    """The provider was asked for a subscription at `at`; no status means that it gave no answer."""

    subscription: str
    at: datetime
    status: Status | None
    asked: bool = False
    """True for the record that we have set out to ask, before any answer."""
    known: datetime | None = None
    """When asking, the provider's time of the newest trouble that we knew of: what an answer can settle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPlaced:
    """Grace ended unpaid and the dunning hold was placed (plexo 6.2)."""

    case: str
    opened_at: datetime
    """When the case began, by the provider's clock: a later beginning of the same case is not on hold."""
    at: datetime
    verified: bool
    """Whether a fresh look at the provider had just confirmed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldProlonged:
    """A hold waits for a late payment to `until`, because a dispute had stopped its clock."""

    case: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldLifted:
    """An operator's reinstatement gives back to `until` what a hold restricts."""

    hold: str
    source: str
    """The case, dispute or override that the hold comes from."""
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseExhausted:
    """The hold ran its full length unpaid, or the provider ended the subscription: it is given up."""

    case: str
    opened_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseWaived:
    """An operator closed a case as void, not as paid."""

    case: str
    opened_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalStopped:
    """We asked the provider to cancel a subscription, for a reason of ours, or learned the outcome."""

    subscription: str
    cause: str
    """The case, dispute or hold for which it was stopped."""
    step: int
    """Stops and resumes of one subscription share one count: the order of our acts, whatever a clock says."""
    at: datetime
    outcome: Outcome
    """REFUSED: there was nothing to stop, because the customer had cancelled already."""
    seen: datetime | None = None
    """The provider's time of the snapshot that we knew when we asked: a later cancellation is ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalResumed:
    """We asked the provider to take a cancellation of ours back, or learned the outcome."""

    subscription: str
    step: int
    at: datetime
    outcome: Outcome
    seen: datetime | None = None
    """The provider's time of the newest snapshot when the outcome became known: what is newer is not our doing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorsAlerted:
    """Operators were told once about a topic of a subject."""

    subject: str
    topic: str
    at: datetime


ProviderFact = (
    SubscriptionSeen
    | PaymentFailed
    | PaymentSucceeded
    | PaymentRefunded
    | InvoiceSeen
    | OrderSeen
    | LicenceSeen
    | CustomerSeen
    | DisputeSeen
    | AddressKnown
)
OwnFact = (
    OverrideSet
    | DeadlinePromised
    | CaseJoined
    | NoticeReported
    | SubscriptionLookedUp
    | HoldPlaced
    | HoldProlonged
    | HoldLifted
    | CaseExhausted
    | CaseWaived
    | RenewalStopped
    | RenewalResumed
    | OperatorsAlerted
)
Fact = ProviderFact | OwnFact

KINDS: dict[str, type[Fact]] = {kind.__name__: kind for kind in (*ProviderFact.__args__, *OwnFact.__args__)}
"""Every kind of fact by its name: how a recorded fact finds its type again."""
