"""Documents of an account's debts, of transfers and of hand-overs, as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kulanz.documents import debts as documents
from kulanz.documents.debts import ApprovedBy
from kulanz.policy.areas import settling
from kulanz.policy.areas.collections.delivery import LETTER, known_address
from kulanz.policy.book import Book
from kulanz.policy.book.collections import Collection, Transfer
from kulanz.policy.facts import CollectionProposed, PaymentRecorded, Share
from kulanz.queries import values


def payments(book: Book) -> tuple[documents.Payment, ...]:
    """Return the transfers that were recorded, the oldest first."""
    matches = sorted(settling.known(book), key=lambda item: (item[0].at, item[0].id))
    return tuple(_payment(fact, transfer) for fact, transfer in matches)


def collections(book: Book) -> tuple[documents.Collection, ...]:
    """Return the hand-overs of an account's debts, the oldest first."""
    matches = [
        (collection.proposed, collection) for collection in book.collections.values() if collection.proposed is not None
    ]
    return tuple(
        _collection(fact, collection, book)
        for fact, collection in sorted(matches, key=lambda pair: (pair[0].at, pair[0].id))
    )


def debtor(book: Book) -> documents.DebtorHeld | None:
    """Return the names of the stored fields of the debtor, without their contents."""
    existing_debtor = book.debtors.get("debtor")
    if existing_debtor is None:
        return None
    held = tuple(name for name, _ in existing_debtor.told.fields)
    return documents.DebtorHeld(held=held, updated_at=existing_debtor.told.at)


def debtor_in_full(account: str, book: Book) -> documents.Debtor:
    """Return the debtor's data, which are personal."""
    existing_debtor = book.debtors.get("debtor")
    stated = dict(existing_debtor.told.fields) if existing_debtor else {}
    fields: dict[str, Any] = dict.fromkeys(documents.Debtor.__struct_fields__) | stated
    updated_at = existing_debtor.told.at if existing_debtor else None
    return documents.Debtor(**fields | {"account_id": account, "updated_at": updated_at})


def mandates(book: Book) -> tuple[documents.Mandate, ...]:
    """Return the direct-debit mandates of an account, the oldest first."""
    matches = [(mandate.granted, mandate.revoked) for mandate in book.mandates.values() if mandate.granted is not None]
    return tuple(
        documents.Mandate.of(
            granted,
            state="revoked" if revoked else "active",
            granted_at=granted.at,
            granted_by=granted.by,
            revoked_at=revoked.at if revoked else None,
        )
        for granted, revoked in sorted(matches, key=lambda pair: (pair[0].at, pair[0].id))
    )


def delivery(book: Book) -> documents.Delivery:
    """Return how letters come to the customer."""
    by_letter, known = book.word("delivery") == LETTER, known_address(book) is not None
    return documents.Delivery(by="letter" if by_letter else "mail", postal_address_known=known)


def _collection(fact: CollectionProposed, collection: Collection, book: Book) -> documents.Collection:
    invoice = book.invoice(f"{fact.case.partition(':')[0]}:{fact.case.rpartition(':')[2]}")
    handed, recalled, reported = collection.handed, collection.recalled, collection.reported
    return documents.Collection.of(
        fact,
        case_id=fact.case,
        invoice_id=values.own_id(invoice.seen.key if invoice else None),
        state=collection.state,
        proposed_by=fact.actor,
        proposed_at=fact.at,
        approvals=_approvals(collection.approvals),
        handed_over_at=handed.at if handed else None,
        amount=handed.amount if handed else None,
        currency=invoice.seen.currency if invoice else None,
        fields=handed.fields if handed else (),
        statement_sha256=handed.statement_sha256 if handed else None,
        recalled_at=recalled.at if recalled else None,
        recall_cause=recalled.cause if recalled else None,
        credit_report=documents.CreditReport(
            approvals=_approvals(collection.reports),
            reported_at=reported.at if reported else None,
            fields=reported.fields if reported else (),
        ),
    )


def _approvals(approvals: tuple[tuple[datetime, str], ...]) -> tuple[ApprovedBy, ...]:
    return tuple(ApprovedBy(actor=actor, at=at) for at, actor in approvals)


def _payment(fact: PaymentRecorded, transfer: Transfer) -> documents.Payment:
    return documents.Payment.of(
        fact,
        recorded_at=fact.at,
        transaction_id=fact.transaction,
        allocations=tuple(map(_allocation, fact.shares)),
        unmatched=transfer.unmatched,
        voided_at=transfer.voided.at if transfer.voided else None,
        void_reason=transfer.voided.reason if transfer.voided else None,
    )


def _allocation(share: Share) -> documents.Allocation:
    snapshot = "@" in share.claim
    return documents.Allocation.of(
        share,
        invoice_id=None if snapshot else values.own_id(share.claim),
        case_id=share.claim if snapshot else None,
    )
