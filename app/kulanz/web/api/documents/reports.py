"""Documents of reports about the whole store."""

from __future__ import annotations

from msgspec import field

from kulanz.web.api.documents.shape import Document


class RecoveryFigures(Document, frozen=True, kw_only=True):
    """What became of failed payments of one currency that are alike; amounts are in minor units."""

    key: str | None
    """What they are alike in: a month, step, plan or version; null where it is all of them."""
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
    """Nothing is owed any more: waived, void, or explained by an unpaid change of plan."""
    dropped_amount: int
    rate: float | None
    """The share of the money that came back, of what came back or was lost."""


class PaidWithin(Document, frozen=True, kw_only=True):
    """How many failed payments were made within so many whole days."""

    days: int
    cases: int


class DaysToRecovery(Document, frozen=True, kw_only=True):
    """How long failed payments took to be made."""

    cases: int
    median: int | None
    within: list[PaidWithin]


class Recovery(Document, frozen=True, kw_only=True):
    """What became of the payments that failed in some months."""

    first: str = field(name="from")
    """The first month of failure."""
    to: str
    totals: list[RecoveryFigures]
    months: list[RecoveryFigures]
    plans: list[RecoveryFigures]
    policy_versions: list[RecoveryFigures]
    steps: list[RecoveryFigures]
    """By the last step of dunning before the money came or was given up, or until now."""
    spared: list[RecoveryFigures]
    """Paid after grace, while the mass-action limit (`limit`) or the re-check (`look`) kept the access."""
    days_to_recovery: DaysToRecovery
