"""Records of debts: transfers, debtors, hand-overs with their approvals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kulanz.policy.book.joining import first, union
from kulanz.policy.book.own import CaseLog
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

APPROVALS = 2
"""The number of different authenticated names that a hand-over, and a report, need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A transfer; the same id is the same transfer."""

    told: PaymentRecorded | None = None
    voided: PaymentVoided | None = None

    def join(self, other: Transfer) -> Transfer:
        """Keep the first word under one id, and the first that it is void."""
        return Transfer(told=first(self.told, other.told), voided=first(self.voided, other.voided))

    @property
    def shares(self) -> tuple[Share, ...]:
        """The debts that it pays; a void transfer pays none."""
        return self.told.shares if self.told is not None and self.voided is None else ()

    @property
    def unmatched(self) -> int:
        """The part that pays no debt: it is the payer's, and a person decides about it."""
        if self.told is None or self.voided is not None:
            return 0
        return self.told.amount - sum(share.amount for share in self.told.shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class Debtor:
    """The debtor's personal data, encrypted with the account's own key."""

    told: DebtorTold

    def join(self, other: Debtor) -> Debtor:
        """Keep the newer statement whole."""
        return self if self == other else max(self, other, key=lambda debtor: (debtor.told.number, repr(debtor.told)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A hand-over of a debt, from its proposal to its end."""

    proposed: CollectionProposed | None = None
    approvals: tuple[tuple[datetime, str], ...] = ()
    """When, and by which authenticated name."""
    handed: ClaimHandedOver | None = None
    recalled: CollectionRecalled | None = None
    reports: tuple[tuple[datetime, str], ...] = ()
    """Who approved the report to a credit bureau, the first one being its proposal."""
    reported: ClaimReported | None = None

    def join(self, other: Collection) -> Collection:
        """Keep every approval and, of each act, the one that came first."""
        return Collection(
            proposed=first(self.proposed, other.proposed),
            approvals=union(self.approvals, other.approvals),
            handed=first(self.handed, other.handed),
            recalled=first(self.recalled, other.recalled),
            reports=union(self.reports, other.reports),
            reported=first(self.reported, other.reported),
        )

    @property
    def approved(self) -> bool:
        """Whether two different names approved the hand-over."""
        return len({actor for _, actor in self.approvals}) >= APPROVALS

    @property
    def report_approved(self) -> bool:
        """Whether two different names approved the report."""
        return len({actor for _, actor in self.reports}) >= APPROVALS

    @property
    def in_force(self) -> bool:
        """Whether the debt is with the agency."""
        return self.handed is not None and self.recalled is None

    @property
    def state(self) -> str:
        """`proposed`, `handed_over`, `recalled`, or `withdrawn` where it was never handed over."""
        if self.handed is None:
            return "proposed" if self.recalled is None else "withdrawn"
        return "handed_over" if self.recalled is None else "recalled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """A direct-debit mandate: granted, and perhaps revoked."""

    granted: MandateGranted | None = None
    revoked: MandateRevoked | None = None

    def join(self, other: Mandate) -> Mandate:
        """Keep the first of each act."""
        return Mandate(granted=first(self.granted, other.granted), revoked=first(self.revoked, other.revoked))


def entries(fact: object) -> Iterator[tuple[str, str, Any]]:
    """Yield the records of debts in one fact: the family of the book, the key in it, and the record."""
    match fact:
        case PaymentRecorded():
            yield "transfers", fact.id, Transfer(told=fact)
        case PaymentVoided():
            yield "transfers", fact.id, Transfer(voided=fact)
        case DunningPaused():
            yield "cases", fact.case, CaseLog(paused=((fact.since, fact.until),))
        case DebtorTold():
            yield "debtors", "debtor", Debtor(told=fact)
        case CollectionProposed():
            approvals = ((fact.at, fact.actor),) if fact.approves else ()
            yield "collections", fact.id, Collection(proposed=fact, approvals=approvals)
        case _:
            yield from _steps(fact)


def _steps(fact: object) -> Iterator[tuple[str, str, Any]]:
    match fact:
        case MandateGranted():
            yield "mandates", fact.id, Mandate(granted=fact)
        case MandateRevoked():
            yield "mandates", fact.id, Mandate(revoked=fact)
        case CollectionApproved():
            yield "collections", fact.id, Collection(approvals=((fact.at, fact.actor),))
        case ClaimHandedOver():
            yield "collections", fact.id, Collection(handed=fact)
        case CollectionRecalled():
            yield "collections", fact.id, Collection(recalled=fact)
        case CreditReportApproved():
            yield "collections", fact.id, Collection(reports=((fact.at, fact.actor),))
        case ClaimReported():
            yield "collections", fact.id, Collection(reported=fact)
