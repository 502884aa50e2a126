"""Whether the decisions are as they were written: every account's chain, and the signature of where it ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kulanz.crypto import signing
from kulanz.errors import NotFoundError
from kulanz.services import Services
from kulanz.store import accounts, ledger
from kulanz.store.accounts import AccountRow
from kulanz.store.database import Connection

ACCOUNTS_PER_PAGE = 200
FLAW_TEXTS = {
    "missing": "a decision is missing here",
    "changed": "this decision, or the one before it, is not as it was written",
    "added": "this decision was added by nobody who holds the key",
    "redacted": "the detail was taken although the account was not erased",
    "unsigned": "the end of the chain is not signed",
    "forged": "the end of the chain is not what was signed",
    "orphaned": "there are decisions of an account that is not there",
    "erased": "the key was destroyed and no decision says so",
}
ERASURE_RULES = frozenset({"closure.erased", "retention.destroyed"})
"""The rules by which an account's key is destroyed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditResult:
    """What an account's chain showed."""

    account: str
    decisions: int
    flaw: str | None = None
    """One of `WORDS`."""
    at: int | None = None
    """The number of the decision where the flaw shows."""


def verify(services: Services, account: str | None = None) -> Iterator[AuditResult]:
    """Yield what each account's chain shows, or that of one; NotFoundError if there is none of that name."""
    if account is not None:
        yield from _of_one(services, account)
        return
    with services.database.read() as conn:
        orphans = ledger.orphans(conn)
    yield from (AuditResult(account=name, decisions=0, flaw="orphaned", at=1) for name in orphans)
    after = ""
    while names := _page(services, after):
        yield from (_audited(services, name) for name in names)
        after = names[-1]


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
        flaw = _of_the_end(services, conn, row)
    return AuditResult(account=name, decisions=row.seq, flaw=flaw, at=row.seq if flaw else None)


def _of_the_end(services: Services, conn: Connection, row: AccountRow) -> str | None:
    if row.seq == 0:
        return None
    if row.signature is None:
        return "unsigned"
    message = ledger.statement(row.id, row.seq, row.head)
    if not signing.has_signed(services.vault.signer.public, message, row.signature):
        return "forged"
    return "erased" if row.key is None and not _says_erased(conn, row) else None


def _says_erased(conn: Connection, row: AccountRow) -> bool:
    heir = accounts.get(conn, row.id)
    if heir is None or heir.id != row.id:
        return heir is not None and heir.key is None
    return any(rule in ERASURE_RULES for rule in ledger.rules(conn, row.id))
