"""What the policy says of a request: the verdict, its clause and the amount (plexo 3, 4, 5.1, 8, 10, 11, 12, 14)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from kulanz.policy.areas.refunds.payments import in_use, is_first
from kulanz.policy.book import Book
from kulanz.policy.document import Policy
from kulanz.policy.document.refunds import RefundRules
from kulanz.policy.facts import BillingReason
from kulanz.policy.state.refunds import Answer, Payment, Verdict
from kulanz.policy.state.terms import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request and all that its answer depends on."""

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
    """The licence by which the payment was named."""
    add_on: str | None = None
    """The add-on whose booking was withdrawn from: it asks for its own line alone."""
    disputed: bool = False
    """Whether a dispute about the payment is open or lost."""
    abused: bool = False
    """Whether an operator suspended the account, or a dispute of another payment was lost."""

    @property
    def rules(self) -> RefundRules:
        """The rules that it is judged by."""
        return self.policy.refund

    @property
    def left(self) -> int:
        """What can still go back."""
        return self.payment.left(base_only=self.rules.base_only)


def judge(asked: Question) -> Answer:
    """Return the answer of the policy; who asks again, without news, gets the same."""
    out_of_question = _nothing_to_give(asked)
    if out_of_question is not None:
        return out_of_question
    line = _withdrawn_line(asked)
    if line is not None:
        return line
    found = _by_kind(asked)
    if found.verdict is Verdict.NOT_ELIGIBLE:
        return _exception(asked) or found
    return _doubted(asked) or found if found.verdict is Verdict.ELIGIBLE else found


def _nothing_to_give(asked: Question) -> Answer | None:
    """Return the answer where there is no money of ours to give, or a bank decides about it."""
    rules, payment = asked.rules, asked.payment
    if payment.by_transfer:
        return _review(asked, rules.method_clause or rules.clause, "by_transfer")
    if not payment.paid:
        return _no(asked.policy.dunning.hold_clause, "not_paid")
    if payment.total == 0:
        return _no(asked.policy.trial.clause_of(_plan_of(payment, asked) or ""), "nothing_paid")
    if asked.disputed:
        return _review(asked, asked.policy.dispute.clause, "disputed")
    return _no(rules.amount_clause, "nothing_left") if asked.left == 0 else None


def _withdrawn_line(asked: Question) -> Answer | None:
    """Return the line of an add-on that was invoiced before its booking was withdrawn from in time (cloudcrm)."""
    log = asked.book.add_ons.get(asked.add_on or "")
    if log is None or log.cancelled is None or not log.cancelled.refund_due:
        return None
    due = min(log.cancelled.refund_due, asked.left)
    return Answer(Verdict.ELIGIBLE, asked.policy.add_ons.withdrawal_clause, due, "withdrawal")


def _doubted(asked: Question) -> Answer | None:
    """Return the review of what would be granted, where a person has to look first."""
    rules = asked.rules
    if asked.abused:
        return _review(asked, rules.guarantee_clause or rules.clause, "abuse_suspected")
    above = rules.review_above is not None and asked.left > rules.review_above
    return _review(asked, rules.clause, "above_limit") if above else None


def _by_kind(asked: Question) -> Answer:
    rules, payment = asked.rules, asked.payment
    if _has_word(rules.delegated, payment.product):
        return _review(asked, rules.delegated_clause, "delegated")
    if _has_word(rules.never, payment.product):
        return _no(rules.never_clause, "never")
    if payment.licences and (asked.licence is not None or not _is_listed_plan(asked)):
        return _licence(asked)
    if payment.subscription is not None or payment.reason is not None or _is_plan(asked):
        return _subscription(asked)
    return _otherwise(asked)


def _licence(asked: Question) -> Answer:
    rules, payment = asked.rules, asked.payment
    if rules.licences == "none":
        return _otherwise(asked)
    if payment.subscription is not None and not is_first(payment, asked.known, asked.book):
        return _no(rules.licence_clause, "licence_renewal")
    if rules.licences == "unused" and any(in_use(licence, asked.book) for licence in payment.licences):
        return _no(rules.licence_clause, "licence_in_use")
    if asked.at > rules.licence_window.after(payment.at, asked.zone):
        return _no(rules.licence_clause, "licence_too_late")
    return Answer(Verdict.ELIGIBLE, rules.licence_clause, asked.left, "licence_unused")


def _subscription(asked: Question) -> Answer:
    rules, payment = asked.rules, asked.payment
    if rules.subscriptions == "none":
        return _otherwise(asked)
    if rules.subscriptions == "first_payment":
        excluded = _excluded(asked)
        if excluded is not None:
            return excluded
    if asked.at > rules.window.after(payment.at, asked.zone):
        return _no(rules.window_clause, "too_late")
    return Answer(Verdict.ELIGIBLE, rules.guarantee_clause, asked.left, "within_window")


def _excluded(asked: Question) -> Answer | None:
    """Return why it is not the first payment of a first paid subscription (plexo 3.2, 4, 5.1)."""
    rules, payment = asked.rules, asked.payment
    if not is_first(payment, asked.known, asked.book):
        changed = payment.reason is BillingReason.UPDATED
        return _no(rules.upgrade_clause, "plan_change") if changed else _no(rules.renewal_clause, "renewal")
    if not _is_plan(asked):
        return _otherwise(asked)
    if any(_is_earlier_subscription(one, asked) for one in asked.known):
        return _no(rules.excluded_clause, "not_the_first_subscription")
    if any(_went_back(one, rules) for one in asked.known if one.key != payment.key):
        return _no(rules.excluded_clause, "refunded_before")
    return None


def _is_earlier_subscription(one: Payment, asked: Question) -> bool:
    """Whether the same customer had paid for another plan before."""
    mine = asked.payment
    if one.subscription in (None, mine.subscription) or one.customer != mine.customer or not one.paid:
        return False
    return one.total > 0 and (one.at, one.key) < (mine.at, mine.key) and _plan_of(one, asked) is not None


def _went_back(one: Payment, rules: RefundRules) -> bool:
    base = one.base(base_only=rules.base_only)
    return one.paid and base > 0 and one.refunded >= base


def _is_listed_plan(asked: Question) -> bool:
    """Whether what was bought is listed as a plan: that is no on-premise licence, even where a key comes with it."""
    sub, order = (
        asked.book.subscriptions.get(asked.payment.subscription or ""),
        asked.book.orders.get(asked.payment.key),
    )
    variant = sub.seen.variant if sub else order.seen.variant if order else None
    listed = asked.catalogue.variants.get(variant or "")
    return listed is not None and listed not in asked.catalogue.add_ons


def _is_plan(asked: Question) -> bool:
    return _plan_of(asked.payment, asked) is not None


def _plan_of(payment: Payment, asked: Question) -> str | None:
    """Return the plan that a payment is for; None for an add-on, and for what is no subscription."""
    sub, order = asked.book.subscriptions.get(payment.subscription or ""), asked.book.orders.get(payment.order or "")
    if sub is not None:
        plan = asked.catalogue.plan(sub.seen.variant, sub.seen.product)
        return None if plan in asked.catalogue.add_ons else plan
    if payment.reason is not None:
        return payment.product or "unknown"
    listed = asked.catalogue.variants.get(order.seen.variant or "") if order else None
    return None if listed is None or listed in asked.catalogue.add_ons else listed


def _exception(asked: Question) -> Answer | None:
    """Return the review that the reason, or a payment that was made twice, asks for (plexo 11)."""
    rules = asked.rules
    moved_at = min((one.told.moved_at for one in asked.book.moves.values()), default=None)
    if rules.moves and (moved_at is not None or _mentions(rules.moves, asked.reason)):
        return Answer(Verdict.REVIEW, rules.move_clause, _unused(asked, moved_at or asked.at), "move_to_on_premise")
    twice = bool(rules.exceptional) and any(_is_twin(one, asked.payment) for one in asked.known)
    if twice or _mentions(rules.exceptional, asked.reason):
        return _review(asked, rules.exceptional_clause, "charged_twice" if twice else "exceptional")
    return None


def _is_twin(one: Payment, payment: Payment) -> bool:
    """Whether the same was paid twice within a day: an order and a subscription's invoice count once."""
    same = (one.subscription, one.customer, one.total, one.currency, one.reason) == (
        payment.subscription,
        payment.customer,
        payment.total,
        payment.currency,
        payment.reason,
    )
    return same and one.key != payment.key and one.paid and abs((one.at - payment.at).total_seconds()) < 86400  # noqa: PLR2004


def _unused(asked: Question, since: datetime) -> int:
    """Return the part of what is left that the days after the move have, rounded down; before it, an estimate."""
    sub = asked.book.subscriptions.get(asked.payment.subscription or "")
    until = (sub.seen.ends_at or sub.seen.renews_at) if sub else None
    if until is None or until <= since or until <= asked.payment.at:
        return 0
    share = Fraction((until - since).days, max(1, (until - asked.payment.at).days))
    return int(asked.left * min(Fraction(1), share))


def _otherwise(asked: Question) -> Answer:
    rules = asked.rules
    if rules.otherwise == "review":
        return _review(asked, rules.otherwise_clause, "no_rule")
    return _no(rules.otherwise_clause, "no_refunds")


def _no(clause: str, why: str) -> Answer:
    return Answer(Verdict.NOT_ELIGIBLE, clause, 0, why)


def _review(asked: Question, clause: str, why: str) -> Answer:
    return Answer(Verdict.REVIEW, clause, asked.left, why)


def _has_word(words: Iterable[str], slug: str) -> bool:
    """Whether a product's slug has one of the words, or several with hyphens, as words of their own."""
    return any(f"-{word.replace(' ', '-')}-" in f"-{slug.casefold()}-" for word in words)


def _mentions(words: Iterable[str], reason: str) -> bool:
    text = " ".join(reason.replace("_", " ").casefold().split())
    return any(word in text for word in words)
