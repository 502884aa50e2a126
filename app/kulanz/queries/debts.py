"""Documents of an account's debts, of transfers and of hand-overs, as the API shows them."""

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
from kulanz.queries import values

DEBTOR_FIELDS = (
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
    """Whether a case is part of the account's document: while it is open, or pursued afterwards."""
    return case.pursued


def payments(book: Book) -> list[dict[str, Any]]:
    """Return the transfers that were recorded, the oldest first."""
    matches = sorted(settling.known(book), key=lambda item: (item[0].at, item[0].id))
    return [_payment(fact, transfer) for fact, transfer in matches]


def collections(book: Book) -> list[dict[str, Any]]:
    """Return the hand-overs of an account's debts, the oldest first."""
    matches = [
        (collection.proposed, collection, ident)
        for ident, collection in book.collections.items()
        if collection.proposed is not None
    ]
    return [
        _collection(ident, fact, collection, book)
        for fact, collection, ident in sorted(matches, key=lambda it: (it[0].at, it[2]))
    ]


def debtor(book: Book) -> dict[str, Any] | None:
    """Return the names of the stored fields of the debtor, without their contents."""
    existing_debtor = book.debtors.get("debtor")
    if existing_debtor is None:
        return None
    return {"held": [name for name, _ in existing_debtor.told.fields], "updated_at": rfc3339(existing_debtor.told.at)}


def debtor_in_full(book: Book) -> dict[str, Any]:
    """Return the debtor's data, which are personal."""
    existing_debtor = book.debtors.get("debtor")
    stated = dict(existing_debtor.told.fields) if existing_debtor else {}
    return {name: stated.get(name) for name in DEBTOR_FIELDS} | {
        "updated_at": rfc3339(existing_debtor.told.at) if existing_debtor else None
    }


def mandates(book: Book) -> list[dict[str, Any]]:
    """Return the direct-debit mandates of an account, the oldest first."""
    matches = [(mandate.granted, mandate.revoked) for mandate in book.mandates.values() if mandate.granted is not None]
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
        for granted, revoked in sorted(matches, key=lambda pair: (pair[0].at, pair[0].id))
    ]


def delivery(book: Book) -> dict[str, Any]:
    """Return how letters come to the customer."""
    return {"by": book.word("delivery") or "mail", "postal_address_known": known_address(book) is not None}


def _collection(ident: str, fact: CollectionProposed, collection: Collection, book: Book) -> dict[str, Any]:
    invoice = book.invoice(f"{fact.case.partition(':')[0]}:{fact.case.rpartition(':')[2]}")
    return {
        "id": ident,
        "case_id": fact.case,
        "invoice_id": values.own_id(invoice.seen.key if invoice else None),
        "state": collection.state,
        "reason": fact.reason,
        "proposed_by": fact.actor,
        "proposed_at": rfc3339(fact.at),
        "approvals": _approvals(collection.approvals),
        "handed_over_at": rfc3339(collection.handed.at) if collection.handed else None,
        "amount": collection.handed.amount if collection.handed else None,
        "currency": invoice.seen.currency if invoice else None,
        "fields": list(collection.handed.fields) if collection.handed else [],
        "statement_sha256": collection.handed.statement_sha256 if collection.handed else None,
        "recalled_at": rfc3339(collection.recalled.at) if collection.recalled else None,
        "recall_cause": collection.recalled.cause if collection.recalled else None,
        "credit_report": _report(collection),
    }


def _report(collection: Collection) -> dict[str, Any]:
    return {
        "approvals": _approvals(collection.reports),
        "reported_at": rfc3339(collection.reported.at) if collection.reported else None,
        "fields": list(collection.reported.fields) if collection.reported else [],
    }


def _approvals(approvals: tuple[tuple[datetime, str], ...]) -> list[dict[str, Any]]:
    return [{"actor": actor, "at": rfc3339(at)} for at, actor in approvals]


def _payment(fact: PaymentRecorded, transfer: Transfer) -> dict[str, Any]:
    return {
        "id": fact.id,
        "amount": fact.amount,
        "currency": fact.currency,
        "received_at": rfc3339(fact.received_at),
        "recorded_at": rfc3339(fact.at),
        "reference": fact.reference,
        "transaction_id": fact.transaction,
        "actor": fact.actor,
        "allocations": [_allocation(share) for share in fact.shares],
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
