"""What happened, in our words: one snapshot or payment from each event."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from unicodedata import normalize

from app.errors import UntranslatableError
from app.policy.facts import (
    AddressKnown,
    BillingReason,
    DisputeSeen,
    DisputeStatus,
    InvoiceSeen,
    InvoiceStatus,
    LicenceSeen,
    LicenceStatus,
    OrderSeen,
    OrderStatus,
    PaymentFailed,
    PaymentRefunded,
    PaymentSucceeded,
    Provenance,
    ProviderFact,
    Stamp,
    Status,
    SubscriptionSeen,
)
from app.providers.address import Address, address
from app.providers.lemonsqueezy.envelope import digest as digest_of
from app.providers.lemonsqueezy.vocabulary import (
    DISPUTES,
    INVOICES,
    LICENCES,
    LOOKED_UP,
    OBJECTS,
    ORDERS,
    RANKS,
    SUBSCRIPTIONS,
    key,
)
from app.providers.naming import Naming, claim
from app.providers.reading import Reading, shown

_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_ORDER_ALIASES = {"partial_refunded": OrderStatus.PARTIAL_REFUND}
_INVOICE_ALIASES = {"partial_refunded": InvoiceStatus.PARTIAL_REFUND, "failed": InvoiceStatus.PENDING}
"""The two spellings on record; `failed` is no status of theirs, but some simulators write it."""
_PERIOD_MATTERS = frozenset({Status.ON_TRIAL, Status.ACTIVE})
_END_MATTERS = frozenset({Status.CANCELLED, Status.EXPIRED})
_DISPUTE_RANKS = {DisputeStatus.INQUIRY: 1, DisputeStatus.OPENED: 2, DisputeStatus.UNDER_REVIEW: 3}
_FINAL_RANK = 4
_NOWHERE = Address()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Object:
    """The object that an event carries, and what the event around it says."""

    event: str
    data: Reading
    digest: str
    rank: int
    signed: bool = False
    address: Address = _NOWHERE
    provenance: Provenance = Provenance.WEBHOOK

    @property
    def key(self) -> str:
        return key(self.data.needed_identifier("id"))

    @property
    def attributes(self) -> Reading:
        return self.data.below("attributes")

    @property
    def stamp(self) -> Stamp:
        return Stamp(at=self.attributes.needed_instant("updated_at"), rank=self.rank, digest=self.digest)


def translate(name: str, payload: Mapping[str, Any], digest: str, naming: Naming) -> tuple[ProviderFact, ...]:
    """Say what happened; nothing for a kind nobody acts on."""
    if name not in OBJECTS:
        return ()
    document = Reading(payload, "payload")
    data = Reading(document.below("data").values, "data")
    kind = data.values.get("type")
    if kind != OBJECTS[name]:
        raise UntranslatableError(f"data.type: expected {OBJECTS[name]} in {name}, found {shown(kind)}")
    custom = document.below("meta").below("custom_data")
    source = _Object(
        event=name,
        data=data,
        digest=digest,
        rank=RANKS.get(name, 0),
        signed=claim(custom.values, naming).signed,
        address=address(custom),
    )
    return (_TRANSLATIONS[OBJECTS[name]](source), *_known_address(source))


def looked_up(data: dict[str, Any]) -> SubscriptionSeen:
    """Translate the `data` of the API's answer about one subscription."""
    source = Reading(data, "data")
    if data.get("type") != SUBSCRIPTIONS:
        raise UntranslatableError(f"data.type: expected {SUBSCRIPTIONS}, found {shown(data.get('type'))}")
    return _subscription(
        _Object(event="", data=source, digest=digest_of(data), rank=LOOKED_UP, provenance=Provenance.RECONCILED)
    )


def _subscription(source: _Object) -> SubscriptionSeen:
    told = source.attributes
    status = told.word("status", Status)
    pause = told.below("pause")
    return SubscriptionSeen(
        key=source.key,
        stamp=source.stamp,
        status=status,
        customer=key(told.needed_identifier("customer_id")),
        variant=key(told.needed_identifier("variant_id")),
        product=_slug(told.text("product_name"), told.identifier("product_id")),
        order=_key(told.identifier("order_id")),
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


def _invoice(source: _Object) -> InvoiceSeen:
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
        customer=_key(told.identifier("customer_id")) or "",
        subtotal=told.amount("subtotal"),
        discount=told.amount("discount_total"),
        tax=told.amount("tax"),
        refunded=_refunded(told, fully=status is InvoiceStatus.REFUNDED),
        created_at=told.instant("created_at"),
        email=told.email("user_email"),
    )


def _payment(source: _Object) -> PaymentFailed | PaymentSucceeded | PaymentRefunded:
    invoice = _invoice(source)
    return _PAYMENTS[source.event](invoice=invoice, at=invoice.stamp.at)


def _refunded(told: Reading, *, fully: bool) -> int:
    """Return all that was refunded so far: older payloads have no amount, only that it was everything."""
    if told.values.get("refunded_amount") is not None:
        return told.amount("refunded_amount")
    return told.needed_amount("total") if fully or told.flag("refunded") else 0


def _order(source: _Object) -> OrderSeen:
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
        variant=_key(item.identifier("variant_id")),
        product=_slug(product, item.identifier("product_id")) if product else None,
        email=told.email("user_email"),
        created_at=told.instant("created_at"),
        signed=source.signed,
    )


def _licence(source: _Object) -> LicenceSeen:
    told = source.attributes
    status = told.word("status", LicenceStatus)
    limit = told.amount("activation_limit")
    return LicenceSeen(
        key=source.key,
        stamp=source.stamp,
        status=LicenceStatus.DISABLED if told.flag("disabled") else status,
        customer=key(told.needed_identifier("customer_id")),
        order=_key(told.identifier("order_id")),
        product=_key(told.identifier("product_id")),
        activations=told.amount("instances_count"),
        activation_limit=limit if limit > 0 else None,
        expires_at=told.instant("expires_at"),
        created_at=told.instant("created_at"),
    )


def _dispute(source: _Object) -> DisputeSeen:
    """Read our extension (CONTRACT section 3). The customer is needed: a dispute of nobody would reach everybody."""
    told = source.attributes
    status = told.word("status", DisputeStatus)
    at = told.needed_instant("updated_at")
    currency = told.currency("currency")
    fee = told.amount("fee") if told.values.get("fee") is not None else None
    return DisputeSeen(
        key=source.key,
        stamp=Stamp(at=at, rank=_DISPUTE_RANKS.get(status, _FINAL_RANK), digest=source.digest),
        status=status,
        opened_at=told.instant("created_at", matters=True) or at,
        amount=told.needed_amount("amount"),
        currency=currency,
        customer=key(told.needed_identifier("customer_id")),
        order=_key(told.identifier("order_id")),
        subscription=_key(told.identifier("subscription_id")),
        fee=fee,
        fee_currency=currency if fee is not None else None,
        reason=told.text("reason") or "",
        signed=source.signed,
    )


def _known_address(source: _Object) -> tuple[AddressKnown, ...]:
    """Add the country, which no snapshot carries, where custom data names one."""
    told = source.address
    if told.country is None:
        return ()
    at = source.attributes.needed_instant("updated_at")
    return (AddressKnown(at=at, locale=told.locale, timezone=told.timezone, country=told.country),)


def _slug(name: str | None, product: str | None) -> str:
    """Return the plan's name where the catalogue knows no better: never empty, and never the free plan's."""
    ascii_only = normalize("NFKD", (name or "").lower().translate(_UMLAUTS)).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")
    return slug if slug not in {"", "free"} else f"product-{product or 'unnamed'}"


def _key(identifier: str | None) -> str | None:
    return key(identifier) if identifier else None


_PAYMENTS: Mapping[str, type[PaymentFailed | PaymentSucceeded | PaymentRefunded]] = {
    "subscription_payment_failed": PaymentFailed,
    "subscription_payment_success": PaymentSucceeded,
    "subscription_payment_recovered": PaymentSucceeded,
    "subscription_payment_refunded": PaymentRefunded,
}
_TRANSLATIONS: Mapping[str, Callable[[_Object], ProviderFact]] = {
    SUBSCRIPTIONS: _subscription,
    INVOICES: _payment,
    ORDERS: _order,
    LICENCES: _licence,
    DISPUTES: _dispute,
}
