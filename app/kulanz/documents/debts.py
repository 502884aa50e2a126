"""Documents of an account's debts: transfers, hand-overs, debtor, mandates, letters."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from kulanz.documents.shape import Document


class Allocation(Document, frozen=True, kw_only=True):
    """Part of a transfer that pays one claim; without an invoice id the debt is known from a snapshot only."""

    invoice_id: str | None
    case_id: str | None
    amount: int


class Payment(Document, frozen=True, kw_only=True):
    """A transfer recorded by hand; `unmatched` is the overpaid amount."""

    id: str
    amount: int
    currency: str
    received_at: datetime
    recorded_at: datetime
    reference: str | None
    transaction_id: str | None
    actor: str
    allocations: tuple[Allocation, ...]
    unmatched: int
    voided_at: datetime | None
    void_reason: str | None


class ApprovedBy(Document, frozen=True, kw_only=True):
    """An approval, by an authenticated name."""

    actor: str
    at: datetime


class CreditReport(Document, frozen=True, kw_only=True):
    """The report of a debt to a credit bureau, which takes two approvals of its own."""

    approvals: tuple[ApprovedBy, ...]
    reported_at: datetime | None
    fields: tuple[str, ...]


class Collection(Document, frozen=True, kw_only=True):
    """A debt that is handed over to a collection agency, or proposed to be."""

    id: str
    case_id: str
    invoice_id: str | None
    state: Literal["proposed", "handed_over", "recalled", "withdrawn"]
    reason: str
    proposed_by: str
    proposed_at: datetime
    approvals: tuple[ApprovedBy, ...]
    handed_over_at: datetime | None
    amount: int | None
    """Amount owed then, including fees."""
    currency: str | None
    fields: tuple[str, ...]
    """Fields handed over, by the policy's names."""
    statement_sha256: str | None
    recalled_at: datetime | None
    recall_cause: Literal["paid", "void", "disputed", "operator"] | None
    credit_report: CreditReport


class CollectionOfAccount(Collection, frozen=True):
    """A hand-over with its account."""

    # A field without `kw_only` precedes the inherited ones: the account comes first in the document.
    account_id: str


class Collections(Document, frozen=True, kw_only=True):
    """A page of hand-overs, the newest first."""

    collections: tuple[CollectionOfAccount, ...]
    next_cursor: str | None


class Delivery(Document, frozen=True, kw_only=True):
    """Delivery of letters to the customer."""

    by: Literal["mail", "letter"]
    postal_address_known: bool


class Mandate(Document, frozen=True, kw_only=True):
    """A direct-debit mandate."""

    id: str
    state: Literal["active", "revoked"]
    granted_at: datetime
    granted_by: Literal["portal", "staff"]
    actor: str
    reference: str | None
    revoked_at: datetime | None


class DebtorHeld(Document, frozen=True, kw_only=True):
    """Stored fields of the debtor: names, not contents."""

    held: tuple[str, ...]
    updated_at: datetime


class Debtor(Document, frozen=True, kw_only=True):
    """The debtor's data."""

    account_id: str
    birth_name: str | None
    postal_address: str | None
    email: str | None
    birth_date: str | None
    profession: str | None
    phone: str | None
    contract_date: str | None
    passport_copy: str | None
    updated_at: datetime | None
