"""Which notices a change brings, to whom they go, and what they say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from app.policy import disputes, notices
from app.policy import facts as f
from app.policy.addresses import mail_address
from app.policy.book import Book
from app.policy.chapters import CHAPTERS, speaking
from app.policy.facts import OwnFact
from app.policy.model import Access, Case, Change, Chargeback, Decision, State
from app.policy.time import rfc3339

_BY_RULE = {
    "dunning.hold_placed": "downgraded",
    "dispute.suspended": "suspended",
    "dispute.released": "reinstated",
    "override.reinstate.lifted": "reinstated",
    **{rule: kind for chapter in CHAPTERS for rule, kind in chapter.letters.items()},
}


def brought_by(
    found: Sequence[Change], state: State, book: Book, acts: Iterable[OwnFact], now: datetime
) -> Iterator[OwnFact]:
    """Yield the notices that changes bring with them, beyond those that have a time of their own."""
    for change in found:
        kind = _kind(change, book, acts)
        if kind == "reinstated" and state.access is Access.NONE:
            continue
        if kind is not None and _subscriptions_of(change.subject, state, book, change):
            yield notices.asked_for(change.subject, kind, notices.next_step(change.subject, kind, book), now)
    for one in state.chargebacks:
        if all(one.key != change.subject for change in found) and _untold(one, book):
            yield notices.asked_for(one.key, "suspended", 1, now)


def given_up_at_once(change: Change) -> bool:
    """Whether the provider ended the subscription while it was in grace: its plan is lost with no hold before."""
    return change.rule == "dunning.exhausted" and not change.detail["was_on_hold"]


def address(subject: str, state: State, book: Book, changes: Iterable[Change]) -> tuple[str, str] | None:
    """Return the subscription that a notice is about and its own address: never another customer's."""
    change = next((one for one in changes if one.subject == subject), None)
    for subscription in _subscriptions_of(subject, state, book, change):
        to = mail_address(subscription, book)
        if to is not None:
            return subscription, to
    return None


def content(subject: str, subscription: str, decision: Decision) -> dict[str, Any]:
    """Return what the templates fill in."""
    before, state = decision.before, decision.state
    case = state.case(subject) or (before.case(subject) if before else None)
    dispute = state.chargeback(subject)
    given = next((one.plan for one in state.given if one.subscription == subscription), None)
    told: dict[str, Any] = {
        "subscription": subscription,
        "plan": given or decision.account.plan,
        "access": str(decision.account.access),
    }
    if case is not None:
        told |= _of_case(case)
    if dispute is not None:
        told |= _of_dispute(dispute)
    for chapter in speaking(decision.account.book, "content"):
        told |= chapter.content(subject, state)
    return jsonable(told)


def jsonable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as every outside sees them: instants as text."""
    return {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in values.items()}


def _kind(change: Change, book: Book, acts: Iterable[OwnFact]) -> str | None:
    if change.rule == "dunning.grace_started":
        silent = change.policy.dunning.provider_sends_failure_mail or _is_asked(change.subject, acts)
        return None if silent else notices.STARTED
    if change.rule == "dunning.recovered":
        return "recovered" if _heard_of(change.subject, book) else None
    return "downgraded" if given_up_at_once(change) else _BY_RULE.get(change.rule)


def _untold(one: Chargeback, book: Book) -> bool:
    """Whether a suspension was told to nobody, as only now somebody is known to whom it could be told."""
    wanted = one.holds and not one.claim and not book.notices_about(one.key).sent
    return wanted and any(mail_address(key, book) for key in disputes.concerned(one, book))


def _is_asked(subject: str, acts: Iterable[OwnFact]) -> bool:
    """Whether a catch-up sends another notice already: a case gets one at most."""
    return any(isinstance(act, f.NoticeReported) and act.subject == subject for act in acts)


def _heard_of(subject: str, book: Book) -> bool:
    """Whether a notice of a case was at least asked for, so that "all good" may make sense."""
    return any(book.notices_about(name).sent for name in (subject, *book.case(subject).absorbed))


def _subscriptions_of(subject: str, state: State, book: Book, change: Change | None) -> tuple[str, ...]:
    case = state.case(subject)
    if case is not None:
        return (case.subscription,)
    dispute = state.chargeback(subject)
    if dispute is not None:
        return disputes.concerned(dispute, book)
    for chapter in speaking(book, "addressees"):
        if found := chapter.addressees(subject, state, book):
            return found
    named = change.detail.get("subscription") if change else None
    return (named,) if isinstance(named, str) and named in book.subscriptions else ()


def _of_case(case: Case) -> dict[str, Any]:
    rules = case.policy.dunning
    held = case.held_at is not None
    return {
        "deadline": case.deadline,
        "amount_due": case.amount_due,
        "currency": case.currency,
        "on_grace_end": rules.on_grace_end,
        "clause": (rules.hold_clause if held else rules.grace_clause) or None,
    }


def _of_dispute(one: Chargeback) -> dict[str, Any]:
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
