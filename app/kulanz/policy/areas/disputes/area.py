"""Chargebacks as an area of the policy: what they hold and freeze, and every word about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from kulanz.policy.areas.addresses import mail_address
from kulanz.policy.areas.area import Chapter
from kulanz.policy.areas.disputes import chargebacks as disputes
from kulanz.policy.areas.dunning.notices import asked_for
from kulanz.policy.book import Book
from kulanz.policy.effects import Effect, SendLetter, SendMail
from kulanz.policy.facts import OwnFact
from kulanz.policy.frozen import changed
from kulanz.policy.state import Case, Change, Chargeback, Decision, Hold, Moment, State, Step, Timer

_OF_A_HOLD = frozenset({"suspended", disputes.DELETION})
_BEGINNINGS = frozenset({"dispute.opened", "dispute.under_review"})
_TOLD = {
    "dispute.suspended": ("account.suspended", "suspended"),
    "dispute.released": ("account.reinstated", "reinstated"),
}


class Disputes(Chapter):
    """A chargeback: suspension at once, a hold with a release of its own (DOMAIN section 4, plexo 10)."""

    about: ClassVar[tuple[str, ...]] = ("disputes", "orders", "invoices", "refunds")

    def read(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with the chargebacks, and with the cases that they freeze."""
        if not (book.disputes or book.orders):
            return draft
        found = disputes.chargebacks(book, moment.terms, moment.zone, draft.given)
        if not found:
            return draft
        # A dispute is a stronger cause than a case, and the latest counts.
        stops = ((key, one.key) for one in reversed(found) if one.holds for key in one.subscriptions)
        return changed(
            draft,
            cases=tuple(_frozen(case, found) for case in draft.cases),
            chargebacks=tuple(found),
            renewal_stops=(*stops, *draft.renewal_stops),
        )

    def holds(self, state: State, book: Book, moment: Moment) -> Iterable[Hold]:
        """Return the holds of chargebacks."""
        return [disputes.hold(one) for one in state.chargebacks if one.holds] if state.chargebacks else ()

    def timers(self, state: State, book: Book, moment: Moment) -> Iterable[Timer]:
        """Return when a chargeback has to be looked at again."""
        return disputes.timers(state.chargebacks, book, moment) if state.chargebacks else ()

    def carried_over(self, step: Step, moment: Moment) -> Iterable[OwnFact]:
        """Return the notice of a suspension that reached no customer, once there is an address to send it to."""
        return _told_at_last(step.before, step, moment) if step.before and step.before.chargebacks else ()

    def acts(self, state: State, book: Book, moment: Moment) -> Iterable[OwnFact]:
        """Return the notices of deletion that are due."""
        return disputes.acts(state, book, moment) if state.chargebacks else ()

    def concerns(self, state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
        """Yield the chargebacks and refunds that operators must see."""
        return disputes.concerns(state, book, moment)

    def changes(self, step: Step, acts: Iterable[OwnFact]) -> Iterable[Change]:
        """Return what became of each chargeback, and what it took and gave back."""
        return _changes(step) if step.after.chargebacks or (step.before and step.before.chargebacks) else ()

    def content(self, subject: str, decision: Decision) -> Mapping[str, Any]:
        """Return what every notice about a chargeback says."""
        one = decision.state.chargeback(subject)
        if one is None:
            return {}
        return {
            "amount": one.amount,
            "currency": one.currency,
            "fee": one.fee,
            "fee_currency": one.fee_currency or one.currency,
            "data_deletion_eligible_at": one.deletion_eligible_at,
            "deadline": one.deletion_eligible_at,
            "reason": "dispute",
            "clause": one.policy.dispute.clause or None,
        }

    def wants(self, effect: Effect, state: State, book: Book) -> bool | None:
        """Whether what a notice says of a hold is still so."""
        if not isinstance(effect, SendMail | SendLetter):
            return None
        if effect.notice in _OF_A_HOLD:
            return state.held(effect.subject)
        return not state.held(effect.subject) if effect.notice == "reinstated" else None


def _frozen(case: Case, chargebacks: Sequence[Chargeback]) -> Case:
    since = disputes.frozen_since(chargebacks, case.subscription) if case.pursued else None
    return case if since is None else replace(case, frozen_since=max(since, case.opened_at))


def _told_at_last(before: State, step: Step, moment: Moment) -> Iterator[OwnFact]:
    for one in before.chargebacks:
        now = step.after.chargeback(one.key)
        if now is not None and _suspends(one) and _suspends(now) and _is_untold(now, step.new):
            yield asked_for(one.key, "suspended", 1, moment.at)


def _suspends(one: Chargeback) -> bool:
    """Whether it takes something by more than the claim of a stranger."""
    return one.holds and not one.claim


def _is_untold(one: Chargeback, book: Book) -> bool:
    """Whether no notice about it was asked for, although there is an address by now."""
    return not book.notices_about(one.key).sent and any(mail_address(key, book) for key in one.concerned)


def _changes(step: Step) -> Iterator[Change]:
    before = {one.key: one for one in step.before.chargebacks} if step.before else {}
    for key in before.keys() - {one.key for one in step.after.chargebacks}:
        yield from _vanished(before[key])
    for one in step.after.chargebacks:
        known = before.get(one.key)
        if known is None or known.status != one.status:
            yield _began_or_went_on(known, one)
        yield from _reach(known, one)


def _vanished(known: Chargeback) -> Iterator[Change]:
    """Name what a refund was taken for and is no more: it was taken back, or a dispute explains it."""
    yield _change(known, "dispute.settled", 50)
    if known.holds:
        yield _change(known, "dispute.claim_released" if known.claim else "dispute.released", 95)


def _began_or_went_on(known: Chargeback | None, one: Chargeback) -> Change:
    change = _change(one, f"dispute.{one.status}", 85 if known is None else 50)
    begins = change.rule in _BEGINNINGS and (known is None or known.status == "inquiry")
    return changed(change, callback="account.dispute_opened") if begins else change


def _reach(known: Chargeback | None, one: Chargeback) -> Iterator[Change]:
    """Name what a chargeback took and gave back; only one that counts suspends the account."""
    had = (known.holds, known.claim) if known else (False, False)
    has = (one.holds, one.claim)
    if had == has:
        if known is not None and one.holds and known.reach != one.reach:
            yield _change(one, "dispute.reach_moved", 87)
        return
    if known is not None and known.holds:
        yield _change(one, "dispute.claim_released" if known.claim else "dispute.released", 95)
    if one.holds:
        yield _change(one, "dispute.claim_held" if one.claim else "dispute.suspended", 88 if one.claim else 100)


def _change(one: Chargeback, rule: str, rank: int) -> Change:
    detail = {
        "dispute": one.key,
        "status": one.status,
        "amount": one.amount,
        "currency": one.currency,
        "fee": one.fee,
        "payment": one.payment,
        "data_deletion_eligible_at": one.deletion_eligible_at,
    }
    callback, notice = _TOLD.get(rule, (None, None))
    return Change(
        rule=rule,
        clause=one.policy.dispute.clause,
        policy=one.policy,
        subject=one.key,
        rank=rank,
        detail=detail,
        callback=callback,
        notice=notice,
    )
