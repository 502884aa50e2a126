"""The area of refunds: requests and their deadlines, execution, and what ends with the refunded payment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from msgspec.structs import replace as evolve

from kulanz.policy import facts as f
from kulanz.policy.areas.amounts import told_decimals
from kulanz.policy.areas.area import Area, Asks
from kulanz.policy.areas.refunds.reading import refunds
from kulanz.policy.book import Book
from kulanz.policy.effects import DisableLicence, Effect, RefundPayment
from kulanz.policy.facts import LicenceStatus, Outcome, OwnFact
from kulanz.policy.identity import effect_id
from kulanz.policy.state import Change, Decision, Hold, Moment, Owner, State, Timer, Transition
from kulanz.policy.state.refunds import Refund, RefundState, Verdict

_RANKS = {RefundState.PAID: 55, RefundState.APPROVED: 52, RefundState.DENIED: 52, RefundState.FAILED: 51}
_DECIDED = frozenset({"refund.approved", "refund.denied"})


def _pay_back(fact: f.RefundOrdered, decision: Decision) -> Iterator[Effect]:
    refund = decision.state.refund(fact.request)
    if fact.outcome is Outcome.ASKED and refund is not None:
        of_order, again = refund.payment.order is not None, (str(fact.turn),) if fact.turn else ()
        yield RefundPayment(
            id=effect_id(decision.account.id, "refund", refund.key, *again),
            subject=refund.key,
            payment=(refund.payment.order if of_order else refund.payment.invoice) or refund.payment.key,
            kind="order" if of_order else "invoice",
            amount=refund.amount,
            currency=refund.payment.currency,
            before=refund.before,
            step=fact.turn,
        )


def _disable(fact: f.LicenceSwitchedOff, decision: Decision) -> Iterator[Effect]:
    if fact.outcome is Outcome.ASKED:
        ident = effect_id(decision.account.id, "disable", fact.licence, fact.request)
        yield DisableLicence(id=ident, subject=fact.request, licence=fact.licence)


class RefundsArea(Area):
    """Requests for refunds (DOMAIN section 4, plexo 3, 4, 8, 9, 11, 12, 14)."""

    families: ClassVar[tuple[str, ...]] = ("refund_requests",)
    asks: ClassVar[Mapping[type[OwnFact] | str, Asks]] = {f.RefundOrdered: _pay_back, f.LicenceSwitchedOff: _disable}

    def assess(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with the requests; the renewal of a fully refunded subscription is stopped."""
        stored_refunds = tuple(refunds(book, moment))
        stops = ((key, refund.key) for refund in stored_refunds if ends(refund) for key in refund.subscriptions)
        return evolve(draft, refunds=stored_refunds, renewal_stops=(*draft.renewal_stops, *stops))

    def holds(self, state: State, book: Book, moment: Moment) -> Iterator[Hold]:
        """Yield the holds of fully refunded purchases."""
        for refund in state.refunds:
            if ends(refund) and (refund.subscriptions or refund.payment.licences):
                yield Hold(
                    key=f"refund:{refund.key}",
                    owner=Owner.REFUND,
                    source=refund.key,
                    since=refund.closed_at or moment.at,
                    scope="subscription" if refund.subscriptions else "licence",
                    subscriptions=refund.subscriptions,
                )

    def timers(self, state: State, book: Book, moment: Moment) -> Iterator[Timer]:
        """Yield when an answer or a payment is due."""
        for refund in state.refunds:
            if refund.due_at is not None and refund.due_at > moment.at:
                yield Timer("review_due", refund.key, refund.due_at)

    def due(self, state: State, book: Book, moment: Moment) -> Iterator[OwnFact]:
        """Carry out approved requests, note what is paid, and disable the licences whose price went back."""
        for refund in state.refunds:
            log = book.refund_requests[refund.key]
            if refund.state is RefundState.APPROVED and log.ordered is None:
                yield f.RefundOrdered(request=refund.key, at=moment.at, outcome=Outcome.ASKED, turn=log.turn)
            if refund.state is RefundState.PAID and log.confirmed is None:
                yield f.RefundConfirmed(request=refund.key, at=moment.at)
            for licence in _to_switch_off(refund, book):
                yield f.LicenceSwitchedOff(licence=licence, request=refund.key, at=moment.at, outcome=Outcome.ASKED)

    def alerts(self, state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
        """Yield the requests that wait for a person, that are late, and that moved otherwise than approved."""
        for refund in state.refunds:
            if refund.state is RefundState.REVIEW:
                yield refund.key, "refund_needs_review"
            if refund.lapsed and not refund.disputed:
                yield refund.key, "refund_to_decide_again"
            if refund.is_late(moment.at):
                yield refund.key, "refund_answer_late" if refund.answer_is_due else "refund_payment_late"
            if refund.state is RefundState.FAILED:
                yield refund.key, "refund_failed"
            if _moved_otherwise(refund):
                yield refund.key, "refund_differs"

    def changes(self, step: Transition, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Yield the changes of each request."""
        before = {other_refund.key: other_refund for other_refund in step.before.refunds} if step.before else {}
        for other_refund in step.after.refunds:
            refund = before.get(other_refund.key)
            if refund is None:
                yield _change("refund.requested", other_refund, 50)
                yield from _receipt(other_refund, step.new)
            was = refund.state if refund else RefundState.REQUESTED
            if other_refund.lapsed and refund is not None and not refund.lapsed:
                yield _change("refund.approval_lapsed", other_refund, 51)
            elif other_refund.state is not was and not (other_refund.undecided and refund is not None):
                yield _change(f"refund.{other_refund.state}", other_refund, _RANKS.get(other_refund.state, 30))
            elif refund is not None and ends(refund) is not ends(other_refund):
                yield _change("refund.hold_placed" if ends(other_refund) else "refund.hold_released", other_refund, 30)
            elif refund is not None and refund.answer != other_refund.answer:
                yield _change("refund.judged_anew", other_refund, 30)
            if refund is not None and _amended(other_refund.key, step.old) != _amended(other_refund.key, step.new):
                yield _change("refund.amended", other_refund, 46)
        for act in acts:
            if isinstance(act, f.RefundOrdered | f.LicenceSwitchedOff) and act.outcome is Outcome.ASKED:
                yield from _ordered(act, step)

    def content(self, subject: str, decision: Decision) -> Mapping[str, Any]:
        """Return the fields of the letter about a decision."""
        refund = decision.state.refund(subject)
        if refund is None:
            return {}
        denied, payment = refund.state is RefundState.DENIED, refund.payment
        refused = denied and refund.answer.verdict is Verdict.NOT_ELIGIBLE
        return {
            "decision": "denied" if denied else "approved",
            "amount": refund.payment.total if denied else refund.amount,
            "currency": refund.payment.currency,
            **told_decimals(refund.payment.decimals),
            "clause": refund.answer.clause or None,
            "pay_by": refund.pay_by,
            "statutory_withdrawal_until": refund.statutory_until,
            "reason": "refund",
            "why": refund.answer.why if refused else None,
            "decision_reason": (refund.decision_reason or None) if denied else None,
            **_developer(refund),
            "plan_ends": refund.takes and bool(refund.subscriptions) and refund.amount >= refund.left,
            "tax_kept": (payment.tax or None) if refund.policy.refund.base_only else None,
            "amount_clause": refund.policy.refund.amount_clause or None,
        }

    def still_wanted(self, effect: Effect, state: State, book: Book) -> bool | None:
        """Whether the money is still to go back: not twice, and not while a bank is asked for it too."""
        match effect:
            case RefundPayment():
                refund = state.refund(effect.subject)
                under_way = refund is not None and refund.state in _UNDER_WAY and not refund.disputed
                return under_way and book.refund_requests[effect.subject].turn == effect.step
            case DisableLicence():
                refund = state.refund(effect.subject)
                return refund is not None and ends(refund) and not _is_disabled(effect.licence, book)
        return None

    def reported(self, effect: Effect, outcome: Outcome, at: datetime, book: Book) -> Iterator[OwnFact]:
        """Yield the outcome of a request to the provider."""
        match effect:
            case RefundPayment():
                yield f.RefundOrdered(request=effect.subject, at=at, outcome=outcome, turn=effect.step)
            case DisableLicence():
                yield f.LicenceSwitchedOff(licence=effect.licence, request=effect.subject, at=at, outcome=outcome)
            case _:
                pass


_UNDER_WAY = frozenset({RefundState.APPROVED, RefundState.SENT, RefundState.FAILED})


def ends(refund: Refund) -> bool:
    """Whether a payment went back in full as asked for here, and what it paid for ends with it (DOMAIN section 4)."""
    return refund.state is RefundState.PAID and refund.whole and refund.takes


def _amended(request: str, book: Book) -> f.RefundAmended | None:
    log = book.refund_requests.get(request)
    return log.amended if log else None


def _to_switch_off(refund: Refund, book: Book) -> Iterator[str]:
    if not ends(refund):
        return
    for licence in refund.payment.licences:
        log = book.licence_logs.get(licence)
        if (log is None or log.switched_off is None) and not _is_disabled(licence, book):
            yield licence


def _is_disabled(licence: str, book: Book) -> bool:
    record = book.licences.get(licence)
    return record is not None and record.seen.status is LicenceStatus.DISABLED


def _moved_otherwise(refund: Refund) -> bool:
    """Whether money moved after the decision, but not by the approved amount."""
    return refund.decided_at is not None and refund.moved not in (0, refund.amount)


def _ordered(act: f.RefundOrdered | f.LicenceSwitchedOff, step: Transition) -> Iterator[Change]:
    refund = step.after.refund(act.request)
    if refund is not None:
        yield _change("refund.ordered" if isinstance(act, f.RefundOrdered) else "licence.switched_off", refund, 5)


def _developer(refund: Refund) -> dict[str, Any]:
    """Return the developer whose policy the product follows, with the contact address."""
    known = refund.developer
    return {} if known is None else {"developer": known.name, "developer_contact": known.contact}


def _receipt(refund: Refund, book: Book) -> Iterator[Change]:
    """Name the clauses by which it was asked (plexo 9.1), is answered (9.2), and comes to less than the total (14).

    A withdrawn booking opens its own request, for its own line alone.
    """
    rules, fact = refund.policy.refund, book.refund_requests[refund.key].requested
    if fact is None or fact.add_on is not None:
        return
    if rules.request_clause:
        yield _change("refund.received", refund, 45)
    if rules.amount_clause and refund.answer.refundable and refund.left < refund.payment.total:
        yield _change("refund.reduced", refund, 44)
    if rules.clause:
        yield _change("refund.answer_due", refund, 43)
    if refund.policy is not refund.pinned and refund.pinned.terms.version_clause:
        yield _change("refund.version_of_payment", refund, 42)


def _change(rule: str, refund: Refund, rank: int) -> Change:
    rules = refund.policy.refund
    clauses = {
        "refund.received": rules.request_clause,
        "refund.amended": rules.request_clause,
        "refund.reduced": rules.amount_clause,
        "refund.answer_due": rules.clause,
        "refund.ordered": rules.clause,
        "refund.version_of_payment": refund.pinned.terms.version_clause,
    }
    detail = {
        "request": refund.key,
        "payment": refund.payment.key,
        "subscription": refund.payment.subscription,
        "state": str(refund.state),
        "verdict": str(refund.answer.verdict),
        "why": refund.answer.why,
        "amount": refund.amount,
        "refundable_amount": refund.answer.refundable,
        "currency": refund.payment.currency,
        **told_decimals(refund.payment.decimals),
        "decide_by": refund.decide_by,
        "pay_by": refund.pay_by,
        "differs": list(refund.differs) or None,
        "actor": refund.decided_by,
        "reason": (refund.decision_reason or None) if rule in _DECIDED else None,
        **_developer(refund),
    }
    clause = clauses.get(rule, refund.answer.clause)
    return Change(
        rule=rule,
        clause=clause,
        policy=refund.policy,
        subject=refund.key,
        rank=rank,
        detail=detail,
        callback="refund.decided" if rule in _DECIDED else None,
        notice="refund_decided" if rule in _DECIDED else None,
    )
