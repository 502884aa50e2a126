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
from kulanz.providers.address import Address
from kulanz.providers.lemonsqueezy.vocabulary import key, key_if_any
from kulanz.providers.plan_name import slug
from kulanz.providers.reading import Reading, shown

_ORDER_ALIASES = {"partial_refunded": OrderStatus.PARTIAL_REFUND}
_INVOICE_ALIASES = {"partial_refunded": InvoiceStatus.PARTIAL_REFUND, "failed": InvoiceStatus.PENDING}
"""The two spellings on record; `failed` is no status of theirs, but some simulators write it."""
_PERIOD_MATTERS = frozenset({Status.ON_TRIAL, Status.ACTIVE})
_END_MATTERS = frozenset({Status.CANCELLED, Status.EXPIRED})
_NOWHERE = Address()


class Object(msgspec.Struct, frozen=True, kw_only=True):
    """One object as Lemon Squeezy writes it, and what is known from around it."""

    data: Reading
    attributes: Reading
    """What is told of it."""
    digest: str
    rank: int
    event: str = ""
    """The event that carried it, empty where the API answered with it."""
    signed: bool = False
    address: Address = _NOWHERE
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
    told = source.attributes
    status = told.word("status", Status)
    pause = told.below("pause")
    return SubscriptionSeen(
        key=source.key,
        stamp=source.stamp,
        status=status,
        customer=key(told.needed_identifier("customer_id")),
        variant=key(told.needed_identifier("variant_id")),
        product=slug(told.text("product_name"), told.identifier("product_id")),
        order=key_if_any(told.identifier("order_id")),
        email=told.email("user_email"),
        renews_at=told.instant("renews_at", matters=status in _PERIOD_MATTERS),
        ends_at=told.instant("ends_at", matters=status in _END_MATTERS),
        trial_ends_at=told.instant("trial_ends_at", matters=status is Status.ON_TRIAL),
        pause_mode=_pause_mode(pause, status),
        pause_resumes_at=pause.instant("resumes_at"),
        quantity=_quantity(told.below("first_subscription_item")),
        created_at=told.instant("created_at"),
        signed=source.signed,
        locale=source.address.locale,
        timezone=source.address.timezone,
        provenance=source.provenance,
    )


def _pause_mode(pause: Reading, status: Status) -> str | None:
    """Return how a pause treats access: it decides while the subscription is paused, and only then."""
    mode = pause.values.get("mode")
    if mode in ("void", "free"):
        return str(mode)
    if status is Status.PAUSED and mode is not None:
        raise UntranslatableError(f"{pause.path}.mode: expected one of void, free, found {shown(mode)}")
    return None


def _quantity(item: Reading) -> int:
    quantity = item.values.get("quantity")
    return int(quantity) if isinstance(quantity, int) and 1 <= quantity <= 10**9 else 1


def invoice(source: Object) -> InvoiceSeen:
    """Read an invoice of a subscription."""
    told = source.attributes
    status = told.word("status", InvoiceStatus, _INVOICE_ALIASES)
    return InvoiceSeen(
        key=source.key,
        subscription=key(told.needed_identifier("subscription_id")),
        stamp=source.stamp,
        status=status,
        reason=told.word("billing_reason", BillingReason),
        currency=told.currency("currency"),
        total=told.needed_amount("total"),
        customer=key_if_any(told.identifier("customer_id")) or "",
        subtotal=told.amount("subtotal"),
        discount=told.amount("discount_total"),
        tax=told.amount("tax"),
        refunded=_refunded(told, fully=status is InvoiceStatus.REFUNDED),
        created_at=told.instant("created_at"),
        email=told.email("user_email"),
        provenance=source.provenance,
    )


def _refunded(told: Reading, *, fully: bool) -> int:
    """Return all that was refunded so far: older payloads have no amount, only that it was everything."""
    if told.values.get("refunded_amount") is not None:
        return told.amount("refunded_amount")
    return told.needed_amount("total") if fully or told.flag("refunded") else 0


def order(source: Object) -> OrderSeen:
    """Read an order; its first item says what was bought."""
    told = source.attributes
    item = told.below("first_order_item")
    status = told.word("status", OrderStatus, _ORDER_ALIASES)
    product = item.text("product_name")
    return OrderSeen(
        key=source.key,
        stamp=source.stamp,
        status=status,
        customer=key(told.needed_identifier("customer_id")),
        currency=told.currency("currency"),
        total=told.needed_amount("total"),
        subtotal=told.amount("subtotal"),
        discount=told.amount("discount_total"),
        tax=told.amount("tax"),
        setup_fee=told.amount("setup_fee"),
        refunded=_refunded(told, fully=status is OrderStatus.REFUNDED),
        variant=key_if_any(item.identifier("variant_id")),
        product=slug(product, item.identifier("product_id")) if product else None,
        email=told.email("user_email"),
        created_at=told.instant("created_at"),
        signed=source.signed,
        provenance=source.provenance,
    )


def licence(source: Object) -> LicenceSeen:
    """Read a licence key, all but the key itself."""
    told = source.attributes
    status = told.word("status", LicenceStatus)
    limit = told.amount("activation_limit")
    return LicenceSeen(
        key=source.key,
        stamp=source.stamp,
        status=LicenceStatus.DISABLED if told.flag("disabled") else status,
        customer=key(told.needed_identifier("customer_id")),
        order=key_if_any(told.identifier("order_id")),
        product=key_if_any(told.identifier("product_id")),
        activations=told.amount("instances_count"),
        activation_limit=limit if limit > 0 else None,
        expires_at=told.instant("expires_at"),
        created_at=told.instant("created_at"),
        provenance=source.provenance,
    )


def dispute(source: Object) -> DisputeSeen:
    """Read our extension (CONTRACT section 3). The customer is needed: a dispute of nobody would reach everybody."""
    told = source.attributes
    status = told.word("status", DisputeStatus)
    at = told.needed_instant("updated_at")
    currency = told.currency("currency")
    fee = told.amount("fee") if told.values.get("fee") is not None else None
    return DisputeSeen(
        key=source.key,
        stamp=Stamp(at=at, rank=ranking.of_dispute(status), digest=source.digest),
        status=status,
        opened_at=told.instant("created_at", matters=True) or at,
        amount=told.needed_amount("amount"),
        currency=currency,
        customer=key(told.needed_identifier("customer_id")),
        order=key_if_any(told.identifier("order_id")),
        subscription=key_if_any(told.identifier("subscription_id")),
        fee=fee,
        fee_currency=currency if fee is not None else None,
        reason=told.text("reason") or "",
        signed=source.signed,
    )
