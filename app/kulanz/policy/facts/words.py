"""The closed vocabularies of facts, and the stamp that orders the snapshots of one object."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class Status(StrEnum):
    """Status of a subscription, as last sent by the provider."""

    ON_TRIAL = "on_trial"
    ACTIVE = "active"
    PAUSED = "paused"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class DisputeStatus(StrEnum):
    """Stage of a chargeback, in rising order at the same instant of the provider's clock."""

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
    """Status of an order, as last sent by the provider."""

    PENDING = "pending"
    FAILED = "failed"
    PAID = "paid"
    REFUNDED = "refunded"
    PARTIAL_REFUND = "partial_refund"
    FRAUDULENT = "fraudulent"


class InvoiceStatus(StrEnum):
    """Status of a subscription's invoice, as last sent by the provider."""

    PENDING = "pending"
    PAID = "paid"
    VOID = "void"
    REFUNDED = "refunded"
    PARTIAL_REFUND = "partial_refund"


class LicenceStatus(StrEnum):
    """Status of a licence key, as last sent by the provider."""

    INACTIVE = "inactive"
    ACTIVE = "active"
    EXPIRED = "expired"
    DISABLED = "disabled"


class BillingReason(StrEnum):
    """Why an invoice was made."""

    INITIAL = "initial"
    RENEWAL = "renewal"
    UPDATED = "updated"
    ONE_TIME = "one_time"
    """Beside the periods: a single charge, a change of the payment method."""
    UNKNOWN = "unknown"
    """The provider does not say: it counts as a renewal."""


BESIDE_A_PERIOD = frozenset({BillingReason.UPDATED, BillingReason.ONE_TIME})
"""The reasons of charges that begin no period."""


class Provenance(StrEnum):
    """Source of our knowledge."""

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
    """Outcome of a step of ours; the later word in this list stands when two reports differ."""

    ASKED = "asked"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    DONE = "done"


class Stamp(Struct, frozen=True, order=True):
    """Version of a provider object's snapshot, for comparing two: provider's time, then event rank, then digest."""

    at: datetime
    rank: int = 0
    digest: str = ""
