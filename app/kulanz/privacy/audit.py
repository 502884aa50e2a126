"""Verification of the ledger: every account's chain, row and encrypted contents, and the head over all accounts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from kulanz.crypto import places
from kulanz.crypto.vault import DataKey, Vault
from kulanz.errors import NotFoundError, UnreadableError
from kulanz.privacy import ledger_head, statements
from kulanz.privacy.ledger_head import Head, Loss
from kulanz.services import Services
from kulanz.store import accounts, inbox, journal, ledger, outbox
from kulanz.store.accounts import AccountRow
from kulanz.store.database import Connection

ACCOUNTS_PER_PAGE = 200
FLAW_TEXTS = {
    "missing": "a decision is missing here",
    "changed": "this decision, or the one before it, is not as it was written",
    "added": "this decision was added without the key",
    "redacted": "the detail was taken although the account was not erased",
    "unsigned": "the end of the chain is not signed",
    "forged": "the account's row, or the end of its chain, is not what was signed",
    "unreadable": "the account's key or book is not its own, or was changed",
    "misplaced": "an event, a fact or an outgoing action is not where it was stored, or was changed",
    "gone": "the account is gone; the head of the ledger knows it",
    "rolled_back": "the head of the ledger knows decisions that are not there any more",
    "policy_changed": "the text of this policy version is not what the head of the ledger knows",
    "foreign": "the head of the ledger is of another installation",
    "orphaned": "there are decisions of an account that is not there",
    "erased": "the key was destroyed and no decision says so",
}
ERASURE_RULES = frozenset({"closure.erased", "retention.destroyed"})
"""The rules by which an account's key is destroyed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditResult:
    """Result of verifying an account's chain."""

    account: str
    decisions: int
    flaw: str | None = None
    """A key of `FLAW_TEXTS`."""
    at: int | None = None
    """The number of the decision where the flaw shows."""


def verify(services: Services, account: str | None = None, head: Head | None = None) -> Iterator[AuditResult]:
    """Verify every account's chain, or that of one; NotFoundError if there is no account of that name.

    With a head, decisions and accounts that it has and the database lacks are found, too. Each account is yielded once.
    """
    losses = [*ledger_head.losses(services, head)] if head is not None else []
    lost = {loss.account: loss for loss in losses if loss.account}
    if account is not None:
        yield from (_with_loss(result, lost) for result in _of_one(services, account))
        return
    with services.database.read() as conn:
        orphans = ledger.orphans(conn)
    yield from (AuditResult(account=name, decisions=0, flaw="orphaned", at=1) for name in orphans)
    after = ""
    while names := _page(services, after):
        yield from (_with_loss(_audited(services, name), lost) for name in names)
        after = names[-1]
    yield from (
        AuditResult(account=loss.account, decisions=0, flaw=loss.flaw, at=loss.at)
        for loss in losses
        if loss.flaw != "rolled_back" and loss.account not in orphans
    )


def _with_loss(result: AuditResult, lost: Mapping[str, Loss]) -> AuditResult:
    loss = lost.get(result.account)
    return result if loss is None or result.flaw else replace(result, flaw=loss.flaw, at=loss.at)


def _of_one(services: Services, account: str) -> Iterator[AuditResult]:
    with services.database.read() as conn:
        row = accounts.answering(conn, account)
        if row is None:
            raise NotFoundError(f"no account {account!r}")
        names = [row.id, *accounts.aliases(conn, row.id)]
    yield from (_audited(services, name) for name in names)


def _page(services: Services, after: str) -> list[str]:
    with services.database.read() as conn:
        return [row.id for row in accounts.everyone(conn, after, ACCOUNTS_PER_PAGE)]


def _audited(services: Services, name: str) -> AuditResult:
    """Look at one account; at a flaw once more, as a worker may have decided meanwhile."""
    audit_result = _look(services, name)
    return audit_result if audit_result.flaw is None else _look(services, name)


def _look(services: Services, name: str) -> AuditResult:
    with services.database.read() as conn:
        row = accounts.exactly(conn, name)
        if row is None:
            return AuditResult(account=name, decisions=0)
        broken = ledger.flaw(conn, name)
        if broken is not None:
            return AuditResult(account=name, decisions=row.seq, flaw=broken.what, at=broken.seq)
        flaw = _of_the_row(services, conn, row) or _of_the_contents(services, conn, row)
    return AuditResult(account=name, decisions=row.seq, flaw=flaw, at=row.seq if flaw else None)


def _of_the_row(services: Services, conn: Connection, row: AccountRow) -> str | None:
    if row.key is None and not _says_erased(conn, row):
        return "erased"
    if row.signature is None and row.seq == 0 and row.key is not None and not services.vault.is_bound(row.key):
        return None
    if statements.is_stated(services.vault, row):
        return None
    return "unsigned" if row.signature is None else "forged"


def _of_the_contents(services: Services, conn: Connection, row: AccountRow) -> str | None:
    """Decrypt all encrypted values of an account in place, as a check."""
    if row.key is None:
        return None
    try:
        key = services.vault.data_key(row.key, row.id)
        if row.book is not None:
            _open(key, row.book, places.book(row.id))
    except UnreadableError:
        return "unreadable"
    try:
        for event in inbox.of_account(conn, row.id):
            _open(key, event.body, places.event(event.provider, event.delivery_key, row.id))
        for fact in journal.of_account(conn, row.id):
            _open(key, fact.fact, places.fact(row.id, fact.kind, fact.at))
        for effect in outbox.of_account(conn, row.id):
            _open(key, effect.payload, places.effect(row.id, effect.id))
    except UnreadableError:
        return "misplaced"
    return None


def _open(key: DataKey, sealed: bytes, place: bytes) -> None:
    """Decrypt a value; an unbound value is refused if all values of its key are bound."""
    if key.bound and not Vault.is_bound(sealed):
        raise UnreadableError("not bound to its place")
    key.open(sealed, place)


def _says_erased(conn: Connection, row: AccountRow) -> bool:
    heir = accounts.get(conn, row.id)
    if heir is None or heir.id != row.id:
        return heir is not None and heir.key is None
    return any(rule in ERASURE_RULES for rule in ledger.rules(conn, row.id))
