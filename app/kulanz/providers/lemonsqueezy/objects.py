"""Lemon Squeezy's objects as snapshots in our words, whether an event carries them or the API answers with them."""

from __future__ import annotations

import msgspec

from kulanz.errors import UntranslatableError
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
from kulanz.providers.reading import PayloadReader, shown

_ORDER_ALIASES = {"partial_refunded": OrderStatus.PARTIAL_REFUND}
_INVOICE_ALIASES = {"partial_refunded": InvoiceStatus.PARTIAL_REFUND, "failed": InvoiceStatus.PENDING}
"""The two spellings on record; `failed` is no status of theirs, but some simulators write it."""
_PERIOD_MATTERS = frozenset({Status.ON_TRIAL, Status.ACTIVE})
_END_MATTERS = frozenset({Status.CANCELLED, Status.EXPIRED})
_NOWHERE = CustomerAddress()


class Object(msgspec.Struct, frozen=True, kw_only=True):
    """One object as Lemon Squeezy writes it, and what is known from around it."""

    data: PayloadReader
    attributes: PayloadReader
    """What is told of it."""
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
        """How new this snapshot is among others of the object."""
        return Stamp(at=self.attributes.needed_instant("updated_at"), rank=self.rank, digest=self.digest)


def subscription(source: Object) -> SubscriptionSeen:
    """Read a subscription."""
    payload_reader = source.attributes
    status = payload_reader.word("status", Status)
    pause = payload_reader.below("pause")
    return SubscriptionSeen(
        key=source.key,
        stamp=source.stamp,
        status=status,
        customer=key(payload_reader.needed_identifier("customer_id")),
        variant=key(payload_reader.needed_identifier("variant_id")),
        product=slug(payload_reader.text("product_name"), payload_reader.identifier("product_id")),
        order=key_if_any(payload_reader.identifier("order_id")),
        email=payload_reader.email("user_email"),
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
    """Return how a pause treats access: it decides while the subscription is paused, and only then."""
    mode = pause.values.get("mode")
    if mode in ("void", "free"):
        return str(mode)
    if status is Status.PAUSED and mode is not None:
        raise UntranslatableError(f"{pause.path}.mode: expected one of void, free, found {shown(mode)}")
    return None


def _quantity(item: PayloadReader) -> int:
    quantity = item.values.get("quantity")
    return int(quantity) if isinstance(quantity, int) and 1 <= quantity <= 10**9 else 1


def invoice(source: Object) -> InvoiceSeen:
    """Read an invoice of a subscription."""
    payload_reader = source.attributes
    status = payload_reader.word("status", InvoiceStatus, _INVOICE_ALIASES)
    return InvoiceSeen(
        key=source.key,
        subscription=key(payload_reader.needed_identifier("subscription_id")),
        stamp=source.stamp,
        status=status,
        reason=payload_reader.word("billing_reason", BillingReason),
        currency=payload_reader.currency("currency"),
        total=payload_reader.needed_amount("total"),
        customer=key_if_any(payload_reader.identifier("customer_id")) or "",
        subtotal=payload_reader.amount("subtotal"),
        discount=payload_reader.amount("discount_total"),
        tax=payload_reader.amount("tax"),
        refunded=_refunded(payload_reader, fully=status is InvoiceStatus.REFUNDED),
        created_at=payload_reader.instant("created_at"),
        email=payload_reader.email("user_email"),
        provenance=source.provenance,
    )


def _refunded(payload_reader: PayloadReader, *, fully: bool) -> int:
    """Return all that was refunded so far: older payloads have no amount, only that it was everything."""
    if payload_reader.values.get("refunded_amount") is not None:
        return payload_reader.amount("refunded_amount")
    return payload_reader.needed_amount("total") if fully or payload_reader.flag("refunded") else 0


def order(source: Object) -> OrderSeen:
    """Read an order; its first item says what was bought."""
    payload_reader = source.attributes
    item = payload_reader.below("first_order_item")
    status = payload_reader.word("status", OrderStatus, _ORDER_ALIASES)
    product = item.text("product_name")
    return OrderSeen(
        key=source.key,
        stamp=source.stamp,
        status=status,
        customer=key(payload_reader.needed_identifier("customer_id")),
        currency=payload_reader.currency("currency"),
        total=payload_reader.needed_amount("total"),
        subtotal=payload_reader.amount("subtotal"),
        discount=payload_reader.amount("discount_total"),
        tax=payload_reader.amount("tax"),
        setup_fee=payload_reader.amount("setup_fee"),
        refunded=_refunded(payload_reader, fully=status is OrderStatus.REFUNDED),
        variant=key_if_any(item.identifier("variant_id")),
        product=slug(product, item.identifier("product_id")) if product else None,
        email=payload_reader.email("user_email"),
        created_at=payload_reader.instant("created_at"),
        signed=source.signed,
        provenance=source.provenance,
    )


def licence(source: Object) -> LicenceSeen:
    """Read a licence key, all but the key itself."""
    payload_reader = source.attributes
    status = payload_reader.word("status", LicenceStatus)
    limit = payload_reader.amount("activation_limit")
    return LicenceSeen(
        key=source.key,
        stamp=source.stamp,
        status=LicenceStatus.DISABLED if payload_reader.flag("disabled") else status,
        customer=key(payload_reader.needed_identifier("customer_id")),
        order=key_if_any(payload_reader.identifier("order_id")),
        product=key_if_any(payload_reader.identifier("product_id")),
        activations=payload_reader.amount("instances_count"),
        activation_limit=limit if limit > 0 else None,
        expires_at=payload_reader.instant("expires_at"),
        created_at=payload_reader.instant("created_at"),
        provenance=source.provenance,
    )


def dispute(source: Object) -> DisputeSeen:
    """Read our extension (CONTRACT section 3). The customer is needed: a dispute of nobody would reach everybody."""
    payload_reader = source.attributes
    status = payload_reader.word("status", DisputeStatus)
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
        customer=key(payload_reader.needed_identifier("customer_id")),
        order=key_if_any(payload_reader.identifier("order_id")),
        subscription=key_if_any(payload_reader.identifier("subscription_id")),
        fee=fee,
        fee_currency=currency if fee is not None else None,
        reason=payload_reader.text("reason") or "",
        signed=source.signed,
    )
