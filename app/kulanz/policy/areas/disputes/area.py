"""Chargebacks as an area of the policy: their holds, the cases that they freeze, and their changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from msgspec.structs import replace as evolve

from kulanz.policy.areas.addresses import mail_address
from kulanz.policy.areas.amounts import told_decimals
from kulanz.policy.areas.area import Area
from kulanz.policy.areas.disputes import chargebacks as disputes
from kulanz.policy.areas.dunning.notices import asked_for
from kulanz.policy.book import Book
from kulanz.policy.effects import Effect, SendLetter, SendMail
from kulanz.policy.facts import OwnFact
from kulanz.policy.state import Case, Change, Chargeback, Decision, Hold, Moment, State, Timer, Transition

_OF_A_HOLD = frozenset({"suspended", disputes.DELETION})
_BEGINNINGS = frozenset({"dispute.opened", "dispute.under_review"})
_TOLD = {
    "dispute.suspended": ("account.suspended", "suspended"),
    "dispute.released": ("account.reinstated", "reinstated"),
}


class DisputesArea(Area):
    """A chargeback: suspension at once, a hold with a release of its own (DOMAIN section 4, plexo 10)."""

    families: ClassVar[tuple[str, ...]] = ("disputes", "orders", "invoices", "refunds")

    def assess(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with the chargebacks, and with the cases that they freeze."""
        chargebacks = disputes.chargebacks(book, moment, draft)
        if not chargebacks:
            return draft
        # A dispute is a stronger cause than a case, and the latest counts.
        stops = (
            (key, chargeback.key)
            for chargeback in reversed(chargebacks)
            if chargeback.holds
            for key in chargeback.subscriptions
        )
        return evolve(
            draft,
            cases=tuple(_frozen(case, chargebacks) for case in draft.cases),
            chargebacks=tuple(chargebacks),
            renewal_stops=(*stops, *draft.renewal_stops),
        )

    def holds(self, state: State, book: Book, moment: Moment) -> Iterable[Hold]:
        """Return the holds of chargebacks."""
        return (
            [disputes.hold(chargeback) for chargeback in state.chargebacks if chargeback.holds]
            if state.chargebacks
            else ()
        )

    def timers(self, state: State, book: Book, moment: Moment) -> Iterable[Timer]:
        """Return when a chargeback has to be looked at again."""
        return disputes.timers(state.chargebacks, book, moment) if state.chargebacks else ()

    def carried_over(self, step: Transition, moment: Moment) -> Iterable[OwnFact]:
        """Return the notice of a suspension that reached no customer, once there is an address to send it to."""
        return _told_at_last(step.before, step, moment) if step.before and step.before.chargebacks else ()

    def due(self, state: State, book: Book, moment: Moment) -> Iterable[OwnFact]:
        """Return the notices of deletion that are due."""
        return disputes.due(state, book, moment) if state.chargebacks else ()

    def alerts(self, state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
        """Yield the chargebacks and refunds that operators must see."""
        return disputes.alerts(state, book, moment)

    def changes(self, step: Transition, acts: Iterable[OwnFact]) -> Iterable[Change]:
        """Return the outcome of each chargeback, and the access that it took and gave back."""
        return _changes(step) if step.after.chargebacks or (step.before and step.before.chargebacks) else ()

    def content(self, subject: str, decision: Decision) -> Mapping[str, Any]:
        """Return the fields of every notice about a chargeback."""
        chargeback = decision.state.chargeback(subject)
        if chargeback is None:
            return {}
        return {
            "amount": chargeback.amount,
            "currency": chargeback.currency,
            **told_decimals(chargeback.decimals),
            "fee": chargeback.fee,
            "fee_currency": chargeback.fee_currency or chargeback.currency,
            "fee_possible": chargeback.policy.dispute.charges_fee,
            "data_deletion_eligible_at": chargeback.deletion_eligible_at,
            "deadline": chargeback.deletion_eligible_at,
            "reason": "dispute",
            "clause": chargeback.policy.dispute.clause or None,
        }

    def still_wanted(self, effect: Effect, state: State, book: Book) -> bool | None:
        """Whether a notice's words about a hold are still true."""
        if not isinstance(effect, SendMail | SendLetter):
            return None
        if effect.notice in _OF_A_HOLD:
            return state.held(effect.subject)
        return not state.held(effect.subject) if effect.notice == "reinstated" else None


def _frozen(case: Case, chargebacks: Sequence[Chargeback]) -> Case:
    since = disputes.frozen_since(chargebacks, case.subscription) if case.pursued else None
    if since is None:
        return case
    begins = max(since, case.opened_at)
    # A pause of the subscription may have begun before.
    return evolve(case, frozen_since=min(begins, case.frozen_since or begins))


def _told_at_last(before: State, step: Transition, moment: Moment) -> Iterator[OwnFact]:
    for chargeback in before.chargebacks:
        now = step.after.chargeback(chargeback.key)
        if now is not None and _suspends(chargeback) and _suspends(now) and _is_untold(now, step.new):
            yield asked_for(chargeback.key, "suspended", 1, moment.at)


def _suspends(chargeback: Chargeback) -> bool:
    """Whether a chargeback takes something by more than an unverified claim."""
    return chargeback.holds and not chargeback.claim


def _is_untold(chargeback: Chargeback, book: Book) -> bool:
    """Whether a chargeback has had no notice yet, although there is an address by now."""
    return not book.notices_about(chargeback.key).sent and any(mail_address(key, book) for key in chargeback.concerned)


def _changes(step: Transition) -> Iterator[Change]:
    before = (
        {other_chargeback.key: other_chargeback for other_chargeback in step.before.chargebacks} if step.before else {}
    )
    for key in before.keys() - {other_chargeback.key for other_chargeback in step.after.chargebacks}:
        yield from _vanished(before[key])
    for other_chargeback in step.after.chargebacks:
        chargeback = before.get(other_chargeback.key)
        if chargeback is None or chargeback.status != other_chargeback.status:
            yield _began_or_went_on(chargeback, other_chargeback)
        yield from _reach(chargeback, other_chargeback)


def _vanished(chargeback: Chargeback) -> Iterator[Change]:
    """Name a refund that is no chargeback any more: it was taken back, or a dispute explains it."""
    yield _change(chargeback, "dispute.settled", 50)
    if chargeback.holds:
        yield _change(chargeback, "dispute.claim_released" if chargeback.claim else "dispute.released", 95)


def _began_or_went_on(chargeback: Chargeback | None, other_chargeback: Chargeback) -> Change:
    change = _change(other_chargeback, f"dispute.{other_chargeback.status}", 85 if chargeback is None else 50)
    begins = change.rule in _BEGINNINGS and (chargeback is None or chargeback.status == "inquiry")
    return evolve(change, callback="account.dispute_opened") if begins and not other_chargeback.claim else change


def _reach(chargeback: Chargeback | None, other_chargeback: Chargeback) -> Iterator[Change]:
    """Name the access that a chargeback took and gave back; only one that counts suspends the account."""
    had = (chargeback.holds, chargeback.claim) if chargeback else (False, False)
    has = (other_chargeback.holds, other_chargeback.claim)
    if had == has:
        if chargeback is not None and other_chargeback.holds and chargeback.reach != other_chargeback.reach:
            yield _change(other_chargeback, "dispute.reach_moved", 87)
        return
    if chargeback is not None and chargeback.holds:
        yield _change(other_chargeback, "dispute.claim_released" if chargeback.claim else "dispute.released", 95)
    if other_chargeback.holds:
        yield _change(
            other_chargeback,
            "dispute.claim_held" if other_chargeback.claim else "dispute.suspended",
            88 if other_chargeback.claim else 100,
        )


def _change(chargeback: Chargeback, rule: str, rank: int) -> Change:
    detail = {
        "dispute": chargeback.key,
        "status": chargeback.status,
        "amount": chargeback.amount,
        "currency": chargeback.currency,
        **told_decimals(chargeback.decimals),
        "fee": chargeback.fee,
        "payment": chargeback.payment,
        "data_deletion_eligible_at": chargeback.deletion_eligible_at,
    }
    callback, notice = _TOLD.get(rule, (None, None))
    return Change(
        rule=rule,
        clause=chargeback.policy.dispute.clause,
        policy=chargeback.policy,
        subject=chargeback.key,
        rank=rank,
        detail=detail,
        callback=callback,
        notice=notice,
    )
