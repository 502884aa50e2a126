"""What became different about a debt, and what people must see of it."""

from __future__ import annotations

from collections.abc import Iterator

from app.policy.book import Book
from app.policy.collecting.records import Transfer
from app.policy.model import Change, Step, Terms


def changes(step: Step) -> Iterator[Change]:
    """Yield the transfers that were recorded."""
    for key, transfer in step.new.transfers.items():
        if step.old.transfers.get(key) != transfer:
            yield _of_transfer(transfer, step.terms)


def concerns(book: Book) -> Iterator[tuple[str, str]]:
    """Yield what was paid too much: nothing is owed that it could pay, or the provider has been paid as well."""
    for key, transfer in book.transfers.items():
        if transfer.unmatched > 0:
            yield key, "overpaid"
        elif any(_paid_twice(share.claim, book) for share in transfer.told.shares):
            yield key, "paid_twice"


def _paid_twice(claim: str, book: Book) -> bool:
    invoice = book.invoice(claim)
    return invoice is not None and invoice.paid


def _of_transfer(transfer: Transfer, terms: Terms) -> Change:
    """Name a transfer. What the payer wrote is personal and stays in the book."""
    told = transfer.told
    detail = {
        "payment": told.id,
        "amount": told.amount,
        "currency": told.currency,
        "received_at": told.received_at,
        "unmatched": transfer.unmatched,
        "claims": len(told.shares),
        "actor": told.actor,
    }
    policy = terms.at(told.at)
    return Change(
        rule="payment.recorded",
        clause=policy.transfers.clause,
        policy=policy,
        subject=told.id,
        rank=35,
        detail=detail,
    )
