"""Requests as they stand: read off the book, by the policy version in force when each was made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kulanz.policy.areas import full_refunds
from kulanz.policy.areas.disputes import chargebacks
from kulanz.policy.areas.overrides import exceptions
from kulanz.policy.areas.refunds.eligibility import Question, judge
from kulanz.policy.areas.refunds.payments import bought_with, payments
from kulanz.policy.book import Book
from kulanz.policy.book.provider import Dispute
from kulanz.policy.book.refunds import RefundLog
from kulanz.policy.calendar import working_days
from kulanz.policy.document.refunds import RefundRules
from kulanz.policy.facts import BESIDE_A_PERIOD, DisputeStatus, Outcome, OverrideKind, RefundDecided, RefundRequested
from kulanz.policy.state import Moment
from kulanz.policy.state.refunds import Payment, Refund, RefundAnswer, RefundState, Verdict
from kulanz.policy.state.terms import Terms

_ENDED_WELL = frozenset({DisputeStatus.WON, DisputeStatus.WITHDRAWN})
_LOST = frozenset({DisputeStatus.LOST, DisputeStatus.ACCEPTED})
_FAILED = frozenset({Outcome.FAILED, Outcome.REFUSED})
_SENT = frozenset({Outcome.UNKNOWN, Outcome.DONE})
_SAME_PERIOD = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundReader:
    """What every request of one account is read with."""

    book: Book
    moment: Moment
    known: list[Payment]
    disputes: tuple[Dispute, ...]

    @classmethod
    def of(cls, book: Book, moment: Moment) -> RefundReader:
        """Return them for an account as it is."""
        disputes = tuple(chargebacks.known(book, moment.terms).values())
        return cls(book=book, moment=moment, known=payments(book), disputes=disputes)

    def payment(self, key: str) -> Payment | None:
        """Return a payment by any of its names."""
        return next((payment for payment in self.known if key in payment.names), None)

    def disputed(self, payment: Payment, *, but: frozenset[DisputeStatus], by: datetime | None = None) -> bool:
        """Whether a dispute that is about the payment, or may be, has another status than those; opened by then."""
        disputes = (dispute for dispute in self.disputes if by is None or dispute.opened_at <= by)
        return any(dispute.seen.status not in but and _is_about(dispute, payment, self.book) for dispute in disputes)

    def question(self, payment: Payment, at: datetime, reason: str = "", add_on: str | None = None) -> Question:
        """Return the question that a request of that time would be."""
        terms = self.moment.terms
        return Question(
            payment=payment,
            known=self.known,
            book=self.book,
            policy=terms.at(at),
            catalogue=terms.catalogue,
            zone=self.moment.zone,
            at=at,
            reason=reason,
            add_on=add_on,
            disputed=self.disputed(payment, but=_ENDED_WELL),
            abused=self._abused(payment),
        )

    def _abused(self, payment: Payment) -> bool:
        suspended = any(exceptions.active(self.book, self.moment.at, OverrideKind.SUSPEND))
        lost = (dispute for dispute in self.disputes if dispute.seen.status in _LOST)
        return suspended or any(not _is_about(dispute, payment, self.book) for dispute in lost)


def refunds(book: Book, moment: Moment) -> Iterator[Refund]:
    """Yield every request, the oldest first."""
    readers = RefundReader.of(book, moment)
    for _, log in sorted(book.refund_requests.items()):
        fact = log.requested
        payment = readers.payment(fact.payment) if fact else None
        if fact is not None and payment is not None:
            yield _refund(fact, log, payment, readers)


def promised_answer(at: datetime, book: Book, terms: Terms, zone: str) -> datetime:
    """Return by when a request of that time is to be answered (plexo 9.2)."""
    return working_days.after(at, terms.at(at).refund.decide_within, zone, terms.working_days(book))


def promised_payment(decided_at: datetime, rules: RefundRules, book: Book, terms: Terms, zone: str) -> datetime:
    """Return by when the money of a request that was decided then is to be there (plexo 9.2)."""
    return working_days.after(decided_at, rules.pay_within, zone, terms.working_days(book))


def _statutory_until(payment: Payment, question: Question, terms: Terms) -> datetime | None:
    """Return to when a consumer may still withdraw from the contract behind a payment; None: no longer."""
    days, book = question.rules.statutory_withdrawal, question.book
    sub = book.subscriptions.get(payment.subscription or "")
    began = (sub.seen.created_at if sub else None) or payment.at
    until = working_days.end_of_period(began, days, question.zone, terms.working_days(book))
    return until if days and question.at <= until else None


def _refund(fact: RefundRequested, log: RefundLog, payment: Payment, readers: RefundReader) -> Refund:
    question = readers.question(payment, fact.at, fact.reason, fact.add_on)
    pinned = readers.moment.terms.of(fact.id, fact.at, readers.book)
    question = replace(question, licence=fact.licence, policy=pinned)
    base = payment.base(base_only=question.rules.base_only)
    lapsed = log.lapsed and not _went_back(fact, log, payment, base)
    decided = None if lapsed else log.decided
    answer = _as_decided(decided) if decided else judge(question)
    state = RefundState.REVIEW if lapsed else _state(fact, log, payment, answer, base)
    if decided is None and state is RefundState.PAID:
        answer = judge(replace(question, payment=replace(payment, refunded=fact.refunded)))
    # A refund while a dispute is open is its outcome; one that is opened after the refund gives nothing back.
    back_at = log.confirmed.at if log.confirmed else None
    outcome = readers.disputed(payment, but=full_refunds.NO_OUTCOME, by=back_at)
    bought = bought_with(payment, readers.book)
    unpaid = tuple(key for key in bought if not _paid_otherwise(payment, key, readers.known))
    terms = readers.moment.terms
    return Refund(
        key=fact.id,
        payment=payment,
        state=state,
        answer=answer,
        amount=decided.amount if decided else _asked_for(fact, answer),
        reason=fact.reason,
        requested_at=fact.at,
        decide_by=fact.decide_by,
        pay_by=log.decided.pay_by if log.decided else _latest_payment(fact, answer, question, terms),
        statutory_until=_statutory_until(payment, question, terms),
        decided_at=decided.at if decided else None,
        decided_by=decided.actor if decided else None,
        decision_reason=decided.reason if decided else "",
        closed_at=_closed_at(log, state),
        before=decided.refunded if decided else fact.refunded,
        left=question.left,
        whole=question.left == 0 < base,
        subscriptions=unpaid,
        takes=fact.add_on is None and not outcome and (bool(unpaid) or not bought),
        disputed=readers.disputed(payment, but=full_refunds.NO_OUTCOME),
        lapsed=lapsed,
        policy=question.policy,
    )


def _as_decided(decided: RefundDecided) -> RefundAnswer:
    return RefundAnswer(Verdict(decided.verdict), decided.clause, decided.refundable, decided.why)


def _asked_for(fact: RefundRequested, answer: RefundAnswer) -> int:
    return answer.refundable if fact.amount is None else fact.amount


def _latest_payment(fact: RefundRequested, answer: RefundAnswer, question: Question, terms: Terms) -> datetime | None:
    """Return when the money would be there if somebody approved on the last day."""
    if answer.verdict is Verdict.NOT_ELIGIBLE:
        return None
    return promised_payment(fact.decide_by, question.rules, question.book, terms, question.zone)


def _state(fact: RefundRequested, log: RefundLog, payment: Payment, answer: RefundAnswer, base: int) -> RefundState:
    decided = log.decided
    if decided is not None and not decided.approved:
        return RefundState.DENIED
    if _went_back(fact, log, payment, base):
        return RefundState.PAID
    if decided is None:
        return RefundState.REVIEW if answer.verdict is Verdict.REVIEW else RefundState.REQUESTED
    outcome = log.ordered.outcome if log.ordered else None
    return RefundState.FAILED if outcome in _FAILED else RefundState.SENT if outcome in _SENT else RefundState.APPROVED


def _went_back(fact: RefundRequested, log: RefundLog, payment: Payment, base: int) -> bool:
    """Whether what was approved is back; undecided, what was asked: somebody may do it without saying so here."""
    if log.decided is not None:
        return payment.refunded - log.decided.refunded >= log.decided.amount
    return payment.refunded - fact.refunded >= (fact.amount or max(1, base - fact.refunded))


def _closed_at(log: RefundLog, state: RefundState) -> datetime | None:
    if state is RefundState.DENIED:
        return log.decided.at if log.decided else None
    return log.confirmed.at if log.confirmed and state is RefundState.PAID else None


def _paid_otherwise(payment: Payment, subscription: str, existing_payments: Iterable[Payment]) -> bool:
    """Whether another payment gives a subscription that this one paid for: a later period's, or the same charged twice.

    The charge for a change of plan alone gives nothing that ends with it.
    """
    if payment.reason in BESIDE_A_PERIOD:
        return True
    others = (
        other_payment
        for other_payment in existing_payments
        if other_payment.subscription == subscription and other_payment.key != payment.key
    )
    return any(_still_pays(other_payment, payment) for other_payment in others)


def _still_pays(other_payment: Payment, payment: Payment) -> bool:
    charged = other_payment.paid and other_payment.total > 0 and other_payment.reason not in BESIDE_A_PERIOD
    return (
        charged
        and other_payment.at >= payment.at - _SAME_PERIOD
        and other_payment.refunded < max(1, other_payment.base(base_only=True))
    )


def _is_about(dispute: Dispute, payment: Payment, book: Book) -> bool:
    """Whether a dispute is about a payment; one that names nothing may be about any."""
    named = set(full_refunds.disputed(dispute, book))
    return not named or bool(named & payment.names)
