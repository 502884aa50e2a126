"""Reads other accounts before a command: the customer's history under another id, the debtor that a transfer names.

A customer id is no proof, nor is a number that a payer typed, so what is found makes a person look and refuses nothing.
"""

from __future__ import annotations

import re
from dataclasses import replace

from kulanz.commands.commands import Command, RecordPayment, RequestRefund
from kulanz.commands.refunds import payment_meant
from kulanz.policy.areas.refunds.payments import payments
from kulanz.policy.book import Book
from kulanz.processing.unit_of_work import UnitOfWork
from kulanz.providers.keys import Keys
from kulanz.queries.views import of_row
from kulanz.services import Services
from kulanz.store import accounts, bindings, case_index
from kulanz.store.accounts import AccountRow
from kulanz.store.database import Connection

_SHORTEST_NUMBER = 3
"""Shorter words of a reference are days, months and the like."""
_MOST = 50
"""Maximum number of a customer's other accounts that are read: a reseller may have more, but a few are enough."""


def informed(services: Services, unit_of_work: UnitOfWork, tx: Connection, account: str, order: Command) -> Command:
    """Return a command with facts of the same customer's other accounts; most commands need none."""
    match order:
        case RequestRefund():
            return _asked(services, unit_of_work, tx, account, order)
        case RecordPayment(reference=str(reference), invoice=None):
            return replace(order, another_account=_named(reference, unit_of_work.account(account).book, tx, account))
    return order


def _named(reference: str, book: Book, tx: Connection, account: str) -> str | None:
    """Return which other account owes for an invoice that a payer named, where this one has no such invoice."""
    numbers = [word for word in re.findall(r"[A-Za-z0-9_-]+", reference) if len(word) >= _SHORTEST_NUMBER]
    known = {key.partition(":")[2] for invoices in book.invoices.values() for key in invoices.known}
    if known.intersection(numbers):
        return None
    others = (case_index.owing(tx, number, account) for number in numbers if any(map(str.isdigit, number)))
    return next((other for other in others if other is not None), None)


def _asked(
    services: Services, unit_of_work: UnitOfWork, tx: Connection, account: str, order: RequestRefund
) -> RequestRefund:
    here, now = unit_of_work.account(account), unit_of_work.now
    rules = unit_of_work.terms.under(here.book, now).at(now).refund
    customer = payment_meant(order, here, unit_of_work.terms, now).customer
    if rules.subscriptions != "first_payment" or not customer:
        return order
    found = any(
        payment.customer == customer and payment.went_back(base_only=rules.base_only)
        for row in _others(tx, customer, account)
        for payment in payments(of_row(services, tx, row).account.book)
    )
    return replace(order, refunded_elsewhere=found)


def _others(tx: Connection, customer: str, account: str) -> list[AccountRow]:
    """Return the other accounts that have a purchase of a customer, without those that were erased."""
    provider, _, identifier = customer.partition(":")
    bound = bindings.of_customers(tx, [Keys(provider).binding("customer", identifier)])
    names = sorted({row.account for row in bound} - {account})[:_MOST]
    rows = [accounts.answering(tx, name) for name in names]
    return [row for row in rows if row is not None and row.id != account and row.key is not None]
