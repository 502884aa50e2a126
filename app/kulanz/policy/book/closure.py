"""Records of a deletion: requested, approved, announced and done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from msgspec import Struct, field

from kulanz.policy.book.joining import join_maps
from kulanz.policy.book.own import RequestLog
from kulanz.policy.facts.closure import (
    AccountClosed,
    ClosureRequested,
    ClosureWithdrawn,
    DeletionAnnounced,
    DeletionApproved,
)

F = TypeVar("F", ClosureRequested, ClosureWithdrawn, DeletionApproved, AccountClosed)


class Deletion(Struct, frozen=True, kw_only=True):
    """A reason to delete data: a closure, a chargeback, an erasure, the end of retention."""

    requested: ClosureRequested | None = None
    withdrawn: ClosureWithdrawn | None = None
    approved: DeletionApproved | None = None
    announced: Mapping[str, RequestLog] = field(default_factory=dict)
    """The time by which the product was told, as a text."""
    closed: AccountClosed | None = None

    def join(self, other: Deletion) -> Deletion:
        """Keep the first word on each, and every announcement."""
        return Deletion(
            requested=_first(self.requested, other.requested),
            withdrawn=_first(self.withdrawn, other.withdrawn),
            approved=_first(self.approved, other.approved),
            announced=join_maps(self.announced, other.announced),
            closed=_first(self.closed, other.closed),
        )

    @property
    def last_announced(self) -> RequestLog | None:
        """The newest announcement."""
        return self.announced[max(self.announced)] if self.announced else None


def entries(fact: object) -> Iterator[tuple[str, str, Deletion]]:
    """Yield the records of a fact of this area."""
    match fact:
        case ClosureRequested():
            yield "deletions", fact.id, Deletion(requested=fact)
        case ClosureWithdrawn():
            yield "deletions", fact.id, Deletion(withdrawn=fact)
        case DeletionApproved():
            yield "deletions", fact.subject, Deletion(approved=fact)
        case DeletionAnnounced():
            request_log = RequestLog(at=fact.asked_at, outcome=fact.outcome, outcome_at=fact.at)
            yield "deletions", fact.subject, Deletion(announced={fact.asked_at.isoformat(): request_log})
        case AccountClosed():
            yield "deletions", fact.subject, Deletion(closed=fact)


def _first(ours: F | None, theirs: F | None) -> F | None:
    if ours is None or theirs is None:
        return theirs if ours is None else ours
    return min(ours, theirs, key=lambda fact: (fact.at, repr(fact)))
