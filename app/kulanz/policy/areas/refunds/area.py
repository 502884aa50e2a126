"""Refunds as a chapter of the policy: requests and their deadlines, carrying out, what ends with the money."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from kulanz.policy import facts as f
from kulanz.policy.areas.area import Asks, Chapter
from kulanz.policy.areas.refunds.reading import refunds
from kulanz.policy.book import Book
from kulanz.policy.effects import DisableLicence, Effect, RefundPayment
from kulanz.policy.facts import LicenceStatus, Outcome, OwnFact
from kulanz.policy.frozen import changed
from kulanz.policy.identity import effect_id
from kulanz.policy.state import Change, Decision, Hold, Moment, Owner, State, Step, Timer
from kulanz.policy.state.refunds import Refund, RefundState

_RANKS = {RefundState.PAID: 55, RefundState.APPROVED: 52, RefundState.DENIED: 52, RefundState.FAILED: 51}
_DECIDED = frozenset({"refund.approved", "refund.denied"})


def _pay_back(fact: f.RefundOrdered, decision: Decision) -> Iterator[Effect]:
    one = decision.state.refund(fact.request)
    if fact.outcome is Outcome.ASKED and one is not None:
        of_order, again = one.payment.order is not None, (str(fact.turn),) if fact.turn else ()
        yield RefundPayment(
            id=effect_id(decision.account.id, "refund", one.key, *again),
            subject=one.key,
            payment=(one.payment.order if of_order else one.payment.invoice) or one.payment.key,
            kind="order" if of_order else "invoice",
            amount=one.amount,
            currency=one.payment.currency,
            before=one.before,
            step=fact.turn,
        )


def _disable(fact: f.LicenceSwitchedOff, decision: Decision) -> Iterator[Effect]:
    if fact.outcome is Outcome.ASKED:
        ident = effect_id(decision.account.id, "disable", fact.licence, fact.request)
        yield DisableLicence(id=ident, subject=fact.request, licence=fact.licence)


class RefundChapter(Chapter):
    """Requests for refunds (DOMAIN section 4, plexo 3, 4, 8, 9, 11, 12, 14)."""

    about: ClassVar[tuple[str, ...]] = ("refund_requests",)
    asks: ClassVar[Mapping[type[OwnFact] | str, Asks]] = {f.RefundOrdered: _pay_back, f.LicenceSwitchedOff: _disable}

    def read(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with the requests; the renewal of what went back in full is stopped."""
        found = tuple(refunds(book, moment))
        stops = ((one.payment.subscription, one.key) for one in found if ends(one) and one.payment.subscription)
        return changed(draft, refunds=found, renewal_stops=(*draft.renewal_stops, *stops))

    def holds(self, state: State, book: Book, moment: Moment) -> Iterator[Hold]:
        """Yield the holds of what went back in full."""
        for one in state.refunds:
            bought = (one.payment.subscription,) if one.payment.subscription else ()
            if ends(one) and (bought or one.payment.licences):
                yield Hold(
                    key=f"refund:{one.key}",
                    owner=Owner.REFUND,
                    source=one.key,
                    since=one.closed_at or moment.at,
                    scope="subscription" if bought else "licence",
                    subscriptions=bought,
                )

    def timers(self, state: State, book: Book, moment: Moment) -> Iterator[Timer]:
        """Yield when an answer or a payment is due."""
        for one in state.refunds:
            if one.due_at is not None and one.due_at > moment.at:
                yield Timer("review_due", one.key, one.due_at)

    def acts(self, state: State, book: Book, moment: Moment) -> Iterator[OwnFact]:
        """Carry out what is approved, note what is paid, and switch off the licences whose price went back."""
        for one in state.refunds:
            log = book.refund_requests[one.key]
            if one.state is RefundState.APPROVED and log.ordered is None:
                yield f.RefundOrdered(request=one.key, at=moment.at, outcome=Outcome.ASKED, turn=log.turn)
            if one.state is RefundState.PAID and log.confirmed is None:
                yield f.RefundConfirmed(request=one.key, at=moment.at)
            for licence in _to_switch_off(one, book):
                yield f.LicenceSwitchedOff(licence=licence, request=one.key, at=moment.at, outcome=Outcome.ASKED)

    def concerns(self, state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
        """Yield what waits for a person, what is late, and what moved otherwise than approved."""
        for one in state.refunds:
            if one.state is RefundState.REVIEW:
                yield one.key, "refund_needs_review"
            if one.lapsed and not one.disputed:
                yield one.key, "refund_to_decide_again"
            if one.is_late(moment.at):
                yield one.key, "refund_answer_late" if one.answer_is_due else "refund_payment_late"
            if one.state is RefundState.FAILED:
                yield one.key, "refund_failed"
            if _moved_otherwise(one):
                yield one.key, "refund_differs"

    def changes(self, step: Step, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Yield what became of each request."""
        before = {one.key: one for one in step.before.refunds} if step.before else {}
        for one in step.after.refunds:
            known = before.get(one.key)
            if known is None:
                yield _change("refund.requested", one, 50)
                yield from _receipt(one, step.new)
            was = known.state if known else RefundState.REQUESTED
            if one.lapsed and known is not None and not known.lapsed:
                yield _change("refund.approval_lapsed", one, 51)
            elif one.state is not was and not (one.undecided and known is not None):
                yield _change(f"refund.{one.state}", one, _RANKS.get(one.state, 30))
            elif known is not None and known.answer != one.answer:
                yield _change("refund.judged_anew", one, 30)
        for act in acts:
            if isinstance(act, f.RefundOrdered | f.LicenceSwitchedOff) and act.outcome is Outcome.ASKED:
                yield from _ordered(act, step)

    def content(self, subject: str, decision: Decision) -> Mapping[str, Any]:
        """Return what the letter about a decision tells."""
        one = decision.state.refund(subject)
        if one is None:
            return {}
        denied = one.state is RefundState.DENIED
        return {
            "decision": "denied" if denied else "approved",
            "amount": one.payment.total if denied else one.amount,
            "currency": one.payment.currency,
            "clause": one.answer.clause or None,
            "pay_by": one.pay_by,
            "statutory_withdrawal_until": one.statutory_until,
            "reason": "refund",
        }

    def wants(self, effect: Effect, state: State, book: Book) -> bool | None:
        """Whether the money is still to go back: not twice, and not while a bank is asked for it too."""
        match effect:
            case RefundPayment():
                one = state.refund(effect.subject)
                under_way = one is not None and one.state in _UNDER_WAY and not one.disputed
                return under_way and book.refund_requests[effect.subject].turn == effect.step
            case DisableLicence():
                one = state.refund(effect.subject)
                return one is not None and ends(one) and not _is_disabled(effect.licence, book)
        return None

    def reported(self, effect: Effect, outcome: Outcome, at: datetime, book: Book) -> Iterator[OwnFact]:
        """Yield what became of an order to the provider."""
        match effect:
            case RefundPayment():
                yield f.RefundOrdered(request=effect.subject, at=at, outcome=outcome, turn=effect.step)
            case DisableLicence():
                yield f.LicenceSwitchedOff(licence=effect.licence, request=effect.subject, at=at, outcome=outcome)
            case _:
                pass


_UNDER_WAY = frozenset({RefundState.APPROVED, RefundState.SENT, RefundState.FAILED})


def ends(one: Refund) -> bool:
    """Whether a payment went back in full as asked for here, and what it paid for ends with it (DOMAIN section 4)."""
    return one.state is RefundState.PAID and one.whole and one.takes


def _to_switch_off(one: Refund, book: Book) -> Iterator[str]:
    if not ends(one):
        return
    for licence in one.payment.licences:
        log = book.licence_logs.get(licence)
        if (log is None or log.switched_off is None) and not _is_disabled(licence, book):
            yield licence


def _is_disabled(licence: str, book: Book) -> bool:
    record = book.licences.get(licence)
    return record is not None and record.seen.status is LicenceStatus.DISABLED


def _moved_otherwise(one: Refund) -> bool:
    """Whether money moved after the decision, but not by what was approved."""
    moved = one.payment.refunded - one.before
    return one.decided_at is not None and moved not in (0, one.amount)


def _ordered(act: f.RefundOrdered | f.LicenceSwitchedOff, step: Step) -> Iterator[Change]:
    one = step.after.refund(act.request)
    if one is not None:
        yield _change("refund.ordered" if isinstance(act, f.RefundOrdered) else "licence.switched_off", one, 5)


def _receipt(one: Refund, book: Book) -> Iterator[Change]:
    """Name the clauses by which it was asked (plexo 9.1), is answered (9.2), and comes to less than the total (14).

    A withdrawn booking asks by itself, and for its own line alone.
    """
    rules, asked = one.policy.refund, book.refund_requests[one.key].requested
    if asked is None or asked.add_on is not None:
        return
    if rules.request_clause:
        yield _change("refund.received", one, 45)
    if rules.amount_clause and one.answer.refundable and one.left < one.payment.total:
        yield _change("refund.reduced", one, 44)
    if rules.clause:
        yield _change("refund.answer_due", one, 43)


def _change(rule: str, one: Refund, rank: int) -> Change:
    rules = one.policy.refund
    clauses = {
        "refund.received": rules.request_clause,
        "refund.reduced": rules.amount_clause,
        "refund.answer_due": rules.clause,
        "refund.ordered": rules.clause,
    }
    detail = {
        "request": one.key,
        "payment": one.payment.key,
        "subscription": one.payment.subscription,
        "state": str(one.state),
        "verdict": str(one.answer.verdict),
        "why": one.answer.why,
        "amount": one.amount,
        "refundable_amount": one.answer.refundable,
        "currency": one.payment.currency,
        "decide_by": one.decide_by,
        "pay_by": one.pay_by,
        "actor": one.decided_by,
        "reason": (one.decision_reason or None) if rule in _DECIDED else None,
    }
    clause = clauses.get(rule, one.answer.clause)
    return Change(
        rule=rule,
        clause=clause,
        policy=one.policy,
        subject=one.key,
        rank=rank,
        detail=detail,
        callback="refund.decided" if rule in _DECIDED else None,
        notice="refund_decided" if rule in _DECIDED else None,
    )
