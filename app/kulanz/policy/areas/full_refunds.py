"""Money that went back in full without a request here (DOMAIN section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from kulanz.policy.areas.payment_names import payment_of
from kulanz.policy.book import Book
from kulanz.policy.book.joining import keys_where
from kulanz.policy.book.provider import Dispute, is_refunded
from kulanz.policy.book.refunds import Refunds
from kulanz.policy.facts import DisputeStatus

__all__ = [
    "NO_OUTCOME",
    "FullRefund",
    "decimals",
    "disputed",
    "full",
    "heard_of",
    "keys_of",
    "payment_of",
    "unrequested",
]

NO_OUTCOME = frozenset({DisputeStatus.INQUIRY, DisputeStatus.WON, DisputeStatus.WITHDRAWN})
"""Words of a dispute that do not explain a refund."""
_refunded_of = attrgetter("refunded")


@dataclass(frozen=True, slots=True, kw_only=True)
class FullRefund:
    """A payment that went back in full, once: an order and the first invoice of its subscription are the same money."""

    payment: str
    at: datetime
    customer: str
    amount: int
    currency: str
    subscription: str | None = None


def unrequested(result: Mapping[str, FullRefund], disputes: Iterable[Dispute], book: Book) -> list[FullRefund]:
    """Return the full refunds that neither a dispute nor a request made here explains."""
    explained = {payment for dispute in disputes for payment in _explained(dispute, book)}
    left = (result[payment] for payment in sorted(result.keys() - explained))
    return [refund for refund in left if not _was_asked_for(refund, book)]


def keys_of(name: str, book: Book) -> tuple[str, ...]:
    """Return the payments that a name means: people type the provider's id alone."""
    if ":" in name:
        return (name,)
    existing = (*book.orders, *(key for invoices in book.invoices.values() for key in invoices.known))
    return tuple(key for key in existing if key.partition(":")[2] == name) or (name,)


def heard_of(payment: str, book: Book) -> bool:
    """Whether a payment is known, by its one name: one from before the import is as unknown as a slip."""
    if payment in book.orders or book.invoice(payment) is not None:
        return True
    return any(sub.seen.order == payment for sub in book.subscriptions.values())


def decimals(payment: str | None, book: Book) -> int | None:
    """Return how many decimals the amounts of a payment have, where its provider has others than the currency."""
    for key in keys_of(payment or "", book):
        record = book.orders.get(key) or book.invoice(key)
        if record is not None and record.seen.decimals is not None:
            return record.seen.decimals
    return None


def full(book: Book) -> dict[str, FullRefund]:
    """Return every full refund, by payment."""
    if not (book.refunds or book.orders or any(map(_refunded_of, book.invoices.values()))):
        return {}
    return {refund.payment: refund for refund in _full(book)}


def _full(book: Book) -> Iterator[FullRefund]:
    for subscription in keys_where(book.invoices, _refunded_of):
        invoices = book.invoices[subscription]
        for key in invoices.refunded:
            invoice = invoices.known[key]
            seen = invoice.seen
            yield FullRefund(
                payment=payment_of(key, book),
                at=invoice.refunded_at or seen.stamp.at,
                customer=seen.customer,
                amount=seen.total,
                currency=seen.currency,
                subscription=seen.subscription,
            )
    for key, refunds in book.refunds.items():
        yield from _told_one_by_one(payment_of(key, book), refunds, _total(key, book))
    for key, order in book.orders.items():
        if order.refunded_at is not None and is_refunded(order.seen):
            yield FullRefund(
                payment=key,
                at=order.refunded_at,
                customer=order.seen.customer,
                amount=order.seen.total,
                currency=order.seen.currency,
            )


def _told_one_by_one(payment: str, refunds: Refunds, total: int | None) -> Iterator[FullRefund]:
    """Yield a full refund once the parts add up to it; their own word counts only where the sum is not known."""
    gone = 0
    for seen in sorted((seen for seen in refunds.seen if seen.counts), key=lambda seen: (seen.stamp, seen.key)):
        gone += seen.amount
        if gone >= total if total is not None else seen.whole:
            yield FullRefund(
                payment=payment, at=seen.stamp.at, customer=seen.customer, amount=gone, currency=seen.currency
            )
            return


def _total(payment: str, book: Book) -> int | None:
    """Return the paid amount, where it is known and not 0."""
    invoice, order = book.invoice(payment), book.orders.get(payment)
    totals = [record.seen.total for record in (invoice, order) if record is not None]
    return max(totals, default=0) or None


def _explained(dispute: Dispute, book: Book) -> Iterator[str]:
    if dispute.seen.status not in NO_OUTCOME:
        yield from disputed(dispute, book)


def _was_asked_for(refund: FullRefund, book: Book) -> bool:
    """Whether a refund was requested here before the money went back, and not denied."""
    for log in book.refund_requests.values():
        fact = log.requested
        if fact is None or (log.decided is not None and not log.decided.approved):
            continue
        if payment_of(fact.payment, book) == refund.payment and fact.refunded < refund.amount:
            return True
    return False


def disputed(dispute: Dispute, book: Book) -> Iterator[str]:
    """Yield the payments that a dispute may be about."""
    seen = dispute.seen
    named = [payment for payment in (seen.order, seen.payment) if payment]
    if seen.subscription is not None:
        invoices = book.invoices.get(seen.subscription)
        named.extend(invoices.known if invoices else ())
        sub = book.subscriptions.get(seen.subscription)
        named.extend([sub.seen.order] if sub and sub.seen.order else [])
    for name in named:
        yield from (payment_of(key, book) for key in keys_of(name, book))
