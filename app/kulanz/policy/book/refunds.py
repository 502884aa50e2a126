"""Records of refund requests, of licences in use, and of refunds with their own amount."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from kulanz.policy import facts as f
from kulanz.policy.book.own import RequestLog
from kulanz.policy.facts import Outcome

W = TypeVar("W", f.RefundRequested, f.RefundDecided, f.RefundConfirmed, f.LicenceDeployed)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundLog:
    """A request: its content, the last decision, and the outcome at the provider."""

    requested: f.RefundRequested | None = None
    amended: f.RefundAmended | None = None
    """The newest word about the requested amount, from before a decision."""
    turn: int = 0
    """How often it had been decided before."""
    decided: f.RefundDecided | None = None
    ordered: RequestLog | None = None
    confirmed: f.RefundConfirmed | None = None

    def join(self, other: RefundLog) -> RefundLog:
        """Keep the first of each word and the outcome that ranks highest; of the decisions, the last turn's."""
        last = [log for log in (self, other) if log.turn == max(self.turn, other.turn)]
        ours, theirs = last[0], last[-1]
        return RefundLog(
            requested=_first(self.requested, other.requested),
            amended=_last(self.amended, other.amended),
            turn=ours.turn,
            decided=_first(ours.decided, theirs.decided),
            ordered=_joined(ours.ordered, theirs.ordered),
            confirmed=_first(self.confirmed, other.confirmed),
        )

    @property
    def asked(self) -> f.RefundRequested | None:
        """The request's content, as last stated."""
        if self.requested is None or self.amended is None:
            return self.requested
        return replace(
            self.requested,
            amount=self.amended.amount,
            reason=self.amended.reason,
            contact_email=self.amended.contact_email,
            organisation=self.amended.organisation,
        )

    @property
    def next_turn(self) -> int:
        """The number of the next decision."""
        return self.turn + 1 if self.decided else self.turn

    @property
    def lapsed(self) -> bool:
        """Whether the last approval lapsed, because the refund was no longer wanted when its turn came."""
        withdrawn = self.ordered is not None and self.ordered.outcome is Outcome.WITHDRAWN
        return self.decided is not None and self.decided.approved and withdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceLog:
    """Our knowledge and steps about one licence beside the provider's word."""

    deployed: f.LicenceDeployed | None = None
    switched_off: RequestLog | None = None

    def join(self, other: LicenceLog) -> LicenceLog:
        """Keep the first word, and what ranks highest of the outcomes."""
        return LicenceLog(
            deployed=_first(self.deployed, other.deployed),
            switched_off=_joined(self.switched_off, other.switched_off),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunds:
    """The refunds of one payment that the provider sends one by one, by their own keys."""

    seen: tuple[f.RefundSeen, ...]

    def join(self, other: Refunds) -> Refunds:
        """Keep the newest snapshot of each refund."""
        newest = {other_fact.key: other_fact for other_fact in self.seen}
        for other_fact in other.seen:
            fact = newest.get(other_fact.key)
            if fact is None or (fact.stamp, repr(fact)) < (other_fact.stamp, repr(other_fact)):
                newest[other_fact.key] = other_fact
        return Refunds(seen=tuple(newest[key] for key in sorted(newest)))

    @property
    def amount(self) -> int:
        """The sum that went back, in minor units."""
        return sum(fact.amount for fact in self.seen if fact.counts)


def entries(fact: f.OwnFact) -> Iterator[tuple[str, str, RefundLog | LicenceLog]]:
    """Yield the family of the book, the key in it and the record, for each object in a fact."""
    match fact:
        case f.RefundRequested():
            yield "refund_requests", fact.id, RefundLog(requested=fact)
        case f.RefundAmended():
            yield "refund_requests", fact.request, RefundLog(amended=fact)
        case f.RefundDecided():
            yield "refund_requests", fact.request, RefundLog(turn=fact.turn, decided=fact)
        case f.RefundOrdered():
            yield "refund_requests", fact.request, RefundLog(turn=fact.turn, ordered=_outcome(fact))
        case f.RefundConfirmed():
            yield "refund_requests", fact.request, RefundLog(confirmed=fact)
        case f.LicenceDeployed():
            yield "licence_logs", fact.licence, LicenceLog(deployed=fact)
        case f.LicenceSwitchedOff():
            yield "licence_logs", fact.licence, LicenceLog(switched_off=_outcome(fact))
        case _:
            pass


def _outcome(fact: f.RefundOrdered | f.LicenceSwitchedOff) -> RequestLog:
    return RequestLog(at=fact.at, outcome=fact.outcome, outcome_at=fact.at)


def _first(ours: W | None, theirs: W | None) -> W | None:
    if ours is None or theirs is None or ours == theirs:
        return theirs if ours is None else ours
    return min(ours, theirs, key=lambda word: (word.at, repr(word)))


def _last(ours: f.RefundAmended | None, theirs: f.RefundAmended | None) -> f.RefundAmended | None:
    if ours is None or theirs is None:
        return ours or theirs
    return max(ours, theirs, key=lambda word: (word.at, repr(word)))


def _joined(ours: RequestLog | None, theirs: RequestLog | None) -> RequestLog | None:
    return ours.join(theirs) if ours and theirs else ours or theirs
