"""Facts: events in our own words and in the past tense, the only input that the policy has.

A fact is frozen and safe to hear twice, late, or in another order; `kulanz.policy.book` merges them. Keys name a
provider's object as `provider:id` (`lemonsqueezy:421953`). Instants are aware UTC, money is integer minor units.
"""

from __future__ import annotations

from kulanz.policy.facts.add_ons import AddOnBooked, AddOnCancelled, AddOnInvoiced
from kulanz.policy.facts.approvals import OverrideApproved, OverrideAsked, OverrideDeclined
from kulanz.policy.facts.cancelling import CancellationNoted
from kulanz.policy.facts.closure import (
    AccountClosed,
    ClosureRequested,
    ClosureWithdrawn,
    DeletionAnnounced,
    DeletionApproved,
)
from kulanz.policy.facts.collecting import (
    ClaimHandedOver,
    ClaimReported,
    CollectionApproved,
    CollectionProposed,
    CollectionRecalled,
    CreditReportApproved,
    DebtorTold,
    DunningPaused,
    MandateGranted,
    MandateRevoked,
    PaymentRecorded,
    PaymentVoided,
    Share,
)
from kulanz.policy.facts.contacts import Channel, ContactNoted
from kulanz.policy.facts.credit import CreditBooked, CreditEnded, CreditEntry
from kulanz.policy.facts.moves import MovedToOnPremise
from kulanz.policy.facts.own import (
    CaseExhausted,
    CaseJoined,
    CaseWaived,
    DeadlinePromised,
    HoldLifted,
    HoldPlaced,
    HoldProlonged,
    NoticeReported,
    OperatorsAlerted,
    OverrideSet,
    RenewalResumed,
    RenewalStopped,
    SubscriptionLookedUp,
)
from kulanz.policy.facts.provider import (
    AddressKnown,
    ChargebackWarned,
    CustomerSeen,
    DisputeSeen,
    InvoiceSeen,
    LicenceSeen,
    OrderSeen,
    PaymentFailed,
    PaymentLinked,
    PaymentRefunded,
    PaymentSucceeded,
    RefundSeen,
    SubscribedItem,
    SubscriptionSeen,
)
from kulanz.policy.facts.refunds import (
    LicenceDeployed,
    LicenceSwitchedOff,
    RefundAmended,
    RefundConfirmed,
    RefundDecided,
    RefundOrdered,
    RefundRequested,
)
from kulanz.policy.facts.sharing import PurchaseShared
from kulanz.policy.facts.versions import TermsAgreed, VersionApplied
from kulanz.policy.facts.words import (
    BESIDE_A_PERIOD,
    BillingReason,
    DisputeStatus,
    InvoiceStatus,
    LicenceStatus,
    OrderStatus,
    Outcome,
    OverrideKind,
    Provenance,
    Stamp,
    Status,
)

__all__ = [
    "BESIDE_A_PERIOD",
    "FACT_KINDS",
    "AccountClosed",
    "AddOnBooked",
    "AddOnCancelled",
    "AddOnInvoiced",
    "AddressKnown",
    "BillingReason",
    "CancellationNoted",
    "CaseExhausted",
    "CaseJoined",
    "CaseWaived",
    "Channel",
    "ChargebackWarned",
    "ClaimHandedOver",
    "ClaimReported",
    "ClosureRequested",
    "ClosureWithdrawn",
    "CollectionApproved",
    "CollectionProposed",
    "CollectionRecalled",
    "ContactNoted",
    "CreditBooked",
    "CreditEnded",
    "CreditEntry",
    "CreditReportApproved",
    "CustomerSeen",
    "DeadlinePromised",
    "DebtorTold",
    "DeletionAnnounced",
    "DeletionApproved",
    "DisputeSeen",
    "DisputeStatus",
    "DunningPaused",
    "Fact",
    "HoldLifted",
    "HoldPlaced",
    "HoldProlonged",
    "InvoiceSeen",
    "InvoiceStatus",
    "LicenceDeployed",
    "LicenceSeen",
    "LicenceStatus",
    "LicenceSwitchedOff",
    "MandateGranted",
    "MandateRevoked",
    "MovedToOnPremise",
    "NoticeReported",
    "OperatorsAlerted",
    "OrderSeen",
    "OrderStatus",
    "Outcome",
    "OverrideApproved",
    "OverrideAsked",
    "OverrideDeclined",
    "OverrideKind",
    "OverrideSet",
    "OwnFact",
    "PaymentFailed",
    "PaymentLinked",
    "PaymentRecorded",
    "PaymentRefunded",
    "PaymentSucceeded",
    "PaymentVoided",
    "Provenance",
    "ProviderFact",
    "PurchaseShared",
    "RefundAmended",
    "RefundConfirmed",
    "RefundDecided",
    "RefundOrdered",
    "RefundRequested",
    "RefundSeen",
    "RenewalResumed",
    "RenewalStopped",
    "Share",
    "Stamp",
    "Status",
    "SubscribedItem",
    "SubscriptionLookedUp",
    "SubscriptionSeen",
    "TermsAgreed",
    "VersionApplied",
]

ProviderFact = (
    SubscriptionSeen
    | PaymentFailed
    | PaymentSucceeded
    | PaymentRefunded
    | InvoiceSeen
    | OrderSeen
    | RefundSeen
    | PaymentLinked
    | LicenceSeen
    | CustomerSeen
    | DisputeSeen
    | ChargebackWarned
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
    | TermsAgreed
    | VersionApplied
    | PaymentRecorded
    | AddOnBooked
    | AddOnCancelled
    | AddOnInvoiced
    | DunningPaused
    | PaymentVoided
    | MandateGranted
    | MandateRevoked
    | OverrideAsked
    | OverrideApproved
    | OverrideDeclined
    | ClosureRequested
    | ClosureWithdrawn
    | DeletionApproved
    | DeletionAnnounced
    | AccountClosed
    | RefundRequested
    | RefundAmended
    | RefundDecided
    | RefundOrdered
    | RefundConfirmed
    | LicenceDeployed
    | LicenceSwitchedOff
    | CreditBooked
    | CreditEnded
    | MovedToOnPremise
    | CancellationNoted
    | PurchaseShared
    | ContactNoted
    | ClaimHandedOver
    | ClaimReported
    | CollectionApproved
    | CollectionProposed
    | CollectionRecalled
    | CreditReportApproved
    | DebtorTold
)
Fact = ProviderFact | OwnFact

FACT_KINDS: dict[str, type[Fact]] = {kind.__name__: kind for kind in (*ProviderFact.__args__, *OwnFact.__args__)}
"""Every kind of fact by its name: how a recorded fact finds its type again."""
