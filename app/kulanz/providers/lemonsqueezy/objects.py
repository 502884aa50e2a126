"""Lemon Squeezy's objects as snapshots in our words, whether an event carries them or the API answers with them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kulanz.policy.facts import (
    BillingReason,
    DisputeSeen,
    DisputeStatus,
    InvoiceSeen,
    InvoiceStatus,
    LicenceSeen,
    LicenceStatus,
    OrderSeen,
    OrderStatus,
    Provenance,
    Stamp,
    Status,
    SubscriptionSeen,
)
from kulanz.providers import ranking
from kulanz.providers.address import CustomerAddress
from kulanz.providers.lemonsqueezy.vocabulary import key, key_if_any
from kulanz.providers.plan_name import slug
from kulanz.providers.reading import PayloadReader, spelt

_STATUSES = spelt(Status)
_ORDERS = spelt(OrderStatus, partial_refunded=OrderStatus.PARTIAL_REFUND)
_INVOICES = spelt(InvoiceStatus, partial_refunded=InvoiceStatus.PARTIAL_REFUND, failed=InvoiceStatus.PENDING)
"""The two spellings on record; `failed` is no status of theirs, but some simulators write it."""
_REASONS = spelt(BillingReason)
_LICENCES = spelt(LicenceStatus)
_DISPUTES = spelt(DisputeStatus)
_PAUSES = {"void": "void", "free": "free"}
_SAID_BY_NAME: Mapping[str, Status] = {
    "subscription_cancelled": Status.CANCELLED,
    "subscription_expired": Status.EXPIRED,
    "subscription_paused": Status.PAUSED,
    "subscription_unpaused": Status.ACTIVE,
    "subscription_resumed": Status.ACTIVE,
}
"""The event's name decides about a subscription, over the status in the payload."""
_PAID_BY_NAME: Mapping[str, InvoiceStatus] = {
    "subscription_payment_failed": InvoiceStatus.PENDING,
    "subscription_payment_success": InvoiceStatus.PAID,
    "subscription_payment_recovered": InvoiceStatus.PAID,
}
_REFUNDS = frozenset({"subscription_payment_refunded", "order_refunded"})
_PERIOD_MATTERS = frozenset({Status.ON_TRIAL, Status.ACTIVE})
_END_MATTERS = frozenset({Status.CANCELLED, Status.EXPIRED})
_NOWHERE = CustomerAddress()


class Object(msgspec.Struct, frozen=True, kw_only=True):
    """An object as Lemon Squeezy writes it, with what is known from around it."""

    data: PayloadReader
    attributes: PayloadReader
    """Its attributes."""
    digest: str
    rank: int
    event: str = ""
    """The event that carried it, empty where the API answered with it."""
    signed: bool = False
    address: CustomerAddress = _NOWHERE
    provenance: Provenance = Provenance.WEBHOOK

    @property
    def key(self) -> str:
        """Its key among the facts."""
        return key(self.data.needed_identifier("id"))

    @property
    def stamp(self) -> Stamp:
        """Version of this snapshot among others of the object."""
        return Stamp(at=self.attributes.needed_instant("updated_at"), rank=self.rank, digest=self.digest)


def subscription(source: Object) -> SubscriptionSeen:
    """Read a subscription."""
    payload_reader = source.attributes
    status = payload_reader.word("status", _STATUSES, _SAID_BY_NAME.get(source.event))
    pause, variant = payload_reader.below("pause"), key_if_any(payload_reader.identifier("variant_id"))
    return SubscriptionSeen(
        key=source.key,
        stamp=source.stamp,
        status=status,
        customer=key_if_any(payload_reader.identifier("customer_id")) or "",
        variant=variant or "",
        product=slug(payload_reader.text("product_name"), payload_reader.identifier("product_id")) if variant else "",
        order=key_if_any(payload_reader.identifier("order_id")),
        email=payload_reader.email("user_email"),
        name=payload_reader.text("user_name"),
        renews_at=payload_reader.instant("renews_at", matters=status in _PERIOD_MATTERS),
        ends_at=payload_reader.instant("ends_at", matters=status in _END_MATTERS),
        trial_ends_at=payload_reader.instant("trial_ends_at", matters=status is Status.ON_TRIAL),
        pause_mode=_pause_mode(pause, status),
        pause_resumes_at=pause.instant("resumes_at"),
        quantity=_quantity(payload_reader.below("first_subscription_item")),
        created_at=payload_reader.instant("created_at"),
        signed=source.signed,
        locale=source.address.locale,
        timezone=source.address.timezone,
        provenance=source.provenance,
    )


def _pause_mode(pause: PayloadReader, status: Status) -> str | None:
    """Return how a pause treats access while it lasts; the customer keeps it where the word is unknown."""
    if pause.values.get("mode") is None:
        return None
    return pause.word("mode", _PAUSES, "free" if status is Status.PAUSED else "") or None


def _quantity(item: PayloadReader) -> int:
    quantity = item.values.get("quantity")
    return int(quantity) if isinstance(quantity, int) and 1 <= quantity <= 10**9 else 1


def invoice(source: Object) -> InvoiceSeen:
    """Read an invoice of a subscription."""
    payload_reader = source.attributes
    refunded = _refunded(source, fully=payload_reader.values.get("status") == InvoiceStatus.REFUNDED)
    status = payload_reader.word("status", _INVOICES, _invoice_status(source, refunded))
    return InvoiceSeen(
        key=source.key,
        subscription=key(payload_reader.needed_identifier("subscription_id")),
        stamp=source.stamp,
        status=status,
        reason=payload_reader.word("billing_reason", _REASONS, BillingReason.RENEWAL),
        currency=(currency := payload_reader.currency("currency")),
        total=payload_reader.needed_amount("total"),
        decimals=payload_reader.decimals("total", currency, "total_formatted"),
        customer=key_if_any(payload_reader.identifier("customer_id")) or "",
        subtotal=payload_reader.amount("subtotal"),
        discount=payload_reader.amount("discount_total"),
        tax=payload_reader.amount("tax"),
        refunded=refunded,
        created_at=payload_reader.instant("created_at"),
        email=payload_reader.email("user_email"),
        provenance=source.provenance,
    )


def _invoice_status(source: Object, refunded: int) -> InvoiceStatus | None:
    """Return the event's own status where the word is unknown."""
    if source.event not in _REFUNDS:
        return _PAID_BY_NAME.get(source.event)
    whole = refunded >= source.attributes.needed_amount("total")
    return InvoiceStatus.REFUNDED if whole else InvoiceStatus.PARTIAL_REFUND


def _order_status(source: Object, refunded: int) -> OrderStatus | None:
    if source.event not in _REFUNDS:
        return OrderStatus.PAID if source.event == "order_created" else None
    whole = refunded >= source.attributes.needed_amount("total")
    return OrderStatus.REFUNDED if whole else OrderStatus.PARTIAL_REFUND


def _refunded(source: Object, *, fully: bool) -> int:
    """Return the sum refunded so far: older payloads have no amount, only a flag that it was everything."""
    payload_reader = source.attributes
    if payload_reader.values.get("refunded_amount") is not None:
        needed = source.event in _REFUNDS or not source.event
        return payload_reader.stated_amount("refunded_amount") if needed else payload_reader.amount("refunded_amount")
    return payload_reader.needed_amount("total") if fully or payload_reader.flag("refunded") else 0


def order(source: Object) -> OrderSeen:
    """Read an order; its first item names the product."""
    payload_reader = source.attributes
    item = payload_reader.below("first_order_item")
    refunded = _refunded(source, fully=payload_reader.values.get("status") == OrderStatus.REFUNDED)
    status = payload_reader.word("status", _ORDERS, _order_status(source, refunded))
    product = item.text("product_name")
    return OrderSeen(
        key=source.key,
        stamp=source.stamp,
        status=status,
        customer=key_if_any(payload_reader.identifier("customer_id")) or "",
        currency=(currency := payload_reader.currency("currency")),
        total=payload_reader.needed_amount("total"),
        decimals=payload_reader.decimals("total", currency, "total_formatted"),
        subtotal=payload_reader.amount("subtotal"),
        discount=payload_reader.amount("discount_total"),
        tax=payload_reader.amount("tax"),
        setup_fee=payload_reader.amount("setup_fee"),
        refunded=refunded,
        variant=key_if_any(item.identifier("variant_id")),
        product=slug(product, item.identifier("product_id")) if product else None,
        email=payload_reader.email("user_email"),
        name=payload_reader.text("user_name"),
        created_at=payload_reader.instant("created_at"),
        signed=source.signed,
        provenance=source.provenance,
    )


def licence(source: Object) -> LicenceSeen:
    """Read a licence key, all but the key itself."""
    payload_reader = source.attributes
    activations = payload_reader.amount("instances_count")
    used = LicenceStatus.ACTIVE if activations else LicenceStatus.INACTIVE
    status = payload_reader.word("status", _LICENCES, used)
    limit = payload_reader.amount("activation_limit")
    return LicenceSeen(
        key=source.key,
        stamp=source.stamp,
        status=LicenceStatus.DISABLED if payload_reader.flag("disabled") else status,
        customer=key_if_any(payload_reader.identifier("customer_id")) or "",
        order=key_if_any(payload_reader.identifier("order_id")),
        product=key_if_any(payload_reader.identifier("product_id")),
        activations=activations,
        activation_limit=limit if limit > 0 else None,
        expires_at=payload_reader.instant("expires_at"),
        created_at=payload_reader.instant("created_at"),
        provenance=source.provenance,
    )


def dispute(source: Object) -> DisputeSeen:
    """Read our extension (CONTRACT section 3). The subject is needed: without one it could be about anything."""
    payload_reader = source.attributes
    named = [payload_reader.identifier(name) for name in ("customer_id", "order_id", "subscription_id")]
    opened = DisputeStatus.OPENED if source.event == "dispute_created" else None
    status = payload_reader.word("status", _DISPUTES, opened)
    at = payload_reader.needed_instant("updated_at")
    currency = payload_reader.currency("currency")
    fee = payload_reader.amount("fee") if payload_reader.values.get("fee") is not None else None
    return DisputeSeen(
        key=source.key,
        stamp=Stamp(at=at, rank=ranking.of_dispute(status), digest=source.digest),
        status=status,
        opened_at=payload_reader.instant("created_at", matters=True) or at,
        amount=payload_reader.needed_amount("amount"),
        currency=currency,
        customer=key_if_any(named[0] if any(named) else payload_reader.needed_identifier("customer_id")),
        order=key_if_any(payload_reader.identifier("order_id")),
        subscription=key_if_any(payload_reader.identifier("subscription_id")),
        fee=fee,
        fee_currency=currency if fee is not None else None,
        reason=payload_reader.text("reason") or "",
        signed=source.signed,
    )
