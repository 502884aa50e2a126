"""The closed vocabularies of facts, and the stamp that orders the snapshots of one object."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


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
    ONE_TIME = "one_time"
    """Beside the periods: a single charge, a change of the payment method."""
    UNKNOWN = "unknown"
    """The provider does not say: it counts as a renewal."""


BESIDE_A_PERIOD = frozenset({BillingReason.UPDATED, BillingReason.ONE_TIME})
"""The reasons of charges that begin no period."""


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


class Stamp(Struct, frozen=True, order=True):
    """Which of two snapshots of one provider object is newer: provider's time, then event rank, then digest."""

    at: datetime
    rank: int = 0
    digest: str = ""
