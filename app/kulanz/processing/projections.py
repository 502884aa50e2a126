"""Projections of a decision for lists and searches: cases and disputes in plain columns, hashes to search by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from kulanz.policy.book import Book
from kulanz.policy.facts import Fact
from kulanz.policy.state import Chargeback, ChargebackWarning, Decision
from kulanz.policy.state.refunds import CLOSED_STATES, Refund
from kulanz.processing import case_rows
from kulanz.processing.search_words import digests
from kulanz.services import Services
from kulanz.store import case_index, search_index
from kulanz.store.case_index import CASE, COLLECTION, DISPUTE, REFUND, WARNING, CaseRow
from kulanz.store.database import Connection

OPEN_DISPUTES = frozenset({"inquiry", "opened", "under_review"})


class Projections:
    """Collects the projections of one transaction's decisions, and writes them in bulk."""

    def __init__(self, services: Services) -> None:
        self._vault = services.vault
        self._search_index: set[tuple[bytes, str]] = set()
        self._case_index: dict[tuple[str, str, str], CaseRow] = {}
        self._merged: set[tuple[str, str]] = set()

    def add(self, decision: Decision, facts: Iterable[Fact], book_before: Book, now: datetime) -> None:
        """Keep a decision's projections; `known` is the earlier knowledge."""
        name = decision.account.id
        self._search_index.update((each, name) for each in digests(self._vault, facts, book_before))
        for row in of_decision(decision, facts, book_before, now):
            earlier = self._case_index.get((name, row.kind, row.key))
            known = row if row.plan or earlier is None else msgspec.structs.replace(row, plan=earlier.plan)
            self._case_index[name, row.kind, row.key] = known
        for row in handed_over(decision, book_before, now):
            self._case_index[name, row.kind, row.key] = row
        for key in merged(decision):
            self._case_index.pop((name, CASE, key), None)
            self._merged.add((name, key))

    def write(self, tx: Connection) -> None:
        """Write it."""
        if self._search_index:
            search_index.add(tx, self._search_index)
        if self._case_index:
            case_index.put(tx, list(self._case_index.values()))
        for account, key in self._merged:
            case_index.drop(tx, account, CASE, key)


def of_decision(decision: Decision, facts: Iterable[Fact], book_before: Book, now: datetime) -> Iterator[CaseRow]:
    """Yield the cases and disputes that a decision leaves otherwise than they were."""
    account, state, before = decision.account.id, decision.state, decision.before
    if state.cases or (before and before.cases):
        yield from case_rows.changed(decision, facts, book_before, now)
    if state.chargebacks:
        old = {_dispute(account, chargeback, now) for chargeback in before.chargebacks} if before else set()
        yield from (
            row for row in (_dispute(account, chargeback, now) for chargeback in state.chargebacks) if row not in old
        )
    if state.refunds:
        yield from _refund_rows(decision, now)
    if state.warnings:
        known = {_warning(account, warning, now) for warning in before.warnings} if before else set()
        rows = (_warning(account, warning, now) for warning in state.warnings)
        yield from (row for row in rows if row not in known)


def _refund_rows(decision: Decision, now: datetime) -> Iterator[CaseRow]:
    account, before = decision.account.id, decision.before
    old = {_refund(account, refund, now) for refund in before.refunds} if before else set()
    yield from (row for row in (_refund(account, refund, now) for refund in decision.state.refunds) if row not in old)


def handed_over(decision: Decision, existing_book: Book, now: datetime) -> Iterator[CaseRow]:
    """Yield the hand-overs of debts that a decision leaves otherwise than they were."""
    book = decision.account.book
    for key, collection in book.collections.items() if book.collections is not existing_book.collections else ():
        case = decision.state.case(collection.proposed.case) if collection.proposed else None
        if collection.proposed is None or existing_book.collections.get(key) == collection:
            continue
        yield CaseRow(
            account=decision.account.id,
            kind=COLLECTION,
            key=key,
            state=collection.state,
            opened_at=collection.proposed.at,
            closed_at=now if collection.recalled else None,
            amount=collection.handed.amount if collection.handed else (case.amount_due if case else 0),
            currency=case.currency if case else None,
            policy_version=case.policy.version if case else 0,
        )


def merged(decision: Decision) -> Iterator[str]:
    """Yield the keys of cases that turned out to be another."""
    for case in decision.before.cases if decision.before else ():
        heir = decision.state.case(case.key)
        if heir is not None and heir.key != case.key:
            yield case.key


def _dispute(account: str, chargeback: Chargeback, now: datetime) -> CaseRow:
    return CaseRow(
        account=account,
        kind=DISPUTE,
        key=chargeback.key,
        state=chargeback.status,
        opened_at=chargeback.opened_at,
        closed_at=None if chargeback.status in OPEN_DISPUTES else now,
        amount=chargeback.amount,
        currency=chargeback.currency,
        policy_version=chargeback.policy.version,
        deadline=chargeback.answer_by,
    )


def _refund(account: str, refund: Refund, now: datetime) -> CaseRow:
    return CaseRow(
        account=account,
        kind=REFUND,
        key=refund.key,
        state=str(refund.state),
        opened_at=refund.requested_at,
        closed_at=now if refund.state in CLOSED_STATES else None,
        amount=refund.amount,
        currency=refund.payment.currency,
        policy_version=refund.policy.version,
        deadline=refund.due_at,
    )


def _warning(account: str, warning: ChargebackWarning, now: datetime) -> CaseRow:
    return CaseRow(
        account=account,
        kind=WARNING,
        key=warning.key,
        state=warning.closed_as or "warned",
        opened_at=warning.warned_at,
        closed_at=None if warning.open else now,
        amount=warning.amount,
        currency=warning.currency,
        policy_version=warning.policy.version,
    )
