"""Causes of a subscription's new status: the customer's own cancellation, or one of ours."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kulanz.policy.areas import trials
from kulanz.policy.areas.subscriptions.grants import cancelled_by_customer, stopped_by_us
from kulanz.policy.book import Book
from kulanz.policy.book.provider import Subscription
from kulanz.policy.document import Policy
from kulanz.policy.facts import Status
from kulanz.policy.state import Case, Change, Chargeback, State, Transition
from kulanz.policy.state.closure import ClosureCase
from kulanz.policy.state.refunds import Refund


def of_status(sub: Subscription, step: Transition) -> Change:
    """Return the line about a new status; the echo of our own act names the clause of its cause."""
    seen, policy = sub.seen, step.terms.at(sub.seen.stamp.at)
    rule, clause, rank = f"subscription.{seen.status}", "", 10
    detail: dict[str, Any] = {"subscription": seen.key, "ends_at": seen.ends_at, "trial_ends_at": seen.trial_ends_at}
    cause = _our_cause(sub, step.new)
    if seen.status is Status.ON_TRIAL:
        # A trial says more than the plan that it gives (40).
        clause, rank = trials.clause(sub, step.new, policy, step.terms.catalogue, step.account.zone(step.terms)), 41
    elif cause is not None:
        rule = "subscription.cancelled_by_us"
        clause, policy = _clause(cause, step.after, policy)
    elif seen.status is Status.CANCELLED:
        clause = policy.cancellation.clause
        until = _given_until(seen.key, step.after) or seen.ends_at
        detail |= {"access_until": until, "held": step.after.holds_back(seen.key)}
    return Change(rule=rule, clause=clause, policy=policy, subject=seen.key, rank=rank, detail=detail)


def _our_cause(sub: Subscription, book: Book) -> str | None:
    """Return the cause of a cancellation that the provider shows and that is ours."""
    if sub.seen.status is not Status.CANCELLED or cancelled_by_customer(sub, book) is not None:
        return None
    ours = stopped_by_us(sub, book)
    return ours.stop.cause if ours is not None else None


def _given_until(subscription: str, state: State) -> datetime | None:
    return next((grant.until for grant in state.grants if grant.subscription == subscription), None)


def _clause(cause: str, state: State, otherwise: Policy) -> tuple[str, Policy]:
    """Return the clause of a cause, and the version that says so; no clause where its matter is over."""
    match _behind(cause, state):
        case Case(policy=policy):
            return policy.dunning.hold_clause, policy
        case Chargeback(policy=policy):
            return policy.dispute.clause, policy
        case Refund(policy=policy, answer=answer):
            return answer.clause, policy
        case ClosureCase(policy=policy):
            return policy.closure.clause, policy
        case None:
            return "", otherwise


def _behind(cause: str, state: State) -> Case | Chargeback | Refund | ClosureCase | None:
    closures = (closure_case for closure_case in state.deletions if closure_case.subject == cause)
    return state.case(cause) or state.chargeback(cause) or state.refund(cause) or next(closures, None)
