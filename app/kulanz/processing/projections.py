"""What a decision leaves for lists and searches: cases and disputes in plain columns, hashes of mail addresses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from kulanz.crypto.vault import Vault
from kulanz.policy.book import Book
from kulanz.policy.facts import Fact, Provenance
from kulanz.policy.state import Case, Chargeback, Decision
from kulanz.policy.state.refunds import CLOSED, Refund
from kulanz.services import Services
from kulanz.store import case_index, email_index
from kulanz.store.case_index import CASE, COLLECTION, DISPUTE, REFUND, MatterRow
from kulanz.store.database import Connection

_CAUSES = {
    "PaymentSucceeded": "payment",
    "PaymentRecorded": "transfer",
    "SubscriptionSeen": "snapshot",
    "OverrideSet": "operator",
}
OPEN_DISPUTES = frozenset({"inquiry", "opened", "under_review"})


class Listings:
    """Collects what the decisions of one transaction leave, and writes it in bulk."""

    def __init__(self, services: Services) -> None:
        self._vault = services.vault
        self._lookups: set[tuple[bytes, str]] = set()
        self._matters: dict[tuple[str, str, str], MatterRow] = {}
        self._merged: set[tuple[str, str]] = set()
        self._left: set[str] = set()

    def note(self, decision: Decision, heard: Iterable[Fact], known: Book, now: datetime) -> None:
        """Keep what a decision leaves; `known` is what was known before it."""
        name = decision.account.id
        for mail in addresses(heard, known):
            self._lookups.add((fingerprint(self._vault, mail), name))
        for row in of_decision(decision, heard, now):
            self._matters[name, row.kind, row.key] = row
        for row in handed_over(decision, known, now):
            self._matters[name, row.kind, row.key] = row
        for key in merged(decision):
            self._matters.pop((name, CASE, key), None)
            self._merged.add((name, key))

    def leave(self, account: str) -> None:
        """Keep nothing of an account that is another name of one from now on."""
        self._left.add(account)

    def write(self, tx: Connection) -> None:
        """Write it."""
        if self._lookups:
            email_index.add(tx, self._lookups)
        kept = [row for row in self._matters.values() if row.account not in self._left]
        if kept:
            case_index.put(tx, kept)
        for account in self._left:
            case_index.leave(tx, account)
        for account, key in self._merged:
            case_index.drop(tx, account, CASE, key)


def fingerprint(vault: Vault, mail: str) -> bytes:
    """Return what a mail address is found by, however it is typed."""
    return vault.fingerprint(f"mail:{mail.strip().casefold()}")


def of_decision(decision: Decision, heard: Iterable[Fact], now: datetime) -> Iterator[MatterRow]:
    """Yield the cases and disputes that a decision leaves otherwise than they were."""
    account, state, before = decision.account.id, decision.state, decision.before
    if state.cases or (before and before.cases):
        known = {case.key: _case(account, case, now) for case in before.cases} if before else {}
        found = {case.key: _case(account, case, now) for case in state.cases}
        yield from (row for key, row in found.items() if row != known.get(key))
        yield from (_ended(row, decision, heard, now) for key, row in known.items() if state.case(key) is None)
    if state.chargebacks:
        old = {_dispute(account, one, now) for one in before.chargebacks} if before else set()
        yield from (row for row in (_dispute(account, one, now) for one in state.chargebacks) if row not in old)
    if state.refunds:
        yield from _refund_rows(decision, now)


def _refund_rows(decision: Decision, now: datetime) -> Iterator[MatterRow]:
    account, before = decision.account.id, decision.before
    old = {_refund(account, one, now) for one in before.refunds} if before else set()
    yield from (row for row in (_refund(account, one, now) for one in decision.state.refunds) if row not in old)


def handed_over(decision: Decision, known: Book, now: datetime) -> Iterator[MatterRow]:
    """Yield the hand-overs of debts that a decision leaves otherwise than they were."""
    book = decision.account.book
    for key, one in book.collections.items() if book.collections is not known.collections else ():
        case = decision.state.case(one.proposed.case) if one.proposed else None
        if one.proposed is None or known.collections.get(key) == one:
            continue
        yield MatterRow(
            account=decision.account.id,
            kind=COLLECTION,
            key=key,
            state=one.state,
            opened_at=one.proposed.at,
            closed_at=now if one.recalled else None,
            amount=one.handed.amount if one.handed else (case.amount_due if case else 0),
            currency=case.currency if case else None,
            policy_version=case.policy.version if case else 0,
        )


def merged(decision: Decision) -> Iterator[str]:
    """Yield the keys of cases that turned out to be another."""
    for case in decision.before.cases if decision.before else ():
        heir = decision.state.case(case.key)
        if heir is not None and heir.key != case.key:
            yield case.key


def addresses(facts: Iterable[Fact], known: Book) -> set[str]:
    """Return the mail addresses in facts, except those that the book has of the same subscription."""
    found = set()
    for fact in facts:
        told = getattr(fact, "invoice", fact)
        mail = getattr(told, "email", None)
        if mail and mail != _known(known, told):
            found.add(mail)
    return found


def _known(book: Book, told: object) -> str | None:
    """Return the address that we have of the same subscription, or of the one that an invoice belongs to."""
    seen = book.subscriptions.get(str(getattr(told, "subscription", None) or getattr(told, "key", "")))
    return seen.seen.email if seen else None


def _case(account: str, case: Case, now: datetime) -> MatterRow:
    return MatterRow(
        account=account,
        kind=CASE,
        key=case.key,
        state=str(case.state),
        opened_at=case.opened_at,
        closed_at=None if case.open else now,
        amount=case.amount_due,
        currency=case.currency,
        policy_version=case.policy.version,
    )


def _ended(row: MatterRow, decision: Decision, heard: Iterable[Fact], now: datetime) -> MatterRow:
    """Return a case that is no case any more: by payment, or as the change that closed it says."""
    rules = {change.rule for change in decision.changes if change.subject == row.key}
    state = next((word for word in ("closed_void", "settled") if f"dunning.{word}" in rules), "recovered")
    paid = state == "recovered"
    return msgspec.structs.replace(
        row,
        state=state.removeprefix("closed_"),
        closed_at=now,
        stage=row.state if paid else None,
        cause=shown_by(heard) if paid else None,
    )


def shown_by(heard: Iterable[Fact]) -> str:
    """Return what showed that a case was paid: its payment, a look at the provider, or only a later snapshot."""
    kinds = {type(fact).__name__ for fact in heard}
    looked = any(getattr(fact, "provenance", None) is Provenance.RECONCILED for fact in heard)
    if looked:
        return "look"
    return next((cause for kind, cause in _CAUSES.items() if kind in kinds), "other")


def _dispute(account: str, one: Chargeback, now: datetime) -> MatterRow:
    return MatterRow(
        account=account,
        kind=DISPUTE,
        key=one.key,
        state=one.status,
        opened_at=one.opened_at,
        closed_at=None if one.status in OPEN_DISPUTES else now,
        amount=one.amount,
        currency=one.currency,
        policy_version=one.policy.version,
    )


def _refund(account: str, one: Refund, now: datetime) -> MatterRow:
    return MatterRow(
        account=account,
        kind=REFUND,
        key=one.key,
        state=str(one.state),
        opened_at=one.requested_at,
        closed_at=now if one.state in CLOSED else None,
        amount=one.amount,
        currency=one.payment.currency,
        policy_version=one.policy.version,
    )
