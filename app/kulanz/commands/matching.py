"""Matches a transfer with debts: the invoice that was named, the one its reference names, else the oldest first."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kulanz.errors import InvalidInputError, RefusedError
from kulanz.policy.areas.collections.levels import fees_due
from kulanz.policy.areas.settling import outstanding
from kulanz.policy.book import Book
from kulanz.policy.book.provider import Invoice
from kulanz.policy.facts.collecting import Share
from kulanz.policy.state import Case, CaseState, State


def matched(
    state: State, book: Book, *, amount: int, currency: str, invoice: str | None, reference: str | None
) -> tuple[Share, ...]:
    """Return the debts that a transfer pays; raise InvalidInputError or RefusedError for an impossible transfer.

    Without an open debt it pays nothing: it is recorded all the same, as an overpayment.
    """
    if invoice is not None:
        return (_to_invoice(_named(book, invoice), state, book, amount, currency),)
    open_cases = [case for case in state.cases if case.state is not CaseState.VOID]
    cases = _referred_to(open_cases, reference) or open_cases
    fitting = [case for case in cases if case.currency in {currency, None}]
    if cases and not fitting:
        owed = ", ".join(sorted({case.currency or "" for case in cases}))
        raise InvalidInputError(f"currency: what is owed is in {owed}, not {currency}")
    billed = _billed_in(book)
    if billed and currency not in billed:
        raise InvalidInputError(f"currency: the account is billed in {', '.join(sorted(billed))}, not {currency}")
    return tuple(_oldest_first(fitting, book, amount))


def _to_invoice(invoice: Invoice, state: State, book: Book, amount: int, currency: str) -> Share:
    seen, due = invoice.seen, outstanding(book, invoice)
    fees = sum(fees_due(case, book) for case in state.cases if case.invoice == seen.key)
    if seen.currency != currency:
        raise InvalidInputError(f"currency: the invoice is in {seen.currency}, not {currency}")
    if invoice.paid or invoice.void or not due:
        raise RefusedError(
            "nothing is owed for that invoice any more; leave it out to record the money as an overpayment"
        )
    since = min(invoice.failures, default=seen.created_at or seen.stamp.at)
    return Share(claim=seen.key, subscription=seen.subscription, since=since, amount=min(amount, due + fees))


def _named(book: Book, name: str) -> Invoice:
    """Return an invoice by its key or the provider's id; an unpaid one before a paid one of the same id."""
    existing_invoices = (
        invoice for invoices in book.invoices.values() for key, invoice in invoices.known.items() if _is(key, name)
    )
    stored_invoices = sorted(existing_invoices, key=lambda invoice: (invoice.paid or invoice.void, invoice.seen.key))
    if not stored_invoices:
        raise InvalidInputError("invoice_id: the account has no such invoice")
    return stored_invoices[0]


def _billed_in(book: Book) -> set[str]:
    """Return the currencies that the account was ever billed in; none where no invoice or order is known."""
    invoices = (
        other_invoice.seen.currency for invoice in book.invoices.values() for other_invoice in invoice.known.values()
    )
    return {*invoices, *(order.seen.currency for order in book.orders.values())}


def _is(key: str, name: str) -> bool:
    return name in {key, key.partition(":")[2]}


def _referred_to(cases: Sequence[Case], reference: str | None) -> list[Case]:
    words = set(re.findall(r"[A-Za-z0-9_-]+", reference or ""))
    return [case for case in cases if case.invoice and case.invoice.partition(":")[2] in words]


def _oldest_first(cases: Sequence[Case], book: Book, amount: int) -> list[Share]:
    """Share the money out; a case of which no invoice is known owes an unknown amount and takes what is left."""
    shares: list[Share] = []
    left = amount
    for case in sorted(cases, key=lambda case: (case.invoice is None, case.opened_at, case.key)):
        invoice = book.invoice(case.invoice) if case.invoice else None
        paid = left if invoice is None else min(left, outstanding(book, invoice) + fees_due(case, book))
        if paid > 0:
            claim = case.invoice or case.key
            shares.append(Share(claim=claim, subscription=case.subscription, since=case.opened_at, amount=paid))
            left -= paid
    return shares
