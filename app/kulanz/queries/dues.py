"""What an account owes, paid outside the provider, and what was handed over, as the documents of the API show it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kulanz.policy.areas import settling
from kulanz.policy.areas.collections.delivery import known_address
from kulanz.policy.book import Book
from kulanz.policy.book.collections import Collection, Transfer
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.facts import CollectionProposed, PaymentRecorded, Share
from kulanz.policy.state import Case

DEBTOR = (
    "birth_name",
    "postal_address",
    "email",
    "birth_date",
    "profession",
    "phone",
    "contract_date",
    "passport_copy",
)


def shown(case: Case) -> bool:
    """Whether a case is part of the account's document: while it is open, and after that where it is pursued."""
    return case.pursued


def payments(book: Book) -> list[dict[str, Any]]:
    """Return the transfers that were recorded, the oldest first."""
    found = sorted(settling.known(book), key=lambda one: (one[0].at, one[0].id))
    return [_payment(told, transfer) for told, transfer in found]


def collections(book: Book) -> list[dict[str, Any]]:
    """Return the hand-overs of an account's debts, the oldest first."""
    found = [(one.proposed, one, ident) for ident, one in book.collections.items() if one.proposed is not None]
    return [_collection(ident, told, one, book) for told, one, ident in sorted(found, key=lambda it: (it[0].at, it[2]))]


def debtor(book: Book) -> dict[str, Any] | None:
    """Return what is held of who owes: the names of the fields, not what is in them."""
    known = book.debtors.get("debtor")
    if known is None:
        return None
    return {"held": [name for name, _ in known.told.fields], "updated_at": rfc3339(known.told.at)}


def debtor_in_full(book: Book) -> dict[str, Any]:
    """Return who owes: personal data."""
    known = book.debtors.get("debtor")
    told = dict(known.told.fields) if known else {}
    return {name: told.get(name) for name in DEBTOR} | {"updated_at": rfc3339(known.told.at) if known else None}


def mandates(book: Book) -> list[dict[str, Any]]:
    """Return the direct-debit mandates of an account, the oldest first."""
    found = [(one.granted, one.revoked) for one in book.mandates.values() if one.granted is not None]
    return [
        {
            "id": granted.id,
            "state": "revoked" if revoked else "active",
            "granted_at": rfc3339(granted.at),
            "granted_by": granted.by,
            "actor": granted.actor,
            "reference": granted.reference,
            "revoked_at": rfc3339(revoked.at) if revoked else None,
        }
        for granted, revoked in sorted(found, key=lambda pair: (pair[0].at, pair[0].id))
    ]


def delivery(book: Book) -> dict[str, Any]:
    """Return how letters come to the customer."""
    return {"by": book.word("delivery") or "mail", "postal_address_known": known_address(book) is not None}


def _collection(ident: str, told: CollectionProposed, one: Collection, book: Book) -> dict[str, Any]:
    invoice = book.invoice(f"{told.case.partition(':')[0]}:{told.case.rpartition(':')[2]}")
    return {
        "id": ident,
        "case_id": told.case,
        "invoice_id": invoice.seen.key.partition(":")[2] if invoice else None,
        "state": one.state,
        "reason": told.reason,
        "proposed_by": told.actor,
        "proposed_at": rfc3339(told.at),
        "approvals": _approvals(one.approvals),
        "handed_over_at": rfc3339(one.handed.at) if one.handed else None,
        "amount": one.handed.amount if one.handed else None,
        "currency": invoice.seen.currency if invoice else None,
        "fields": list(one.handed.fields) if one.handed else [],
        "statement_sha256": one.handed.statement_sha256 if one.handed else None,
        "recalled_at": rfc3339(one.recalled.at) if one.recalled else None,
        "recall_cause": one.recalled.cause if one.recalled else None,
        "credit_report": _report(one),
    }


def _report(one: Collection) -> dict[str, Any]:
    return {
        "approvals": _approvals(one.reports),
        "reported_at": rfc3339(one.reported.at) if one.reported else None,
        "fields": list(one.reported.fields) if one.reported else [],
    }


def _approvals(approvals: tuple[tuple[datetime, str], ...]) -> list[dict[str, Any]]:
    return [{"actor": actor, "at": rfc3339(at)} for at, actor in approvals]


def _payment(told: PaymentRecorded, transfer: Transfer) -> dict[str, Any]:
    return {
        "id": told.id,
        "amount": told.amount,
        "currency": told.currency,
        "received_at": rfc3339(told.received_at),
        "recorded_at": rfc3339(told.at),
        "reference": told.reference,
        "transaction_id": told.transaction,
        "actor": told.actor,
        "allocations": [_allocation(share) for share in told.shares],
        "unmatched": transfer.unmatched,
        "voided_at": rfc3339(transfer.voided.at) if transfer.voided else None,
        "void_reason": transfer.voided.reason if transfer.voided else None,
    }


def _allocation(share: Share) -> dict[str, Any]:
    snapshot = "@" in share.claim
    return {
        "invoice_id": None if snapshot else share.claim.partition(":")[2],
        "case_id": share.claim if snapshot else None,
        "amount": share.amount,
    }
