"""Documents of reports about the whole store."""

from __future__ import annotations

from msgspec import field

from kulanz.documents.shape import Document


class RecoveryFigures(Document, frozen=True, kw_only=True):
    """Outcomes of failed payments of one currency that share an attribute; amounts in minor units."""

    key: str | None
    """The shared attribute: a month, step, plan or version; null for all payments."""
    currency: str
    cases: int
    amount: int
    recovered: int
    recovered_amount: int
    lost: int
    lost_amount: int
    open: int
    open_amount: int
    dropped: int
    """Cases in which nothing is owed any more: waived, void, or explained by an unpaid change of plan."""
    dropped_amount: int
    rate: float | None
    """The recovered share of the recovered and lost money."""


class PaidWithin(Document, frozen=True, kw_only=True):
    """Number of failed payments that were made within a number of whole days."""

    days: int
    cases: int


class DaysToRecovery(Document, frozen=True, kw_only=True):
    """Time until failed payments were made."""

    cases: int
    median: int | None
    within: tuple[PaidWithin, ...]


class Recovery(Document, frozen=True, kw_only=True):
    """Outcomes of the payments that failed in some months."""

    first: str = field(name="from")
    """The first month of failure."""
    to: str
    totals: tuple[RecoveryFigures, ...]
    months: tuple[RecoveryFigures, ...]
    plans: tuple[RecoveryFigures, ...]
    policy_versions: tuple[RecoveryFigures, ...]
    steps: tuple[RecoveryFigures, ...]
    """By the last step of dunning before payment or loss, or until now."""
    spared: tuple[RecoveryFigures, ...]
    """Paid after grace, while the mass-action limit (`limit`) or the re-check (`look`) kept the access."""
    days_to_recovery: DaysToRecovery
