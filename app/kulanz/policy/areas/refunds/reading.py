"""Reads the requests from the book, each by the policy version in force when it was made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kulanz.policy.areas import full_refunds
from kulanz.policy.areas.disputes import chargebacks
from kulanz.policy.areas.refunds import asking
from kulanz.policy.areas.refunds.eligibility import Question, developer_of, judge, kindest
from kulanz.policy.areas.refunds.payments import bought_with, payments
from kulanz.policy.book import Book
from kulanz.policy.book.provider import Dispute
from kulanz.policy.book.refunds import RefundLog
from kulanz.policy.calendar import working_days
from kulanz.policy.document import Policy
from kulanz.policy.document.refunds import RefundRules
from kulanz.policy.facts import BESIDE_A_PERIOD, DisputeStatus, Outcome, OverrideKind, RefundDecided, RefundRequested
from kulanz.policy.state import Moment
from kulanz.policy.state.refunds import Payment, Refund, RefundAnswer, RefundState, Verdict
from kulanz.policy.state.terms import Terms, has_own_terms

_ENDED_WELL = frozenset({DisputeStatus.WON, DisputeStatus.WITHDRAWN})
_LOST = frozenset({DisputeStatus.LOST, DisputeStatus.ACCEPTED})
_FAILED = frozenset({Outcome.FAILED, Outcome.REFUSED})
_SENT = frozenset({Outcome.UNKNOWN, Outcome.DONE})
_SAME_PERIOD = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundReader:
    """Reader of an account's requests: the inputs that all of them share."""

    book: Book
    moment: Moment
    known: list[Payment]
    disputes: tuple[Dispute, ...]

    @classmethod
    def of(cls, book: Book, moment: Moment) -> RefundReader:
        """Return the reader for an account as it is."""
        disputes = tuple(chargebacks.known(book, moment.terms).values())
        return cls(book=book, moment=moment, known=payments(book), disputes=disputes)

    def payment(self, key: str) -> Payment | None:
        """Return a payment by any of its names."""
        return next((payment for payment in self.known if key in payment.names), None)

    def disputed(self, payment: Payment, *, but: frozenset[DisputeStatus], by: datetime | None = None) -> bool:
        """Whether a dispute that is or may be about the payment has a status outside those; opened by then."""
        disputes = (dispute for dispute in self.disputes if by is None or dispute.opened_at <= by)
        return any(dispute.seen.status not in but and _is_about(dispute, payment, self.book) for dispute in disputes)

    def pending(self, payment: Payment, *, but: str = "") -> int:
        """Return the sum that other requests had approved of the payment and that is not back yet."""
        return sum(
            decided.amount
            for key, log in self.book.refund_requests.items()
            if key != but and (decided := log.decided) is not None and decided.approved and not log.lapsed
            if log.requested is not None and log.requested.payment in payment.names
            if payment.refunded - decided.refunded < decided.amount
        )

    def moved(self, payment: Payment, decided: RefundDecided | None, before: int) -> int:
        """Return the sum that moved since a request was decided, up to the next approval of another request.

        Another one is approved only once this one's money is back; the clock does not matter.
        """
        later = (
            log.decided.refunded
            for key, log in self.book.refund_requests.items()
            if decided is not None and key != decided.request and log.decided is not None and log.decided.approved
            if log.requested is not None and log.requested.payment in payment.names
            if log.decided.refunded >= decided.refunded + decided.amount
        )
        return min([payment.refunded, *later]) - before

    def versions(self, payment: Payment, at: datetime, pinned: Policy | None = None) -> tuple[Policy, ...]:
        """Return the versions whose better answer counts: that of the request, and that of the payment (plexo 15).

        An agreement of the account's own replaces both (plexo 7).
        """
        terms = self.moment.terms
        of_request = pinned or terms.at(at)
        return (of_request,) if has_own_terms(self.book, at) else (of_request, terms.at(payment.at))

    def question(
        self, payment: Payment, at: datetime, reason: str = "", add_on: str | None = None, *, request: str = ""
    ) -> Question:
        """Return the question for a request made at that time, beside all others."""
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
            pending=self.pending(payment, but=request),
            disputed=self.disputed(payment, but=_ENDED_WELL),
            abused=self._abused(payment),
        )

    def _abused(self, payment: Payment) -> bool:
        # A suspension that is over is remembered: it ends by its day, and what it was for does not.
        suspended = any(record.set.kind is OverrideKind.SUSPEND for record in self.book.overrides.values())
        lost = (dispute for dispute in self.disputes if dispute.seen.status in _LOST)
        return suspended or any(not _is_about(dispute, payment, self.book) for dispute in lost)


def refunds(book: Book, moment: Moment) -> Iterator[Refund]:
    """Yield every request, the oldest first."""
    readers = RefundReader.of(book, moment)
    asked = [(fact, log) for log in book.refund_requests.values() if (fact := log.asked) is not None]
    for fact, log in sorted(asked, key=lambda item: (item[0].at, item[0].id)):
        payment = readers.payment(fact.payment)
        if payment is not None:
            yield _refund(fact, log, payment, readers)


def promised_answer(at: datetime, book: Book, terms: Terms, zone: str) -> datetime:
    """Return by when a request of that time is to be answered (plexo 9.2)."""
    return working_days.after(at, terms.at(at).refund.decide_within, zone, terms.working_days(book))


def promised_payment(decided_at: datetime, rules: RefundRules, book: Book, terms: Terms, zone: str) -> datetime:
    """Return by when the money of a request that was decided then is to be there (plexo 9.2)."""
    return working_days.after(decided_at, rules.pay_within, zone, terms.working_days(book))


def _statutory_until(payment: Payment, question: Question, terms: Terms) -> datetime | None:
    """Return the end of a consumer's right to withdraw from the contract behind a payment; None: over."""
    days, book = question.rules.statutory_withdrawal, question.book
    sub = book.subscriptions.get(payment.subscription or "")
    began = (sub.seen.created_at if sub else None) or payment.at
    until = working_days.end_of_period(began, days, question.zone, terms.working_days(book))
    return until if days and question.at <= until else None


def _refund(fact: RefundRequested, log: RefundLog, payment: Payment, readers: RefundReader) -> Refund:
    question = readers.question(payment, fact.at, fact.reason, fact.add_on, request=fact.id)
    pinned = readers.moment.terms.of(fact.id, fact.at, readers.book)
    versions = readers.versions(payment, fact.at, pinned)
    question = replace(question, licence=fact.licence, policy=pinned, refunded_elsewhere=fact.refunded_elsewhere)
    lapsed = log.lapsed and not _went_back(fact, log, payment, payment.base(base_only=pinned.refund.base_only))
    decided = None if lapsed else log.decided
    if decided is None:
        question = kindest(question, versions)
    else:
        question = replace(question, policy=_decided_by(decided, versions))
    base = payment.base(base_only=question.rules.base_only)
    answer = _as_decided(decided) if decided else judge(question)
    left = question.left
    state = RefundState.REVIEW if lapsed else _state(fact, log, payment, answer, base)
    if decided is None and state is RefundState.PAID:
        # What it was worth while the money was still here.
        before_refund = replace(question, payment=replace(payment, refunded=fact.refunded))
        question = replace(question, policy=kindest(before_refund, versions).policy)
        before_refund = replace(before_refund, policy=question.policy)
        answer, left = judge(before_refund), before_refund.left
    # A refund while a dispute is open is its outcome; one that is opened after the refund gives nothing back.
    back_at = log.confirmed.at if log.confirmed else None
    outcome = readers.disputed(payment, but=full_refunds.NO_OUTCOME, by=back_at)
    bought = bought_with(payment, readers.book)
    unpaid = tuple(key for key in bought if not _paid_otherwise(payment, key, readers.known))
    terms = readers.moment.terms
    before = decided.refunded if decided else fact.refunded
    return Refund(
        key=fact.id,
        payment=payment,
        state=state,
        answer=answer,
        verdict_clause=(decided.verdict_clause if decided else "") or answer.clause,
        amount=decided.amount if decided else _asked_for(fact, answer, left),
        reason=fact.reason,
        requested_at=fact.at,
        decide_by=fact.decide_by,
        pay_by=log.decided.pay_by if log.decided else _latest_payment(fact, answer, question, terms),
        statutory_until=_statutory_until(payment, question, terms),
        decided_at=decided.at if decided else None,
        decided_by=decided.actor if decided else None,
        decision_reason=decided.reason if decided else "",
        closed_at=_closed_at(log, state),
        before=before,
        moved=readers.moved(payment, decided, before),
        pending=question.pending,
        left=question.left,
        whole=payment.left(base_only=question.rules.base_only) == 0 < base,
        subscriptions=unpaid,
        takes=fact.add_on is None and not outcome and (bool(unpaid) or not bought),
        disputed=readers.disputed(payment, but=full_refunds.NO_OUTCOME),
        lapsed=lapsed,
        policy=question.policy,
        developer=developer_of(question) if answer.why == "delegated" else None,
        pinned=pinned,
        differs=asking.differences(fact, readers.book),
    )


def _decided_by(decided: RefundDecided, versions: Sequence[Policy]) -> Policy:
    """Return the version that a decision followed: the one of the request where it names none."""
    return next((policy for policy in versions if policy.version == decided.version), versions[0])


def _as_decided(decided: RefundDecided) -> RefundAnswer:
    return RefundAnswer(Verdict(decided.verdict), decided.clause, decided.refundable, decided.why)


def _asked_for(fact: RefundRequested, answer: RefundAnswer, left: int) -> int:
    """Return the amount of an approval without one; a refusal grants nothing, but all that is left was asked for."""
    return fact.amount or answer.refundable or left


def _latest_payment(fact: RefundRequested, answer: RefundAnswer, question: Question, terms: Terms) -> datetime | None:
    """Return when the money would arrive if it were approved on the last day."""
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
    """Whether the approved amount is back; undecided, the requested one: it may be paid without a decision here."""
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
