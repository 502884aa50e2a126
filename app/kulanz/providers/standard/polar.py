"""Polar's vocabulary: subscriptions, orders, and refunds because of a dispute."""

from __future__ import annotations

from datetime import datetime

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
    PaymentRefunded,
    PaymentSucceeded,
    ProviderFact,
    Stamp,
    Status,
    SubscribedItem,
    SubscriptionSeen,
)
from kulanz.providers import ranking
from kulanz.providers.event_header import quantity
from kulanz.providers.plan_name import slug
from kulanz.providers.reading import PayloadReader
from kulanz.providers.standard.sender import StandardEvent
from kulanz.providers.standard.vocabulary import key, key_if_any
from kulanz.providers.statuses import STATUSES

_SAID_BY_NAME = {
    "subscription.active": Status.ACTIVE,
    "subscription.past_due": Status.PAST_DUE,
    "subscription.canceled": Status.CANCELLED,
    "subscription.uncanceled": Status.ACTIVE,
    "subscription.revoked": Status.EXPIRED,
    "subscription.paused": Status.PAUSED,
    "subscription.resumed": Status.ACTIVE,
}
"""A cancellation is planned for later; a revoked subscription has ended."""
_RUNS = frozenset({Status.ON_TRIAL, Status.ACTIVE, Status.PAST_DUE, Status.UNPAID})
_REASONS = {
    "purchase": BillingReason.INITIAL,
    "subscription_create": BillingReason.INITIAL,
    "subscription_cycle": BillingReason.RENEWAL,
    "subscription_meter_cycle": BillingReason.RENEWAL,
    "subscription_update": BillingReason.UPDATED,
}
_INVOICES = {
    "draft": InvoiceStatus.PENDING,
    "pending": InvoiceStatus.PENDING,
    "paid": InvoiceStatus.PAID,
    "void": InvoiceStatus.VOID,
    "refunded": InvoiceStatus.REFUNDED,
    "partially_refunded": InvoiceStatus.PARTIAL_REFUND,
}
_ORDERS = {
    "draft": OrderStatus.PENDING,
    "pending": OrderStatus.PENDING,
    "paid": OrderStatus.PAID,
    "refunded": OrderStatus.REFUNDED,
    "partially_refunded": OrderStatus.PARTIAL_REFUND,
    "void": OrderStatus.FAILED,
}
_DISPUTES = {
    "early_warning": DisputeStatus.INQUIRY,
    "needs_response": DisputeStatus.OPENED,
    "under_review": DisputeStatus.UNDER_REVIEW,
    "won": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
    "prevented": DisputeStatus.PREVENTED,
}


def subscription(event: StandardEvent) -> tuple[ProviderFact, ...]:
    """Read one subscription: a cancelled one runs to the end of its period."""
    payload_reader, product, customer = event.told, event.told.below("product"), event.told.below("customer")
    status = payload_reader.word("status", STATUSES, _SAID_BY_NAME.get(event.name))
    later = status in _RUNS and payload_reader.flag("cancel_at_period_end")
    cancelled = later or status is Status.CANCELLED
    variant = key_if_any(payload_reader.identifier("product_id"))
    return (
        SubscriptionSeen(
            key=key(payload_reader.needed_identifier("id")),
            stamp=event.heard.stamp,
            status=Status.CANCELLED if cancelled else status,
            customer=key_if_any(payload_reader.identifier("customer_id")) or "",
            variant=variant or "",
            product=slug(product.text("name"), payload_reader.identifier("product_id")) if variant else "",
            email=customer.email("email"),
            name=customer.text("name"),
            renews_at=payload_reader.instant("current_period_end"),
            ends_at=_ends_at(payload_reader, cancelled=cancelled),
            trial_ends_at=payload_reader.instant("trial_end"),
            pause_mode="void" if status is Status.PAUSED else None,
            pause_resumes_at=payload_reader.instant("resumes_at"),
            pauses_at=_pauses_at(payload_reader) if status in _RUNS else None,
            changes_at=payload_reader.below("pending_update").instant("applies_at"),
            changes_to=_planned(payload_reader),
            quantity=quantity(payload_reader, "seats"),
            created_at=payload_reader.instant("created_at"),
            signed=event.signed,
            locale=event.heard.locale,
            timezone=event.heard.timezone,
        ),
    )


def order(event: StandardEvent) -> tuple[ProviderFact, ...]:
    """Read an order: an invoice of its subscription, or else a single sale."""
    if event.told.identifier("subscription_id") is None:
        return (_sale(event),)
    invoice = _invoice(event)
    if event.name == "order.paid":
        return (PaymentSucceeded(invoice=invoice, at=event.at),)
    if invoice.refunded:
        return (PaymentRefunded(invoice=invoice, at=event.at),)
    # Polar has no event for a charge that failed: a date for the next attempt stands for it.
    failed = invoice.status is InvoiceStatus.PENDING and event.told.instant("next_payment_attempt_at")
    return (PaymentFailed(invoice=invoice, at=event.at),) if failed else (invoice,)


def refund(event: StandardEvent) -> tuple[ProviderFact, ...]:
    """Read the dispute that was behind a refund; the order reports the money itself."""
    payload_reader, dispute = event.told, event.told.below("dispute")
    if not dispute.values:
        return ()
    status = dispute.word("status", _DISPUTES)
    payment = key(payload_reader.needed_identifier("order_id"))
    subscribed = payload_reader.identifier("subscription_id")
    seen = DisputeSeen(
        key=key(dispute.needed_identifier("id")),
        stamp=Stamp(at=event.at, rank=ranking.of_dispute(status), digest=event.digest),
        status=status,
        opened_at=dispute.instant("created_at") or event.at,
        amount=dispute.needed_amount("amount") + dispute.amount("tax_amount"),
        currency=payload_reader.currency("currency"),
        customer=key_if_any(payload_reader.identifier("customer_id")),
        order=payment,
        subscription=key(subscribed) if subscribed else None,
        payment=payment,
        reason=payload_reader.text("reason") or "",
        answer_by=dispute.instant("evidence_due_by"),
        answered=status is DisputeStatus.UNDER_REVIEW,
    )
    return (seen,)


def customer(event: StandardEvent) -> tuple[ProviderFact, ...]:
    """Read a customer: only this event reports a changed address before the next renewal."""
    payload_reader = event.told
    own_key = key(payload_reader.needed_identifier("id"))
    name = payload_reader.text("name")
    return (CustomerSeen(key=own_key, stamp=event.stamp, email=payload_reader.email("email"), name=name),)


def _ends_at(payload_reader: PayloadReader, *, cancelled: bool) -> datetime | None:
    ended = payload_reader.instant("ended_at") or payload_reader.instant("ends_at")
    return ended or (payload_reader.instant("current_period_end") if cancelled else None)


def _pauses_at(payload_reader: PayloadReader) -> datetime | None:
    return payload_reader.instant("current_period_end") if payload_reader.flag("pause_at_period_end") else None


def _planned(payload_reader: PayloadReader) -> tuple[SubscribedItem, ...]:
    """Return the target of a planned change; a field that it leaves out stays the same."""
    change = payload_reader.below("pending_update")
    product = change.identifier("product_id") or payload_reader.identifier("product_id")
    if not change.values or product is None:
        return ()
    seats = quantity(change if change.values.get("seats") else payload_reader, "seats")
    return (SubscribedItem(variant=key(product), product=slug(None, product), quantity=seats),)


def _invoice(event: StandardEvent) -> InvoiceSeen:
    payload_reader = event.told
    return InvoiceSeen(
        key=key(payload_reader.needed_identifier("id")),
        subscription=key(payload_reader.needed_identifier("subscription_id")),
        stamp=event.stamp,
        status=payload_reader.word("status", _INVOICES, _invoice_status(event)),
        reason=payload_reader.word("billing_reason", _REASONS, BillingReason.RENEWAL),
        currency=payload_reader.currency("currency"),
        total=payload_reader.needed_amount("total_amount"),
        customer=key_if_any(payload_reader.identifier("customer_id")) or "",
        subtotal=payload_reader.amount("subtotal_amount"),
        discount=payload_reader.amount("discount_amount"),
        tax=payload_reader.amount("tax_amount"),
        refunded=_refunded(event),
        created_at=payload_reader.instant("created_at"),
        email=payload_reader.below("customer").email("email"),
    )


def _invoice_status(event: StandardEvent) -> InvoiceStatus | None:
    """Return the status by an order's event where the word is unknown."""
    if event.name == "order.refunded":
        return InvoiceStatus.REFUNDED if _went_back_whole(event) else InvoiceStatus.PARTIAL_REFUND
    return InvoiceStatus.PAID if event.name == "order.paid" else None


def _order_status(event: StandardEvent) -> OrderStatus | None:
    if event.name == "order.refunded":
        return OrderStatus.REFUNDED if _went_back_whole(event) else OrderStatus.PARTIAL_REFUND
    return OrderStatus.PAID if event.name == "order.paid" else None


def _went_back_whole(event: StandardEvent) -> bool:
    return _refunded(event) >= event.told.needed_amount("total_amount")


def _sale(event: StandardEvent) -> OrderSeen:
    payload_reader, product = event.told, event.told.below("product")
    sold = payload_reader.identifier("product_id")
    return OrderSeen(
        key=key(payload_reader.needed_identifier("id")),
        stamp=event.stamp,
        status=payload_reader.word("status", _ORDERS, _order_status(event)),
        customer=key_if_any(payload_reader.identifier("customer_id")) or "",
        currency=payload_reader.currency("currency"),
        total=payload_reader.needed_amount("total_amount"),
        subtotal=payload_reader.amount("subtotal_amount"),
        discount=payload_reader.amount("discount_amount"),
        tax=payload_reader.amount("tax_amount"),
        refunded=_refunded(event),
        variant=key(sold) if sold else None,
        product=slug(product.text("name"), sold) if product.values else None,
        email=payload_reader.below("customer").email("email"),
        name=payload_reader.below("customer").text("name"),
        created_at=payload_reader.instant("created_at"),
        signed=event.signed,
    )


def _refunded(event: StandardEvent) -> int:
    """Return the sum refunded so far, which only an event about a refund needs; Polar counts the tax apart."""
    read = event.told.stated_amount if event.name == "order.refunded" else event.told.amount
    return read("refunded_amount") + read("refunded_tax_amount")
