"""Handlers of exceptions to the policy: the facts, the approvals that are needed, and the reasons to refuse."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from kulanz.commands.commands import ApproveOverride, DeclineOverride, Overruling, SetOverride
from kulanz.errors import InvalidInputError, NotFoundError, RefusedError
from kulanz.formats.messages import message
from kulanz.policy.assess import assess
from kulanz.policy.book.approvals import Proposal
from kulanz.policy.facts import Fact, OverrideApproved, OverrideAsked, OverrideDeclined, OverrideKind, OverrideSet
from kulanz.policy.state import Account, Case, CaseState, State, Terms

LONGEST_EXCEPTION = timedelta(days=366)
APPROVERS = 2
"""Number of names that an exception needs if the policy wants a second person."""


def facts_of(
    order: Overruling, account: Account, terms: Terms, actor: str, now: datetime, *, signed_in: bool
) -> tuple[Fact, ...]:
    """Return the facts that an order about an exception is; `signed_in` says that the actor was authenticated."""
    match order:
        case SetOverride():
            return _ordered(order, account, terms, actor, now, signed_in=signed_in)
        case ApproveOverride():
            return _approved(order, account, terms, actor, now, signed_in=signed_in)
        case DeclineOverride():
            _, fact = _waiting(order.override, account, now)
            return (OverrideDeclined(id=fact.id, at=now, actor=actor, reason=order.reason),)


def _ordered(
    order: SetOverride, account: Account, terms: Terms, actor: str, now: datetime, *, signed_in: bool
) -> tuple[OverrideSet | OverrideAsked, ...]:
    """Return the exception, or that it was asked for where the policy wants a second person."""
    kind, until = order.kind, None if order.kind is OverrideKind.WAIVE else order.until
    _check(kind, until, assess(account.book, terms, account.zone(terms), now), now)
    ident, reason = f"ov_{secrets.token_hex(8)}", order.reason
    if kind in terms.under(account.book, now).current.overrides.second_approver:
        fact = OverrideAsked(id=ident, kind=kind, at=now, until=until, actor=actor, reason=reason, signed_in=signed_in)
        return (fact,)
    return (OverrideSet(id=ident, kind=kind, at=now, until=until, actor=actor, reason=reason),)


def _approved(
    order: ApproveOverride, account: Account, terms: Terms, actor: str, now: datetime, *, signed_in: bool
) -> tuple[OverrideApproved | OverrideSet, ...]:
    """Return the approval, and the exception itself once enough people have approved it."""
    if not signed_in:
        raise RefusedError(message("an approval needs a name that is signed in: the API or the console"))
    proposal, fact = _waiting(order.override, account, now)
    if actor in proposal.names:
        raise RefusedError(message("{actor} stands for it already: a second person has to approve it", actor=actor))
    _check(fact.kind, fact.until, assess(account.book, terms, account.zone(terms), now), now)
    approval = OverrideApproved(id=fact.id, at=now, actor=actor)
    names = {*proposal.names, actor}
    return (approval, _made(fact, names, now)) if len(names) >= APPROVERS else (approval,)


def _made(fact: OverrideAsked, names: set[str], now: datetime) -> OverrideSet:
    first = {fact.actor} if fact.signed_in else set()
    return OverrideSet(
        id=fact.id,
        kind=fact.kind,
        at=now,
        until=fact.until,
        actor=fact.actor,
        reason=fact.reason,
        approved_by=tuple(sorted(names - first)),
    )


def _waiting(override: str, account: Account, now: datetime) -> tuple[Proposal, OverrideAsked]:
    proposal = account.book.proposals.get(override)
    if override in account.book.overrides:
        raise RefusedError(message("the exception was made already"))
    if proposal is None or proposal.asked is None:
        raise NotFoundError(message("no exception {override}", override=repr(override)))
    if proposal.declined is not None:
        raise RefusedError(message("{actor} declined it", actor=proposal.declined.actor))
    if not proposal.waits(now):
        raise RefusedError(message("the exception would have ended already"))
    return proposal, proposal.asked


def _check(kind: OverrideKind, until: datetime | None, state: State, now: datetime) -> None:
    cases = [case for case in state.cases if case.open]
    if kind is not OverrideKind.WAIVE:
        _check_until(until, now)
    if kind is OverrideKind.EXTEND_GRACE:
        _check_extension(cases, until)
    if kind is OverrideKind.WAIVE and not cases and not any(case.state is CaseState.EXHAUSTED for case in state.cases):
        raise RefusedError(message("the account has no open dunning case to waive"))
    if kind is OverrideKind.REINSTATE and not state.holds:
        raise RefusedError(message("nothing is held from the account: there is no hold to lift"))


def _check_until(until: datetime | None, now: datetime) -> None:
    if until is None:
        raise InvalidInputError(message("until: say when the exception ends"))
    if until <= now:
        raise InvalidInputError(message("until: the exception would have ended already"))
    if until > now + LONGEST_EXCEPTION:
        raise InvalidInputError(message("until: at most 366 days away"))


def _check_extension(cases: list[Case], until: datetime | None) -> None:
    if not cases:
        raise RefusedError(message("the account has no open dunning case to extend"))
    if all(case.state is CaseState.ON_HOLD for case in cases):
        raise RefusedError(message("the case is on hold already; use reinstate"))
    earliest = min(case.deadline for case in cases if case.state is CaseState.GRACE)
    if until is not None and until <= earliest:
        raise InvalidInputError(message("until: not later than the deadline that was promised"))
