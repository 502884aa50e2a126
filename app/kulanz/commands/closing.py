"""Handlers of commands about the end of an account: each returns its facts or raises why not (plexo 10, 13; I9)."""

from __future__ import annotations

import secrets
from datetime import datetime

from kulanz.commands.commands import (
    ApproveDeletion,
    Closing,
    DestroyRecords,
    EraseAccount,
    RequestClosure,
    WithdrawClosure,
)
from kulanz.errors import InvalidInputError, RefusedError
from kulanz.formats.messages import message
from kulanz.policy.areas.closure import retention
from kulanz.policy.areas.closure.area import RETENTION_TIMER, has_ended
from kulanz.policy.areas.closure.obstacles import protected
from kulanz.policy.assess import assess
from kulanz.policy.facts import AccountClosed, ClosureRequested, ClosureWithdrawn, DeletionApproved, Fact
from kulanz.policy.state import Account, CaseState, State, Terms
from kulanz.policy.state.closure import ClosureCase

_WORDS = {"dispute_open": message("a dispute is open"), "legal_hold": message("the data are under a legal hold")}


def facts_of(order: Closing, account: Account, terms: Terms, actor: str, now: datetime) -> tuple[Fact, ...]:
    """Return a command's facts; raise the reason why it cannot be executed."""
    state = assess(account.book, terms, account.zone(terms), now)
    match order:
        case RequestClosure():
            return (_requested(order, state, actor, now),)
        case WithdrawClosure():
            closure = _closure(state)
            return (ClosureWithdrawn(id=closure.subject, at=now, actor=actor, reason=order.reason),)
        case ApproveDeletion():
            waiting = _waiting(order, state, now)
            return (DeletionApproved(subject=waiting.subject, at=now, actor=actor, reason=order.reason),)
        case EraseAccount():
            _refuse_what_is_protected(state, account, now)
            _refuse_a_claim(state, account)
            _refuse_a_question(state, account)
            subject = f"er_{secrets.token_hex(8)}"
            return (AccountClosed(subject=subject, cause="erasure", at=now, actor=actor, reason=order.reason),)
        case DestroyRecords():
            _refuse_what_is_protected(state, account, now)
            _refuse_what_is_kept(state, account, terms, now)
            return (AccountClosed(subject=RETENTION_TIMER, cause=RETENTION_TIMER, at=now, actor=actor),)


def _requested(order: RequestClosure, state: State, actor: str, now: datetime) -> ClosureRequested:
    """Request a closure; a repeated request returns the open one."""
    fact = next(
        (closure_case.record.requested for closure_case in state.deletions if closure_case.cause == "closure"), None
    )
    fresh = ClosureRequested(id=f"cl_{secrets.token_hex(8)}", at=now, actor=actor, reason=order.reason)
    return fact or fresh


def _closure(state: State) -> ClosureCase:
    for closure_case in state.deletions:
        if closure_case.cause == "closure":
            return closure_case
    raise RefusedError(message("no closure of this account is under way"))


def _waiting(order: ApproveDeletion, state: State, now: datetime) -> ClosureCase:
    named = [closure_case for closure_case in state.deletions if order.subject in {None, closure_case.subject}]
    if not named:
        raise RefusedError(message("no deletion of this account's data waits for an approval"))
    if len(named) > 1:
        subjects = ", ".join(closure_case.subject for closure_case in named)
        raise InvalidInputError(message("subject: say which deletion is approved ({subjects})", subjects=subjects))
    if "approval" not in named[0].obstacles:
        raise RefusedError(message("{subject}: no approval is needed, or it was given", subject=named[0].subject))
    if named[0].due_at is not None and now < named[0].due_at:
        raise RefusedError(
            message("{subject}: the customer's notices have not had their time yet", subject=named[0].subject)
        )
    return named[0]


def _refuse_what_is_protected(state: State, account: Account, now: datetime) -> None:
    matches = protected(state, account.book, now)
    if matches:
        raise RefusedError(
            message(
                "{id}: {matches}: nothing is destroyed",
                id=account.id,
                matches=[_WORDS[each] for each in matches],
            )
        )


def _refuse_a_claim(state: State, account: Account) -> None:
    """Refuse to destroy the evidence of a claim that others pursue (GDPR, Art. 17 (3) e)."""
    if any(case.state is CaseState.IN_COLLECTIONS for case in state.cases):
        raise RefusedError(message("{id}: a debt was handed over to collections; recall it first", id=account.id))


def _refuse_a_question(state: State, account: Account) -> None:
    """Refuse an erasure that would end an open refund request before its decision: a person can decide it at once.

    Approved refunds are made all the same, because provider calls outlive an erasure.
    """
    undecided = [refund.key for refund in state.refunds if refund.undecided]
    if undecided:
        named = ", ".join(undecided)
        raise RefusedError(
            message(
                "{id}: a refund was asked for and is undecided ({named}); approve or deny it first",
                id=account.id,
                named=named,
            )
        )


def _refuse_what_is_kept(state: State, account: Account, terms: Terms, now: datetime) -> None:
    if not has_ended(state):
        raise RefusedError(message("{id}: the account is in use", id=account.id))
    end = retention.ends_at(account.book, terms.current.retention, account.zone(terms))
    if end is None or end > now:
        raise RefusedError(message("{id}: its records are to be kept", id=account.id))
