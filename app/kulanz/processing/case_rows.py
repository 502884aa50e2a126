"""Rows of dunning cases in the case index: their state after a decision, and their outcome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from kulanz.policy.areas import settling
from kulanz.policy.areas.dunning import steps
from kulanz.policy.book import Book
from kulanz.policy.book.provider import Invoice
from kulanz.policy.facts import Fact, Provenance
from kulanz.policy.state import Case, CaseState, Decision, State
from kulanz.store.case_index import CASE, CaseRow

_CAUSES = {
    "PaymentSucceeded": "payment",
    "PaymentRecorded": "transfer",
    "SubscriptionSeen": "snapshot",
    "OverrideSet": "operator",
}
_ENDS = {"dunning.closed_void": "void", "dunning.settled": "settled", "dunning.explained": "explained"}
"""Final state of a case that ended without a payment."""


def changed(decision: Decision, facts: Iterable[Fact], book_before: Book, now: datetime) -> Iterator[CaseRow]:
    """Yield the cases that a decision leaves otherwise than they were."""
    account, state, before = decision.account, decision.state, decision.before
    old = {case.key: case for case in before.cases} if before else {}
    for case in state.cases:
        row, known = _row(account.id, case, state, account.book, now), old.get(case.key)
        if known is None or before is None or row != _row(account.id, known, before, book_before, now):
            yield row
    for key, case in old.items():
        if state.case(key) is None and before is not None:
            yield _ended(_row(account.id, case, before, book_before, now), case, decision, facts, now)


def of_state(account: str, state: State, book: Book, now: datetime) -> Iterator[CaseRow]:
    """Yield every case that an assessment has."""
    return (_row(account, case, state, book, now) for case in state.cases)


def shown_by(heard: Iterable[Fact]) -> str:
    """Return the evidence that a case was paid: its payment, a look-up at the provider, or only a later snapshot."""
    kinds = {type(fact).__name__ for fact in heard}
    looked = any(getattr(fact, "provenance", None) is Provenance.RECONCILED for fact in heard)
    if looked:
        return "look"
    return next((cause for kind, cause in _CAUSES.items() if kind in kinds), "other")


def _row(account: str, case: Case, state: State, book: Book, now: datetime) -> CaseRow:
    """Return a case as an assessment has it; both sides of a decision are compared as of `now`."""
    lost = steps.lost_since(case, book, state.as_of)
    runs = case.state is CaseState.GRACE and case.frozen_since is None
    return CaseRow(
        account=account,
        kind=CASE,
        key=case.key,
        state=str(case.state),
        opened_at=case.opened_at,
        closed_at=None if case.open or case.holds else now,
        amount=case.amount_due,
        currency=case.currency,
        policy_version=case.policy.version,
        plan=_plan(case, state),
        step=steps.reached(case, book),
        deadline=case.deadline if runs else None,
        lost_at=now if lost == state.as_of else lost,
    )


def _plan(case: Case, state: State) -> str | None:
    grant = next((grant for grant in state.grants if grant.subscription == case.subscription), None)
    if grant is None:
        return None
    return f"addon:{grant.add_on}" if grant.add_on else grant.plan


def _ended(row: CaseRow, case: Case, decision: Decision, heard: Iterable[Fact], now: datetime) -> CaseRow:
    """Return a case that is no case any more: by payment, or as the change that closed it says."""
    book = decision.account.book
    rules = {change.rule for change in decision.changes if change.subject == row.key}
    end = next((state for rule, state in _ENDS.items() if rule in rules), None)
    payment = steps.payment(case, book) if end in (None, "settled") else None
    if end is not None and payment is None:
        return msgspec.structs.replace(row, state=end, closed_at=now, deadline=None, lost_at=None)
    cause, paid_at = shown_by(heard), _paid_at(payment, case, now)
    return msgspec.structs.replace(
        row,
        state="recovered",
        closed_at=paid_at,
        amount=row.amount or (settling.claimed(book, payment) if payment else 0),
        currency=row.currency or (payment.seen.currency if payment else None),
        stage=row.state,
        cause=cause,
        step=steps.reached(case, book, paid_at),
        spared=steps.spared(case, book, shown_by_look=cause == "look"),
        deadline=None,
        lost_at=None,
    )


def _paid_at(payment: Invoice | None, case: Case, now: datetime) -> datetime:
    """Return when the money came, by the provider's clock; where it does not say, when it was known here."""
    if payment is None:
        return now
    return min(max(payment.paid_at or payment.seen.stamp.at, case.opened_at), now)
