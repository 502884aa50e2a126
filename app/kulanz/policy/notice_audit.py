"""Audits each decision that took access for its promised notice, independently of the policy's own rules."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from kulanz.policy.areas.dunning.notices import WARNING, WARNING_CALLBACK
from kulanz.policy.book import Book
from kulanz.policy.facts import Outcome
from kulanz.policy.state import Case, Change, Decision

TAKING_RULES = frozenset({"dunning.hold_placed", "dunning.exhausted"})


def access_taken(decision: Decision) -> Iterator[Change]:
    """Yield the changes by which dunning ended a grace period."""
    for change in decision.changes:
        if change.rule in TAKING_RULES and not (change.rule == "dunning.exhausted" and change.detail["was_on_hold"]):
            yield change


def is_unwarned(change: Change, decision: Decision, zone: str) -> bool:
    """Whether no warning had been delivered as long before as the policy promises (I2); zero days promise none."""
    rules, case = change.policy.dunning, decision.state.case(change.subject)
    if not rules.grace or case is None:
        return False
    kind = WARNING if rules.warn_by == "mail" else WARNING_CALLBACK
    ended = case.held_at or decision.state.as_of
    return not any(
        at <= rules.warning_notice.before(ended, zone) for at in _delivered(case, decision.account.book, kind)
    )


def _delivered(case: Case, book: Book, kind: str) -> Iterator[datetime]:
    for name in case.names:
        for _, request_log in book.notices_about(name).of(kind):
            if request_log.outcome is Outcome.DONE:
                yield request_log.outcome_at
