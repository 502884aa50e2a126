"""Documents of closures, and of accounts whose data were destroyed: the ledger, the archive, certificates."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from kulanz.crypto import signing
from kulanz.documents import Account
from kulanz.documents.standing import Closure, Timer
from kulanz.formats.messages import Message, counted, message
from kulanz.policy.book import Book
from kulanz.policy.book.closure import Deletion
from kulanz.policy.facts import ClosureRequested
from kulanz.policy.state import State, Terms
from kulanz.policy.state.closure import ClosureCase
from kulanz.privacy.erasure import described, is_genuine
from kulanz.store import archive, certificates, ledger
from kulanz.store.accounts import AccountRow
from kulanz.store.certificates import Certificate
from kulanz.store.database import Connection
from kulanz.store.ledger import DecisionRow

JsonDocument = dict[str, Any]
CLOSING_RULES = frozenset({"closure.erased", "retention.destroyed"})


class Ended(msgspec.Struct, frozen=True):
    """The records that replace the cases of an erased account: its closure, and its archived records."""

    closures: tuple[Closure, ...]
    timers: tuple[Timer, ...]

    def in_place_of(self, document: Account) -> Account:
        """Return the account's document with these records."""
        return replace(document, closures=self.closures, timers=self.timers)


def closures(book: Book, state: State, terms: Terms) -> tuple[Closure, ...]:
    """Return the closures that were asked for, as the API shows them."""
    under_way = {closure_case.subject: closure_case for closure_case in state.deletions}
    return tuple(
        _closure(record, record.requested, under_way.get(subject), terms)
        for subject, record in sorted(book.deletions.items())
        if record.requested is not None
    )


def ended(conn: Connection, row: AccountRow) -> Ended:
    """Return what is left of an erased account."""
    kept = archive.of_account(conn, row.id)
    due = sorted(
        {max(kept_records.kept_until, kept_records.held_until or kept_records.kept_until) for kept_records in kept}
    )
    decision = _last_word(conn, row)
    changes = decision.detail.get("changes", []) if decision is not None else []
    closing = (change for change in changes if change["rule"] in CLOSING_RULES and _is_closure(change))
    return Ended(tuple(map(_over, closing)), tuple(Timer(kind="retention_end", due_at=at) for at in due))


def reasons(conn: Connection, row: AccountRow) -> list[Message]:
    """Return in sentences why there is nothing more to see of an account."""
    return [
        message("The account is closed, and our personal data about it were destroyed."),
        *(
            counted(
                "Kept until {until} by {basis}: {number} record of {kind}.",
                "Kept until {until} by {basis}: {number} records of {kind}.",
                kept.records,
                until=max(kept.kept_until, kept.held_until or kept.kept_until),
                basis=kept.basis,
                kind=kept.kind,
            )
            for kept in archive.of_account(conn, row.id)
        ),
    ]


def certificate(row: Certificate, public: bytes) -> JsonDocument:
    """Return a certificate as the API and the command line show it."""
    document: JsonDocument = msgspec.json.decode(row.document)
    return {
        **document,
        "document": row.document,
        "signature": row.signature.hex(),
        "genuine": is_genuine(row, public),
        "fingerprint": signing.fingerprint(public),
    }


def certificates_of(conn: Connection, account: str, public: bytes) -> list[JsonDocument]:
    """Return the certificates of destruction of an account, oldest first."""
    return [certificate(row, public) for row in certificates.of_account(conn, account)]


def kept_of(conn: Connection, account: str) -> list[JsonDocument]:
    """Return an account's archived records, by class, basis and end of retention."""
    return described(archive.of_account(conn, account))


def _closure(record: Deletion, requested: ClosureRequested, matter: ClosureCase | None, terms: Terms) -> Closure:
    policy = matter.policy if matter is not None else terms.current
    return Closure.of(
        requested,
        state=_state(record, matter),
        requested_at=requested.at,
        clause=policy.closure.clause or None,
        obstacles=matter.obstacles if matter is not None else (),
        closed_at=record.closed.at if record.closed else None,
    )


def _state(record: Deletion, matter: ClosureCase | None) -> str:
    if record.closed is not None:
        return "closed"
    if record.withdrawn is not None:
        return "withdrawn"
    if matter is None or matter.obstacles:
        return "approval" if matter is not None and matter.obstacles == ("approval",) else "waiting"
    return "announced"


def _is_closure(change: JsonDocument) -> bool:
    return str(change["subject"]).startswith("cl_")


def _over(change: JsonDocument) -> Closure:
    rest = {"requested_at": None, "actor": None, "reason": None, "clause": change["clause"], "obstacles": ()}
    closed_at = change["detail"].get("closed_at")
    return msgspec.convert({"id": change["subject"], "state": "closed", **rest, "closed_at": closed_at}, Closure)


def _last_word(conn: Connection, row: AccountRow) -> DecisionRow | None:
    """Return the decision that closed the account: the one whose certificate was written with it."""
    written = certificates.of_account(conn, row.id)
    if not written:
        return None
    number = int(msgspec.json.decode(written[0].document)["decision"])
    return next(iter(ledger.of_account(conn, row.id, number - 1, 1)), None)
