"""The payments of an account, each once: an order and the first invoice of its subscription are the same money."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from kulanz.policy.areas.full_refunds import payment_of
from kulanz.policy.book import Book
from kulanz.policy.book.provider import UNPAID_ORDERS, Invoice, Order
from kulanz.policy.facts import BillingReason, LicenceStatus
from kulanz.policy.state.refunds import Payment

_OF_A_LATER_PERIOD = frozenset({BillingReason.RENEWAL, BillingReason.UNKNOWN})
_AT_THE_START = timedelta(days=1)


def payments(book: Book) -> list[Payment]:
    """Return every payment that the book knows, the oldest first."""
    matches: dict[str, tuple[Order | None, Invoice | None]] = {key: (order, None) for key, order in book.orders.items()}
    for invoice in sorted(
        _invoices(book), key=lambda item: (item.seen.created_at or item.seen.stamp.at, item.seen.key)
    ):
        name = payment_of(invoice.seen.key, book)
        order, another = matches.get(name, (None, None))
        if another is not None:
            # Two subscriptions of one order: the order's name is the first one's.
            name, order = invoice.seen.key, None
        matches[name] = (order, invoice)
    made = (_payment(key, order, invoice, book) for key, (order, invoice) in matches.items())
    return sorted(made, key=lambda item: (item.at, item.key))


def named(name: str, existing_payments: list[Payment]) -> list[Payment]:
    """Return the payments that a provider's order or invoice id may mean, with or without the provider's name."""
    return [
        payment for payment in existing_payments if any(name in (key, key.partition(":")[2]) for key in payment.names)
    ]


def is_first(payment: Payment, existing_payments: list[Payment], book: Book) -> bool:
    """Whether it is the first money that was paid for its subscription; a payment of 0 is none (plexo 3.1)."""
    earlier = (
        other_payment
        for other_payment in existing_payments
        if other_payment.subscription == payment.subscription and other_payment.total > 0 and other_payment.paid
    )
    if next(earlier, payment).key != payment.key:
        return False
    return payment.reason not in _OF_A_LATER_PERIOD or _begins(payment, existing_payments, book)


def in_use(licence: str, book: Book) -> bool:
    """Whether a licence was ever activated, by the provider's word, or deployed, by an operator's (plexo 8)."""
    record, log = book.licences.get(licence), book.licence_logs.get(licence)
    activated = record is not None and (record.activations > 0 or record.seen.status is LicenceStatus.ACTIVE)
    return activated or (log is not None and log.deployed is not None)


def bought_with(payment: Payment, book: Book) -> tuple[str, ...]:
    """Return the subscriptions that a payment paid for: one order may have bought several."""
    named = {payment.subscription} if payment.subscription else set()
    if payment.order is not None:
        named.update(key for key, sub in book.subscriptions.items() if sub.seen.order == payment.order)
    return tuple(sorted(named))


def _invoices(book: Book) -> Iterator[Invoice]:
    for invoices in book.invoices.values():
        yield from invoices.known.values()


def _begins(payment: Payment, existing_payments: list[Payment], book: Book) -> bool:
    """Whether a charge that is called a renewal is the first: after a trial, or where the provider calls all so."""
    sub = book.subscriptions.get(payment.subscription or "")
    free = any(
        other_payment.total == 0 and other_payment.subscription == payment.subscription
        for other_payment in existing_payments
    )
    if sub is None:
        return free
    began = sub.seen.created_at
    return free or sub.seen.trial_ends_at is not None or (began is not None and payment.at <= began + _AT_THE_START)


def _payment(key: str, order: Order | None, invoice: Invoice | None, book: Book) -> Payment:
    sold, billed = order.seen if order else None, invoice.seen if invoice else None
    given_fact = billed or sold
    assert given_fact is not None  # noqa: S101 - a payment is made of one of the two
    subscription = billed.subscription if billed else _bought_by(key, book)
    sub = book.subscriptions.get(subscription or "")
    # The order of a trial has the amount 0: it does not show whether or when the first money came, and nothing of it
    # can be refunded.
    of_nothing = sold is not None and billed is not None and sold.total == 0 < billed.total
    paid_order = None if of_nothing else order
    return Payment(
        key=key,
        order=key if not of_nothing and (sold or (sub and sub.seen.order == key)) else None,
        invoice=billed.key if billed else None,
        customer=given_fact.customer or (sub.seen.customer if sub else ""),
        currency=given_fact.currency,
        decimals=given_fact.decimals,
        total=max(fact.total for fact in (sold, billed) if fact),
        tax=max(fact.tax for fact in (sold, billed) if fact),
        setup_fee=sold.setup_fee if sold else 0,
        refunded=_refunded(key, order, invoice, book),
        at=_paid_at(paid_order, invoice),
        paid=bool(invoice and invoice.paid) or bool(paid_order and paid_order.seen.status not in UNPAID_ORDERS),
        subscription=subscription,
        licences=_licences({key, sub.seen.order if sub else None}, book),
        product=(sold.product if sold else None) or (sub.seen.product if sub else "") or "",
        reason=billed.reason if billed else None,
        by_transfer=billed is not None and _came_by_transfer(billed.key, book),
    )


def _came_by_transfer(invoice: str, book: Book) -> bool:
    return any(share.claim == invoice for transfer in book.transfers.values() for share in transfer.shares)


def _licences(orders: set[str | None], book: Book) -> tuple[str, ...]:
    """Return the licences that were sold with an order, or that a subscription's renewals pay for."""
    result = (
        name
        for name, licence in book.licences.items()
        if licence.seen.order is not None and licence.seen.order in orders
    )
    return tuple(sorted(result))


def _bought_by(order: str, book: Book) -> str | None:
    return next((key for key, sub in sorted(book.subscriptions.items()) if sub.seen.order == order), None)


def _refunded(key: str, order: Order | None, invoice: Invoice | None, book: Book) -> int:
    """Return the refunded sum: each record of the money states the same sum, and separately sent refunds add up."""
    names = {key, invoice.seen.key if invoice else key}
    refundses = [book.refunds[name] for name in names if name in book.refunds]
    each = sum(refunds.amount for refunds in refundses)
    return max([each, *(record.refunded for record in (order, invoice) if record)])


def _paid_at(order: Order | None, invoice: Invoice | None) -> datetime:
    return next(_moments(order, invoice))


def _moments(order: Order | None, invoice: Invoice | None) -> Iterator[datetime]:
    if order is not None and order.pending_at is not None and order.paid_at is not None:
        yield order.paid_at
    if order is not None and order.seen.created_at is not None:
        yield order.seen.created_at
    if invoice is not None:
        yield invoice.paid_at or invoice.seen.created_at or invoice.seen.stamp.at
    if order is not None:
        yield order.seen.stamp.at
