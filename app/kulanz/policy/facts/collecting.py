"""Facts of debts, entered by people: transfers, and the debts that each was taken to pay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Share:
    """The part of a transfer that pays one debt; `claim` is the key of its invoice or case."""

    claim: str
    """An invoice's key; where no invoice is known, that of the dunning case which a snapshot opened."""
    subscription: str
    since: datetime
    """When the case of the debt began, by the provider's clock."""
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DunningPaused:
    """A dispute stopped the clock of a case's dunning letters for this long."""

    case: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRecorded:
    """A transfer reached us, outside the provider; what no share takes up is an overpayment."""

    id: str
    at: datetime
    """When it was recorded."""
    received_at: datetime
    amount: int
    currency: str
    actor: str
    shares: tuple[Share, ...] = ()
    reference: str | None = None
    """The payer's text."""
    transaction: str | None = None
    """The bank's own id of it."""
    another_account: str | None = None
    """The other account that owes the invoice which the payer named: nothing is paid before a person decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentVoided:
    """A transfer that was recorded never arrived, was sent back, or was another's."""

    id: str
    at: datetime
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DebtorTold:
    """The debtor's data as the merchant gave them, complete: a field that is left out is no longer known."""

    number: int
    """Sequence number of the statement: it decides which of two is newer, independent of clocks."""
    at: datetime
    actor: str
    fields: tuple[tuple[str, str], ...]
    """By name: `birth_name`, `postal_address`, …; dates as `2026-03-01`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateGranted:
    """The customer allows direct debits."""

    id: str
    at: datetime
    by: str
    """`portal`: by the customer; `staff`: by the merchant's people for them."""
    actor: str
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateRevoked:
    """The customer allows them no more, for the future and without saying why."""

    id: str
    at: datetime
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionProposed:
    """An operator proposed to hand the debt of a dunning case over to a collection agency."""

    id: str
    case: str
    opened_at: datetime
    """When the case began, by the provider's clock: a later beginning of the same case is not meant."""
    at: datetime
    actor: str
    approves: bool
    """Whether the name was authenticated: then the proposal is the first approval."""
    reason: str
    also: tuple[str, ...] = ()
    """The fields that this case needs of those that are sent only where needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionApproved:
    """An authenticated name approved a hand-over."""

    id: str
    at: datetime
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimHandedOver:
    """A debt was handed over: what exactly, with the frozen statement and its hash."""

    id: str
    at: datetime
    fields: tuple[str, ...]
    """The fields of the policy's list that were known and sent."""
    amount: int
    """The sum that was owed, fees included, in minor units."""
    package: str
    """The file as it was sent, as JSON."""
    statement_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionRecalled:
    """A hand-over, or the proposal of one, was taken back."""

    id: str
    at: datetime
    cause: str
    """`paid`, `void`, `disputed`, or `operator`."""
    actor: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditReportApproved:
    """An authenticated name approved the report of a handed-over debt to a credit bureau; the first one proposed it."""

    id: str
    at: datetime
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimReported:
    """A debt was reported to a credit bureau."""

    id: str
    at: datetime
    fields: tuple[str, ...]
    package: str
