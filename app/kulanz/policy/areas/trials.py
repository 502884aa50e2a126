"""Trials that the clause about trials covers: of which plans, how long, and whether a customer's first alone."""

from __future__ import annotations

from datetime import timedelta

from kulanz.policy.book import Book
from kulanz.policy.book.provider import Subscription
from kulanz.policy.document import Policy
from kulanz.policy.state.terms import Catalogue

_A_DAY = timedelta(days=1)
"""Tolerance between the provider's end of a trial and the length in the policy."""


def clause(sub: Subscription, book: Book, policy: Policy, catalogue: Catalogue, zone: str) -> str:
    """Return the clause of a policy about the trial of a subscription; "" where there is none, or it covers another."""
    rules, seen = policy.trial, sub.seen
    if seen.trial_ends_at is None or (rules.plans and catalogue.plan_of(seen.bought) not in rules.plans):
        return ""
    if rules.length is not None and seen.created_at is not None:
        expected = rules.length.after(seen.created_at, zone)
        if abs(expected - seen.trial_ends_at) >= _A_DAY:
            return ""
    return "" if rules.first_only and _had_one_before(sub, book) else rules.clause


def _had_one_before(sub: Subscription, book: Book) -> bool:
    """Whether the same customer had begun another trial before."""
    return any(
        other.seen.trial_ends_at is not None
        and other.seen.customer == sub.seen.customer
        and _order(other) < _order(sub)
        for other in book.subscriptions.values()
        if other.seen.key != sub.seen.key
    )


def _order(sub: Subscription) -> tuple[float, str]:
    return (sub.seen.created_at or sub.seen.stamp.at).timestamp(), sub.seen.key
