"""The verdict on a refund request, with its clause and amount (plexo 3, 4, 5.1, 8, 10, 11, 12, 14)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction

from kulanz.policy.areas import periods, trials
from kulanz.policy.areas.refunds.payments import in_use, is_first
from kulanz.policy.areas.refunds.stems import mentions
from kulanz.policy.book import Book
from kulanz.policy.book.add_ons import withdrawal
from kulanz.policy.document import Policy
from kulanz.policy.document.refunds import DeveloperRules, RefundRules
from kulanz.policy.facts import BESIDE_A_PERIOD, BillingReason
from kulanz.policy.state.refunds import Payment, RefundAnswer, Verdict
from kulanz.policy.state.terms import Catalogue

_SAME_PERIOD = timedelta(days=1)
"""How far apart an order and the first invoice of its subscription may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request with all inputs of its answer."""

    payment: Payment
    known: list[Payment]
    """Every payment of the account, the oldest first."""
    book: Book
    policy: Policy
    catalogue: Catalogue
    zone: str
    at: datetime
    reason: str = ""
    licence: str | None = None
    """The licence that the payment was named by."""
    add_on: str | None = None
    """The add-on whose booking was withdrawn from: only its own line is asked for."""
    pending: int = 0
    """The sum that other requests had approved of the payment and that is not back yet."""
    disputed: bool = False
    """Whether a dispute about the payment is open or lost."""
    abused: bool = False
    """Whether an operator ever suspended the account, or a dispute of another payment was lost."""

    refunded_elsewhere: bool = False
    """Whether the same customer had a payment back in full under another account."""

    @property
    def rules(self) -> RefundRules:
        """The rules that it is judged by."""
        return self.policy.refund

    @property
    def left(self) -> int:
        """Amount that can still go back."""
        return max(0, self.payment.left(base_only=self.rules.base_only) - self.pending)


_KINDNESS = {Verdict.NOT_ELIGIBLE: 0, Verdict.REVIEW: 1, Verdict.ELIGIBLE: 2}


def kindest(question: Question, policies: Iterable[Policy]) -> Question:
    """Return the question by the version whose answer is the best one for the customer (plexo 15).

    Eligible is better than review and that than not eligible; then the higher amount; of equals the first version.
    """
    return max((replace(question, policy=policy) for policy in policies), key=_kindness)


def _kindness(question: Question) -> tuple[int, int]:
    refund_answer = judge(question)
    return _KINDNESS[refund_answer.verdict], refund_answer.refundable


def judge(question: Question) -> RefundAnswer:
    """Return the policy's answer; a repeated request without news gets the same answer."""
    out_of_question = _nothing_to_give(question)
    if out_of_question is not None:
        return out_of_question
    line = _withdrawn_line(question)
    if line is not None:
        return line
    refund_answer = _by_kind(question)
    if refund_answer.verdict is Verdict.NOT_ELIGIBLE:
        return _exception(question) or refund_answer
    return _doubted(question) or refund_answer if refund_answer.verdict is Verdict.ELIGIBLE else refund_answer


def developer_of(question: Question) -> DeveloperRules | None:
    """Return the developer of the product behind a payment, where the policy knows it."""
    product = question.payment.product
    return next((each for each in question.rules.developers if mentions(each.products, product)), None)


def _nothing_to_give(question: Question) -> RefundAnswer | None:
    """Return the answer where there is no money of ours to give, or a bank decides about it."""
    rules, payment = question.rules, question.payment
    if payment.by_transfer:
        return _review(question, rules.method_clause or rules.clause, "by_transfer")
    if not payment.paid:
        return _no(question.policy.dunning.hold_clause, "not_paid")
    if payment.total == 0:
        return _no(_trial_clause(question), "nothing_paid")
    if question.disputed:
        return _review(question, question.policy.dispute.clause, "disputed")
    return _no(rules.amount_clause, "nothing_left") if question.left == 0 else None


def _trial_clause(question: Question) -> str:
    sub = question.book.subscriptions.get(question.payment.subscription or "")
    return trials.clause(sub, question.book, question.policy, question.catalogue, question.zone) if sub else ""


def _withdrawn_line(question: Question) -> RefundAnswer | None:
    """Return the charge for an add-on whose booking was withdrawn from in time, with tax (cloudcrm)."""
    withdrawn = withdrawal(question.book.add_ons, question.add_on) if question.add_on else None
    if withdrawn is None or not withdrawn.refund_due:
        return None
    due = min(withdrawn.refund_due, question.payment.left(base_only=False))
    return RefundAnswer(Verdict.ELIGIBLE, question.policy.add_ons.withdrawal_clause, due, "withdrawal")


def _doubted(question: Question) -> RefundAnswer | None:
    """Return the review of what would be granted, where a person has to look first."""
    rules = question.rules
    if question.abused:
        return _review(question, rules.guarantee_clause or rules.clause, "abuse_suspected")
    above = rules.review_above is not None and question.left > rules.review_above
    return _review(question, rules.clause, "above_limit") if above else None


def _by_kind(question: Question) -> RefundAnswer:
    rules, payment = question.rules, question.payment
    # A plan is what the merchant lists as one; the words of its name do not matter.
    listed = _is_listed_plan(question)
    if not listed and mentions(rules.delegated, payment.product):
        return _review(question, rules.delegated_clause, "delegated")
    if not listed and mentions(rules.never, payment.product):
        return _no(rules.never_clause, "never")
    if payment.licences and (question.licence is not None or not listed):
        return _licence(question)
    if payment.subscription is not None or payment.reason is not None or _is_plan(question):
        return _subscription(question)
    return _otherwise(question)


def _licence(question: Question) -> RefundAnswer:
    rules, payment = question.rules, question.payment
    if rules.licences == "none":
        return _otherwise(question)
    if payment.subscription is not None and not is_first(payment, question.known, question.book):
        return _no(rules.licence_clause, "licence_renewal")
    if rules.licences == "unused" and any(in_use(licence, question.book) for licence in payment.licences):
        return _no(rules.licence_clause, "licence_in_use")
    if question.at > rules.licence_window.last_moment(payment.at, question.zone):
        return _no(rules.licence_clause, "licence_too_late")
    return RefundAnswer(Verdict.ELIGIBLE, rules.licence_clause, question.left, "licence_unused")


def _subscription(question: Question) -> RefundAnswer:
    rules, payment = question.rules, question.payment
    if rules.subscriptions == "none":
        return _otherwise(question)
    if rules.subscriptions == "first_payment":
        excluded = _excluded(question)
        if excluded is not None:
            return excluded
    if rules.plans and not _plans_of(question) & {*rules.plans}:
        return _otherwise(question)
    if question.at > rules.window.last_moment(payment.at, question.zone):
        return _no(rules.window_clause, "too_late")
    if rules.subscriptions == "first_payment" and question.refunded_elsewhere:
        return _review(question, rules.excluded_clause, "refunded_elsewhere")
    return RefundAnswer(Verdict.ELIGIBLE, rules.guarantee_clause, question.left, "within_window")


def _excluded(question: Question) -> RefundAnswer | None:
    """Return why it is not the first payment of a first paid subscription (plexo 3.2, 4, 5.1)."""
    rules, payment = question.rules, question.payment
    if not is_first(payment, question.known, question.book):
        changed = payment.reason in BESIDE_A_PERIOD
        return _no(rules.upgrade_clause, "plan_change") if changed else _no(rules.renewal_clause, "renewal")
    if not _is_plan(question):
        return _otherwise(question)
    if any(_is_earlier_subscription(other_payment, question) for other_payment in question.known):
        return _no(rules.excluded_clause, "not_the_first_subscription")
    others = (other_payment for other_payment in question.known if other_payment.key != payment.key)
    if any(other_payment.went_back(base_only=rules.base_only) for other_payment in others):
        return _no(rules.excluded_clause, "refunded_before")
    return None


def _is_earlier_subscription(payment: Payment, question: Question) -> bool:
    """Whether the same customer had paid for another plan before."""
    mine = question.payment
    if payment.subscription in (None, mine.subscription) or payment.customer != mine.customer or not payment.paid:
        return False
    return (
        payment.total > 0
        and (payment.at, payment.key) < (mine.at, mine.key)
        and _plan_of(payment, question) is not None
    )


def _is_listed_plan(question: Question) -> bool:
    """Whether the product is listed as a plan: that is no on-premise licence, even where a key comes with it."""
    sub, order = (
        question.book.subscriptions.get(question.payment.subscription or ""),
        question.book.orders.get(question.payment.key),
    )
    variants = [item.variant for item in sub.seen.bought] if sub else [order.seen.variant if order else None]
    named = {**question.catalogue.variants, **question.catalogue.lifetimes}
    listed = {named.get(variant or "") for variant in variants} - {None}
    return not listed <= question.catalogue.add_ons.keys()


def _is_plan(question: Question) -> bool:
    return _plan_of(question.payment, question) is not None


def _plans_of(question: Question) -> set[str]:
    """Return every plan that the subscription of a payment has had, or the plan of a single order."""
    sub, plan = (
        question.book.subscriptions.get(question.payment.subscription or ""),
        _plan_of(question.payment, question),
    )
    had = {question.catalogue.plan_of(term.bought) for term in sub.terms} if sub else set()
    return had | ({plan} if plan else set())


def _plan_of(payment: Payment, question: Question) -> str | None:
    """Return the plan that a payment is for; None for an add-on, and for what is no subscription."""
    sub, order = (
        question.book.subscriptions.get(payment.subscription or ""),
        question.book.orders.get(payment.order or ""),
    )
    if sub is not None:
        plan = question.catalogue.plan_of(sub.seen.bought)
        return None if plan in question.catalogue.add_ons else plan
    if payment.reason is not None:
        return payment.product or "unknown"
    listed = question.catalogue.variants.get(order.seen.variant or "") if order else None
    return None if listed is None or listed in question.catalogue.add_ons else listed


def _exception(question: Question) -> RefundAnswer | None:
    """Return the review that the reason, or a payment that was made twice, asks for (plexo 11)."""
    rules = question.rules
    moved_at = min((item.told.moved_at for item in question.book.moves.values()), default=None)
    if rules.moves and (moved_at is not None or mentions(rules.moves, question.reason)):
        unused = _unused(question, moved_at or question.at)
        if unused:
            return RefundAnswer(Verdict.REVIEW, rules.move_clause, unused, "move_to_on_premise")
        return _no(rules.move_clause, "used_up")
    twice = bool(rules.exceptional) and any(_is_twin(item, question) for item in question.known)
    if twice or mentions(rules.exceptional, question.reason):
        return _review(question, rules.exceptional_clause, "charged_twice" if twice else "exceptional")
    return None


def _is_twin(twin: Payment, question: Question) -> bool:
    """Whether the same was paid twice within a day: one period of a subscription, or the same plan bought again.

    An order and a subscription's invoice count once.
    """
    payment = question.payment
    if twin.key == payment.key or not twin.paid or abs(twin.at - payment.at) >= _SAME_PERIOD:
        return False
    if _terms_of(twin) != _terms_of(payment):
        return False
    if twin.subscription == payment.subscription:
        return True
    plan = _plan_of(payment, question)
    return payment.reason is BillingReason.INITIAL and plan is not None and plan == _plan_of(twin, question)


def _terms_of(payment: Payment) -> tuple[object, ...]:
    return payment.customer, payment.total, payment.currency, payment.reason


def _unused(question: Question, since: datetime) -> int:
    """Return the share of the rest for the days after the move, rounded down; before the move, an estimate.

    A payment is for its own period, which ends where the next one begins.
    """
    payment, sub = question.payment, question.book.subscriptions.get(question.payment.subscription or "")
    if sub is None:
        return 0
    began = (periods.started(invoice) for invoice in periods.regular_invoices(sub.seen.key, question.book))
    ends = (at for at in (*began, sub.seen.ends_at or sub.seen.renews_at) if at and at > payment.at + _SAME_PERIOD)
    until = min(ends, default=None)
    if until is None or until <= since:
        return 0
    share = Fraction((until - since).days, max(1, (until - payment.at).days))
    return int(question.left * min(Fraction(1), share))


def _otherwise(question: Question) -> RefundAnswer:
    rules = question.rules
    if rules.otherwise == "review":
        return _review(question, rules.otherwise_clause, "no_rule")
    return _no(rules.otherwise_clause, "no_refunds")


def _no(clause: str, why: str) -> RefundAnswer:
    return RefundAnswer(Verdict.NOT_ELIGIBLE, clause, 0, why)


def _review(question: Question, clause: str, why: str) -> RefundAnswer:
    return RefundAnswer(Verdict.REVIEW, clause, question.left, why)
