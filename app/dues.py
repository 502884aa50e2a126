"""What an account paid outside the provider, as the documents of the API show it."""

from __future__ import annotations

from typing import Any

from app.policy.book import Book
from app.policy.collecting.records import Transfer
from app.policy.facts import Share
from app.policy.model import Case, CaseState
from app.policy.telling import rfc3339


def shown(case: Case) -> bool:
    """Whether a case is part of the account's document: while it is open, and after that where it is pursued."""
    return case.open or (case.state is CaseState.EXHAUSTED and bool(case.policy.dunning.levels))


def payments(book: Book) -> list[dict[str, Any]]:
    """Return the transfers that were recorded, the oldest first."""
    found = sorted(book.transfers.values(), key=lambda one: (one.told.at, one.told.id))
    return [_payment(transfer) for transfer in found]


def _payment(transfer: Transfer) -> dict[str, Any]:
    told = transfer.told
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
    }


def _allocation(share: Share) -> dict[str, Any]:
    snapshot = "@" in share.claim
    return {
        "invoice_id": None if snapshot else share.claim.partition(":")[2],
        "case_id": share.claim if snapshot else None,
        "amount": share.amount,
    }
