"""Translates each event into facts: one snapshot or payment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec.structs import replace as evolve

from kulanz.policy.facts import (
    BillingReason,
    CustomerSeen,
    DisputeSeen,
    DisputeStatus,
    InvoiceSeen,
    InvoiceStatus,
    OrderSeen,
    OrderStatus,
    PaymentFailed,
    PaymentSucceeded,
    Provenance,
    ProviderFact,
    RefundSeen,
    Stamp,
)
from kulanz.providers import bodies, ranking
from kulanz.providers.address import CustomerAddress, customer_address, known
from kulanz.providers.event_header import EventHeader
from kulanz.providers.naming import Naming, claim
from kulanz.providers.paddle.envelope import SINGLE_SALE
from kulanz.providers.paddle.subscriptions import subscription_seen
from kulanz.providers.paddle.vocabulary import (
    ADJUSTMENT,
    CUSTOMER,
    INVOICE,
    LOOKED_UP,
    OBJECTS,
    PROVIDER,
    RANKS,
    SUBSCRIPTION,
    TRANSACTION,
    key,
    key_if_any,
)
from kulanz.providers.reading import PayloadReader, UnknownWord, inner

_REASONS = {
    "web": BillingReason.INITIAL,
    "api": BillingReason.INITIAL,
    "subscription_recurring": BillingReason.RENEWAL,
    "subscription_update": BillingReason.UPDATED,
    "subscription_charge": BillingReason.ONE_TIME,
    "subscription_payment_method_change": BillingReason.ONE_TIME,
}
"""By a transaction's origin."""
_TRANSACTIONS = {
    "draft": InvoiceStatus.PENDING,
    "ready": InvoiceStatus.PENDING,
    "billed": InvoiceStatus.PENDING,
    "past_due": InvoiceStatus.PENDING,
    "paid": InvoiceStatus.PAID,
    "completed": InvoiceStatus.PAID,
    "canceled": InvoiceStatus.VOID,
}
_PAID_BY_NAME = {
    "transaction.payment_failed": InvoiceStatus.PENDING,
    "transaction.past_due": InvoiceStatus.PENDING,
    "transaction.paid": InvoiceStatus.PAID,
    "transaction.completed": InvoiceStatus.PAID,
    "transaction.canceled": InvoiceStatus.VOID,
}
_INVOICED_BY_NAME = {
    "invoice.overdue": InvoiceStatus.PENDING,
    "invoice.paid": InvoiceStatus.PAID,
    "invoice.canceled": InvoiceStatus.VOID,
}
_CHARGEBACKS = {
    "chargeback": ("chargeback", DisputeStatus.OPENED),
    "chargeback_reverse": ("chargeback", DisputeStatus.WON),
    "chargeback_warning": ("warning", DisputeStatus.INQUIRY),
    "chargeback_warning_reverse": ("warning", DisputeStatus.WITHDRAWN),
}
"""The kind of story that an adjustment belongs to: each adjustment of a transaction has an id of its own.

A chargeback that is not reversed stands: Paddle has no word for one that is lost.
"""
_TAKEN_BACK = frozenset({"reversed", "rejected"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _PaddleEvent:
    """An event: the object that it carries, and what is sent with it."""

    name: str
    told: PayloadReader
    digest: str
    signed: bool
    address: CustomerAddress

    @property
    def stamp(self) -> Stamp:
        return Stamp(at=self.told.needed_instant("updated_at"), rank=RANKS.get(self.name, 0), digest=self.digest)


def translate(
    name: str, payload: Mapping[str, Any], digest: str, naming: Naming, unknown: list[UnknownWord] | None = None
) -> tuple[ProviderFact, ...]:
    """Translate an event into facts; none for a kind that is not acted on."""
    if name not in OBJECTS:
        return ()
    payload_reader = PayloadReader(inner(payload, "data"), "data", [] if unknown is None else unknown)
    custom = payload_reader.below("custom_data")
    event = _PaddleEvent(
        name=name,
        told=payload_reader,
        digest=digest,
        signed=claim(custom.values, naming, PROVIDER, lambda: payload_reader.instant("created_at")).signed,
        address=customer_address(custom),
    )
    return (*_TRANSLATIONS[OBJECTS[name]](event), *known(event.address, event.stamp.at))


def _subscription(event: _PaddleEvent) -> tuple[ProviderFact, ...]:
    heard = EventHeader(
        stamp=event.stamp, signed=event.signed, locale=event.address.locale, timezone=event.address.timezone
    )
    return (subscription_seen(event.told, heard, event.name),)


def _transaction(event: _PaddleEvent) -> tuple[ProviderFact, ...]:
    """Read a transaction: an invoice of its subscription, or else a single sale."""
    if event.told.identifier("subscription_id") is None:
        sold = event.name == SINGLE_SALE and event.told.identifier("customer_id") is not None
        return (_sale(event),) if sold else ()
    invoice = _invoice(event.told, event.stamp, Provenance.WEBHOOK, _PAID_BY_NAME.get(event.name))
    match event.name:
        case "transaction.payment_failed" | "transaction.past_due":
            return (PaymentFailed(invoice=invoice, at=_failed_at(event)),)
        case "transaction.paid" | "transaction.completed":
            return (PaymentSucceeded(invoice=invoice, at=invoice.stamp.at),)
    return (invoice,)


def _invoiced(event: _PaddleEvent) -> tuple[ProviderFact, ...]:
    """Read an invoice's word about its transaction: it is the same money, with fewer fields than there."""
    told = event.told
    made = Stamp(at=told.instant("created_at") or event.stamp.at, digest=event.digest)
    document = {**told.values, "id": told.needed_identifier("transaction_id"), "status": None}
    said = _INVOICED_BY_NAME[event.name]
    invoice = _invoice(PayloadReader(document, told.path, told.unknown), made, Provenance.WEBHOOK, said)
    match event.name:
        case "invoice.overdue":
            return (PaymentFailed(invoice=invoice, at=event.stamp.at),)
        case "invoice.paid":
            return (PaymentSucceeded(invoice=invoice, at=event.stamp.at),)
    return (evolve(invoice, stamp=event.stamp),)


def _failed_at(event: _PaddleEvent) -> datetime:
    """Return the time of the last failed attempt, which several events carry: each attempt counts once."""
    attempts = [attempt for attempt in event.told.each("payments") if attempt.text("status") == "error"]
    failed = [at for attempt in attempts if (at := attempt.instant("created_at"))]
    return max(failed, default=event.stamp.at)


def looked_up_transaction(document: dict[str, Any]) -> ProviderFact:
    """Translate the `data` of the API's answer about one transaction."""
    payload_reader = PayloadReader(document, "data")
    digest = bodies.fingerprint((PROVIDER, document)).hex()
    stamp = Stamp(at=payload_reader.needed_instant("updated_at"), rank=LOOKED_UP, digest=digest)
    invoice = _invoice(payload_reader, stamp, Provenance.RECONCILED)
    if invoice.status is not InvoiceStatus.PAID:
        return invoice
    return PaymentSucceeded(invoice=invoice, at=stamp.at, provenance=Provenance.RECONCILED)


def _invoice(
    payload_reader: PayloadReader, stamp: Stamp, provenance: Provenance, said: InvoiceStatus | None = None
) -> InvoiceSeen:
    totals = payload_reader.below("details").below("totals")
    origin = payload_reader.values.get("origin")
    return InvoiceSeen(
        key=key(payload_reader.needed_identifier("id")),
        subscription=key(payload_reader.needed_identifier("subscription_id")),
        stamp=stamp,
        status=payload_reader.word("status", _TRANSACTIONS, said),
        reason=_REASONS.get(origin, BillingReason.UNKNOWN) if isinstance(origin, str) else BillingReason.UNKNOWN,
        currency=payload_reader.currency("currency_code"),
        total=_charged(totals),
        customer=key_if_any(payload_reader.identifier("customer_id")) or "",
        subtotal=totals.amount("subtotal"),
        discount=totals.amount("discount"),
        tax=totals.amount("tax"),
        created_at=payload_reader.instant("created_at"),
        provenance=provenance,
    )


def _charged(totals: PayloadReader) -> int:
    """Return the charged amount: the total less the credit that was used."""
    return totals.needed_amount("total" if totals.values.get("grand_total") is None else "grand_total")


def _sale(event: _PaddleEvent) -> OrderSeen:
    payload_reader, totals = event.told, event.told.below("details").below("totals")
    price = payload_reader.first("items").below("price")
    return OrderSeen(
        key=key(payload_reader.needed_identifier("id")),
        stamp=event.stamp,
        status=OrderStatus.PAID,
        customer=key_if_any(payload_reader.identifier("customer_id")) or "",
        currency=payload_reader.currency("currency_code"),
        total=_charged(totals),
        subtotal=totals.amount("subtotal"),
        discount=totals.amount("discount"),
        tax=totals.amount("tax"),
        variant=key_if_any(price.identifier("id")),
        created_at=payload_reader.instant("created_at"),
        signed=event.signed,
    )


def _adjustment(event: _PaddleEvent) -> tuple[ProviderFact, ...]:
    action, status = event.told.text("action"), event.told.text("status")
    if action in _CHARGEBACKS:
        return (_dispute(event, *_CHARGEBACKS[action], taken_back=status in _TAKEN_BACK),)
    return (refund_seen(event.told, event.stamp),) if action == "refund" else ()


def _dispute(event: _PaddleEvent, story: str, status: DisputeStatus, *, taken_back: bool) -> DisputeSeen:
    """Read a chargeback. Its time is its beginning: a later change of an old one is no news."""
    payload_reader = event.told
    payment = payload_reader.needed_identifier("transaction_id")
    made_at = payload_reader.instant("created_at") or event.stamp.at
    counts = DisputeStatus.WITHDRAWN if taken_back and status is not DisputeStatus.WON else status
    fee = payload_reader.below("payout_totals").below("chargeback_fee")
    fee_amount = fee.amount("amount") or None
    return DisputeSeen(
        key=key(f"{story}-{payment}"),
        stamp=Stamp(at=event.stamp.at if taken_back else made_at, rank=ranking.of_dispute(counts), digest=event.digest),
        status=counts,
        opened_at=made_at,
        amount=payload_reader.below("totals").needed_amount("total"),
        currency=payload_reader.currency("currency_code"),
        customer=key_if_any(payload_reader.identifier("customer_id")),
        order=key(payment),
        subscription=key_if_any(payload_reader.identifier("subscription_id")),
        payment=key(payment),
        fee=fee_amount,
        fee_currency=payload_reader.below("payout_totals").optional_currency("currency_code") if fee_amount else None,
        reason=payload_reader.text("reason") or "",
    )


def refund_seen(payload_reader: PayloadReader, stamp: Stamp) -> RefundSeen:
    """Read a refund with its own amount; one that is not approved does not count."""
    return RefundSeen(
        key=key(payload_reader.needed_identifier("id")),
        payment=key(payload_reader.needed_identifier("transaction_id")),
        stamp=stamp,
        amount=payload_reader.below("totals").needed_amount("total"),
        currency=payload_reader.currency("currency_code"),
        customer=key_if_any(payload_reader.identifier("customer_id")) or "",
        whole=_is_whole(payload_reader),
        counts=payload_reader.text("status") == "approved",
    )


def _is_whole(payload_reader: PayloadReader) -> bool:
    """Return whether everything went back: older payloads say so only item by item."""
    whole = payload_reader.text("type")
    items = payload_reader.each("items")
    return whole == "full" if whole else bool(items) and all(item.text("type") == "full" for item in items)


def _customer(event: _PaddleEvent) -> tuple[ProviderFact, ...]:
    """Read a customer: no other event of Paddle has the address."""
    payload_reader = event.told
    return (
        CustomerSeen(
            key=key(payload_reader.needed_identifier("id")),
            stamp=event.stamp,
            email=payload_reader.email("email"),
            name=payload_reader.text("name"),
        ),
    )


_TRANSLATIONS: Mapping[str, Callable[[_PaddleEvent], tuple[ProviderFact, ...]]] = {
    SUBSCRIPTION: _subscription,
    TRANSACTION: _transaction,
    ADJUSTMENT: _adjustment,
    CUSTOMER: _customer,
    INVOICE: _invoiced,
}
