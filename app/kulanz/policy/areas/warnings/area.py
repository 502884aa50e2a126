"""Warnings of chargebacks as an area of the policy: what a refund may still prevent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from msgspec.structs import replace as evolve

from kulanz.policy.areas import full_refunds
from kulanz.policy.areas.amounts import told_decimals
from kulanz.policy.areas.area import Area
from kulanz.policy.areas.refunds.payments import named, payments
from kulanz.policy.book import Book
from kulanz.policy.book.provider import Dispute
from kulanz.policy.document import Policy
from kulanz.policy.facts import ChargebackWarned, DisputeStatus, OwnFact
from kulanz.policy.state import Change, ChargebackWarning, Moment, State, Transition
from kulanz.policy.state.refunds import Payment

_ENDED_AS: Mapping[DisputeStatus, str | None] = {DisputeStatus.INQUIRY: None, DisputeStatus.WITHDRAWN: "over"}
"""What a dispute that is none yet says of its warning."""


class WarningsArea(Area):
    """Payments that a bank or a card network doubts, and that are not charged back yet (DOMAIN section 4)."""

    families: ClassVar[tuple[str, ...]] = ("warnings", "disputes")

    def assess(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with the warnings; disputes and requests for refunds have been read before."""
        doubted = {key: dispute for key, dispute in book.disputes.items() if _was_inquiry(dispute)}
        if not doubted and not book.warnings:
            return draft
        reader = _Reader(book, draft, moment, payments(book))
        warned = [reader.told(key, warning.seen) for key, warning in sorted(book.warnings.items())]
        asked = [reader.inquired(key, dispute) for key, dispute in sorted(doubted.items())]
        return evolve(draft, warnings=(*warned, *asked))

    def alerts(self, state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
        """Yield the warnings that operators must see; an inquiry has an alert as a dispute."""
        for warning in state.warnings:
            if warning.open and warning.key in book.warnings:
                yield warning.key, "chargeback_warned"

    def changes(self, step: Transition, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Yield each warning that came or is over; the outcome of an inquiry is shown as a dispute's."""
        before = {warning.key: warning for warning in step.before.warnings} if step.before else {}
        for warning in step.after.warnings:
            if warning.key not in step.new.warnings:
                continue
            was = before.get(warning.key)
            if was is None:
                yield _change(warning, "warning.received", 45)
            if warning.closed_as is not None and (was is None or was.closed_as != warning.closed_as):
                yield _change(warning, "warning.closed", 30)


def _was_inquiry(dispute: Dispute) -> bool:
    return any(status is DisputeStatus.INQUIRY for _, status in dispute.marks)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reader of an account's warnings: the inputs that all of them share."""

    book: Book
    draft: State
    moment: Moment
    known: list[Payment]

    def told(self, key: str, seen: ChargebackWarned) -> ChargebackWarning:
        """Return a warning that was sent as one: it is about the whole payment."""
        payment = next(iter(named(seen.payment, self.known)), None)
        policy, over = self.moment.terms.of(key, seen.warned_at, self.book), None if seen.actionable else "over"
        return ChargebackWarning(
            key=key,
            payment=payment.key if payment else seen.payment,
            warned_at=seen.warned_at,
            reason=seen.reason,
            amount=payment.total if payment else 0,
            currency=payment.currency if payment else None,
            decimals=payment.decimals if payment else None,
            refundable=_left(payment, policy),
            closed_as=self._closed(payment) or over,
            policy=policy,
        )

    def inquired(self, key: str, dispute: Dispute) -> ChargebackWarning:
        """Return the warning that a dispute is, or was, while the bank only asked."""
        seen = dispute.seen
        payment = next(iter(named(seen.payment or seen.order or "", self.known)), None)
        policy, ended = self.moment.terms.of(key, dispute.opened_at, self.book), _ENDED_AS.get(seen.status, "disputed")
        return ChargebackWarning(
            key=key,
            payment=payment.key if payment else seen.payment or seen.order,
            warned_at=dispute.opened_at,
            reason=seen.reason,
            amount=seen.amount,
            currency=seen.currency,
            decimals=payment.decimals if payment else None,
            refundable=_left(payment, policy),
            closed_as=ended or self._closed(payment),
            policy=policy,
        )

    def _closed(self, payment: Payment | None) -> str | None:
        """Return why a refund of a payment can prevent nothing more, or is asked for already."""
        if payment is None:
            return None
        if any(refund.payment.key == payment.key for refund in self.draft.refunds):
            return "answered"
        if payment.refunded >= payment.total > 0:
            return "refunded"
        about = (dispute for dispute in self.book.disputes.values() if dispute.seen.status not in _ENDED_AS)
        disputed = any(not payment.names.isdisjoint(full_refunds.disputed(dispute, self.book)) for dispute in about)
        return "disputed" if disputed else None


def _left(payment: Payment | None, policy: Policy) -> int:
    """Return the amount that the policy lets go back of a payment (plexo 14)."""
    return payment.left(base_only=policy.refund.base_only) if payment else 0


def _change(warning: ChargebackWarning, rule: str, rank: int) -> Change:
    detail = {
        "warning": warning.key,
        "payment": warning.payment,
        "amount": warning.amount if warning.currency else None,
        "currency": warning.currency,
        **told_decimals(warning.decimals),
        "kind": warning.reason or None,
        "closed_as": warning.closed_as if rule == "warning.closed" else None,
    }
    clause = warning.policy.dispute.clause
    return Change(rule=rule, clause=clause, policy=warning.policy, subject=warning.key, rank=rank, detail=detail)
