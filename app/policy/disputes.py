"""A chargeback: suspension at once, one hold with a release of its own, and when data may go (DOMAIN section 4, plexo 10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from app.policy.book import Book, Dispute, Order
from app.policy.document import DisputeRules, Policy
from app.policy.facts import BillingReason, DisputeSeen, DisputeStatus, InvoiceStatus, OrderStatus, Provenance, Stamp
from app.policy.model import Access, Chargeback, Hold, Owner, Terms, Timer

CONTESTED = frozenset({DisputeStatus.OPENED, DisputeStatus.UNDER_REVIEW})
_GONE = frozenset({DisputeStatus.LOST, DisputeStatus.ACCEPTED})
_RISING = tuple(DisputeStatus)


def known(book: Book) -> dict[str, Dispute]:
    """Return every dispute: those told as such, and orders that the provider called fraudulent."""
    found = dict(book.disputes)
    for order in book.orders.values():
        if order.fraudulent_at is not None:
            inferred = _inferred(order, order.fraudulent_at)
            told = found.get(inferred.seen.key)
            found[inferred.seen.key] = told.join(inferred) if told else inferred
    return found


def chargebacks(book: Book, terms: Terms, zone: str) -> list[Chargeback]:
    """Return every dispute as it counts now."""
    return [_chargeback(dispute, book, terms, zone) for dispute in known(book).values()]


def holds(chargebacks: Iterable[Chargeback], giving: Iterable[str], book: Book) -> list[Hold]:
    """Return the restriction that each chargeback is; `giving` are the subscriptions that give the account a plan."""
    giving = tuple(giving)
    return [_hold(one, giving, book) for one in chargebacks if one.holds]


def timers(chargebacks: Iterable[Chargeback], book: Book, zone: str, now: datetime) -> Iterator[Timer]:
    """Yield when a chargeback has to be looked at again: notices before its data may go, and that day."""
    for one in chargebacks:
        if one.deletion_eligible_at is None or one.deletion_eligible_at <= now:
            continue
        yield Timer(kind="data_deletion_eligible", subject=one.key, due_at=one.deletion_eligible_at)
        for step, due_at in deletion_notices(one, zone):
            if due_at > now and f"{one.key}|data_deletion_notice|{step}" not in book.notices:
                yield Timer(kind="data_deletion_notice", subject=f"{one.key}|{step}", due_at=due_at)


def deletion_notices(one: Chargeback, zone: str) -> Iterator[tuple[int, datetime]]:
    """Yield each step and time at which the customer is told that data may go; only after a loss is it certain."""
    if one.decided_at is not None and one.deletion_eligible_at is not None:
        for step, span in enumerate(one.policy.dispute.deletion_notices, start=1):
            yield step, span.before(one.deletion_eligible_at, zone)


def unrequested_refunds(book: Book) -> list[str]:
    """Return payments that went back in full although nobody here asked for it, each payment once.

    An order and the first invoice of its subscription are the same money.
    """
    found = {order.seen.key for order in book.orders.values() if order.seen.status is OrderStatus.REFUNDED}
    for invoice in book.invoices.values():
        if invoice.seen.status is InvoiceStatus.REFUNDED:
            sub = book.subscriptions.get(invoice.seen.subscription)
            first = invoice.seen.reason is BillingReason.INITIAL and sub is not None
            found.add((sub.seen.order if first and sub else None) or invoice.seen.key)
    disputed = {one.seen.order or one.seen.payment for one in known(book).values()}
    return sorted(found - {payment for payment in disputed if payment})


def _inferred(order: Order, fraudulent_at: datetime) -> Dispute:
    """Read `fraudulent` as an opened dispute, and a newer snapshot that is not as its withdrawal."""
    fraudulent = order.seen.status is OrderStatus.FRAUDULENT
    status = DisputeStatus.OPENED if fraudulent else DisputeStatus.WITHDRAWN
    stamp = Stamp(fraudulent_at if fraudulent else order.seen.stamp.at, _RISING.index(status))
    provider, _, order_id = order.seen.key.partition(":")
    seen = DisputeSeen(
        key=f"{provider}:order-{order_id.rpartition(':')[2]}",
        stamp=stamp,
        status=status,
        opened_at=fraudulent_at,
        amount=order.seen.total,
        currency=order.seen.currency,
        customer=order.seen.customer,
        order=order.seen.key,
        payment=order.seen.key,
        reason="fraudulent",
    )
    return Dispute(seen=seen, opened_at=fraudulent_at, marks=((stamp, status),))


def _chargeback(dispute: Dispute, book: Book, terms: Terms, zone: str) -> Chargeback:
    seen, policy = dispute.seen, terms.at(dispute.opened_at)
    rules = policy.dispute
    status = _counted(seen.status, rules)
    decided_at = _decided_at(dispute, rules)
    held = status in CONTESTED or status in _GONE
    one = Chargeback(
        key=seen.key,
        status=seen.status,
        opened_at=dispute.opened_at,
        decided_at=decided_at,
        holds=held and not (rules.review_above is not None and seen.amount > rules.review_above),
        customer=_customer(seen, book),
        subscriptions=_bought(seen, book),
        amount=seen.amount,
        currency=seen.currency,
        fee=seen.fee,
        fee_currency=seen.fee_currency,
        payment=seen.payment or seen.order,
        reason=seen.reason,
        policy=policy,
    )
    since = decided_at or dispute.opened_at
    return replace(one, deletion_eligible_at=rules.deletion_after.after(since, zone)) if one.holds else one


def _counted(status: DisputeStatus, rules: DisputeRules) -> DisputeStatus:
    if status is not DisputeStatus.PARTIALLY_LOST:
        return status
    return DisputeStatus.LOST if rules.partially_lost == "lost" else DisputeStatus.WON


def _decided_at(dispute: Dispute, rules: DisputeRules) -> datetime | None:
    """Return when the present run of losing words began: a later copy of the loss moves no date."""
    since = None
    for stamp, status in dispute.marks:
        since = (since or stamp.at) if _counted(status, rules) in _GONE else None
    return since


def _customer(seen: DisputeSeen, book: Book) -> str | None:
    """Return who disputes: as told, or the buyer of what is disputed; None for an operator's word."""
    if seen.customer is not None or seen.provenance is Provenance.OPERATOR:
        return seen.customer
    bought = book.subscriptions.get(seen.subscription or "")
    order = book.orders.get(seen.order or "")
    return bought.seen.customer if bought else order.seen.customer if order else None


def _bought(seen: DisputeSeen, book: Book) -> tuple[str, ...]:
    customer = _customer(seen, book)
    if customer is None:
        return tuple(sorted(book.subscriptions))
    return tuple(sorted(key for key, sub in book.subscriptions.items() if sub.seen.customer == customer))


def _hold(one: Chargeback, giving: tuple[str, ...], book: Book) -> Hold:
    whole, claim = _reach(one, giving, book)
    return Hold(
        key=f"dispute:{one.key}",
        owner=Owner.DISPUTE,
        source=one.key,
        since=one.opened_at,
        scope="account" if whole else "subscription",
        subscriptions=one.subscriptions,
        access=Access.NONE,
        counts=not claim,
    )


def _reach(one: Chargeback, giving: tuple[str, ...], book: Book) -> tuple[bool, bool]:
    """Return whether it holds the whole account, and whether it is no more than a stranger's claim.

    Custom data comes from a checkout link that the buyer can edit, so a chargeback reaches the whole account only if
    everything that gives it a plan was bought by who disputes, or an operator or the merchant's signature says so.
    """
    if one.policy.dispute.scope == "subscription":
        return not one.subscriptions, False
    if one.customer is None or one.customer in book.signed:
        return True, False
    own = set(one.subscriptions)
    whole = own.issuperset(giving or book.subscriptions)
    return whole, not whole


def policy_of(book: Book, terms: Terms, payment: str) -> Policy:
    """Return the policy by which a refund of a payment is judged."""
    order, invoice = book.orders.get(payment), book.invoices.get(payment)
    seen = order.seen if order else invoice.seen if invoice else None
    return terms.at(seen.stamp.at) if seen else terms.current


def by_key(chargebacks: Iterable[Chargeback]) -> Mapping[str, Chargeback]:
    """Return chargebacks by their key."""
    return {one.key: one for one in chargebacks}
