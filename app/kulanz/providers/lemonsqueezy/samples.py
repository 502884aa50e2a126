"""Sample deliveries as Lemon Squeezy makes them, to try Kulanz without a store; every value is invented."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from kulanz.providers.lemonsqueezy.vocabulary import DISPUTES, INVOICES, LICENCES, OBJECTS, ORDERS, SUBSCRIPTIONS
from kulanz.providers.signing import account_signature, lemonsqueezy_signature

Payload = dict[str, Any]
ABSENT: Final = object()
"""As the value of an override: leave the key out."""
_DELIVERIES = UUID("6f0c3a52-8a57-4d0b-9d3e-2f6f1f5f7b11")
_API, _SHOP = "https://api.lemonsqueezy.com/v1", "https://bakery.lemonsqueezy.com"

_AMOUNTS = frozenset({"subtotal", "discount_total", "tax", "total", "refunded_amount"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """A subscription with its buyer: what all its events have in common."""

    account: str | None = "org_42"
    """Written into custom data as `account_id`; None: the checkout names no account."""
    account_secret: str | None = None
    """Secret for the signature of the account's id, for merchants who trust no checkout link."""
    customer: int = 5120417
    subscription: int = 810233
    order: int = 640981
    invoice: int = 9900127
    licence: int = 770054
    dispute: int = 330019
    store: int = 58231
    product: int = 31007
    product_name: str = "Professional"
    variant: int = 47001
    buyer: str = "Änne Öztürk / Bäckerei"
    email: str = "anne@bakery.example"
    price: int = 4900
    taxes: int = 0
    """The tax in the price."""
    currency: str = "EUR"
    began: datetime = datetime(2026, 1, 1, 9, 30, tzinfo=UTC)
    period: timedelta = timedelta(days=30)
    test_mode: bool = False

    def renewal_after(self, at: datetime) -> datetime:
        """Return the end of the period that an instant falls into."""
        return self.began + self.period * ((at - self.began) // self.period + 1)


def event(
    name: str,
    purchase: Purchase,
    *,
    at: datetime,
    webhook_id: object = None,
    custom_data: object = None,
    **attributes: object,
) -> Payload:
    """Return one event's payload as of `at`.

    Any attribute can be given by its name (a datetime is written as the provider writes it), `id` is the object's own,
    and `custom_data` replaces that of the purchase. The delivery's id follows from the content unless it is given.
    """
    kind = OBJECTS.get(name, "affiliates")
    make, id_field = _KINDS[kind]
    own_id = str(attributes.pop("id", getattr(purchase, id_field)))
    document = _common(purchase, at) | make(name, purchase, at) | _shown(attributes) | attributes
    data = {"type": kind, "id": own_id, "attributes": _written(document), **_surroundings(kind, own_id)}
    custom = _custom_data(purchase) if custom_data is None else custom_data
    meta = {"test_mode": purchase.test_mode, "event_name": name, "custom_data": custom, "webhook_id": webhook_id}
    if webhook_id is None:
        meta["webhook_id"] = str(uuid5(_DELIVERIES, json.dumps([meta, data], default=str)))
    return {"meta": _written(meta), "data": data}


def wire(payload: object) -> bytes:
    r"""Return the bytes of PHP's `json_encode`: no spaces, `\/`, and `\uXXXX` for all that is not ASCII."""
    return json.dumps(payload, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def headers(body: bytes, secret: str, name: str) -> dict[str, str]:
    """Return the headers of a delivery: the signature is over the body, the event's name is not signed."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "LemonSqueezy-Hookshot",
        "X-Event-Name": name,
        "X-Signature": lemonsqueezy_signature(body, secret.encode()),
    }


def moment(at: datetime) -> str:
    """Return an instant as the provider writes it: UTC, whole seconds, six zeros."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def _written(values: Mapping[str, Any]) -> Payload:
    document = {key: value for key, value in values.items() if value is not ABSENT}
    return {key: moment(value) if isinstance(value, datetime) else value for key, value in document.items()}


def _custom_data(purchase: Purchase) -> object:
    if purchase.account is None:
        return ABSENT
    if purchase.account_secret is None:
        return {"account_id": purchase.account}
    signature = account_signature(purchase.account, purchase.account_secret)
    return {"account_id": purchase.account, "account_sig": signature}


def _common(purchase: Purchase, at: datetime) -> Payload:
    return {
        "store_id": purchase.store,
        "customer_id": purchase.customer,
        "user_name": purchase.buyer,
        "user_email": purchase.email,
        "created_at": at,
        "updated_at": at,
        "test_mode": purchase.test_mode,
    }


def _subscription(name: str, purchase: Purchase, at: datetime) -> Payload:
    renews_at = purchase.renewal_after(at)
    page = f"{_SHOP}/subscription/{purchase.subscription}/payment-details?expires=1&signature=invented"
    return {
        "order_id": purchase.order,
        "order_item_id": purchase.order + 1,
        "product_id": purchase.product,
        "variant_id": purchase.variant,
        "product_name": purchase.product_name,
        "variant_name": "Monthly",
        "status": "active",
        "status_formatted": "Active",
        "card_brand": "visa",
        "card_last_four": "4242",
        "payment_processor": "stripe",
        "pause": None,
        "cancelled": False,
        "trial_ends_at": None,
        "billing_anchor": purchase.began.day,
        "first_subscription_item": {
            "id": purchase.subscription + 1,
            "subscription_id": purchase.subscription,
            "price_id": purchase.variant + 1,
            "quantity": 1,
            "is_usage_based": False,
            "created_at": moment(purchase.began),
            "updated_at": moment(purchase.began),
        },
        "urls": {"update_payment_method": page, "customer_portal": f"{_SHOP}/billing?expires=1&signature=invented"},
        "renews_at": renews_at,
        "ends_at": None,
        "created_at": purchase.began,
        **_changed(name, at, renews_at),
    }


def _changed(name: str, at: datetime, renews_at: datetime) -> Payload:
    """Return the attributes that an event's name implies for the subscription."""
    changes: dict[str, Payload] = {
        "subscription_cancelled": {"status": "cancelled", "cancelled": True, "ends_at": renews_at},
        "subscription_expired": {"status": "expired", "ends_at": at},
        "subscription_paused": {"status": "paused", "pause": {"mode": "void", "resumes_at": None}},
    }
    return changes.get(name, {})


def _invoice(name: str, purchase: Purchase, _: datetime) -> Payload:
    refunded = name == "subscription_payment_refunded"
    status = {"subscription_payment_failed": "pending", "subscription_payment_refunded": "refunded"}.get(name, "paid")
    address = f"{_SHOP}/my-orders/invented/subscription-invoice/{purchase.invoice}?signature=invented"
    return {
        "subscription_id": purchase.subscription,
        "billing_reason": "renewal",
        "card_brand": "visa",
        "card_last_four": "4242",
        "status": status,
        "status_formatted": status.title(),
        **_money(purchase, refunded=refunded),
        "urls": {"invoice_url": None if status == "pending" else address},
    }


def _order(name: str, purchase: Purchase, at: datetime) -> Payload:
    refunded = name == "order_refunded"
    return {
        "identifier": str(uuid5(_DELIVERIES, str(purchase.order))),
        "order_number": purchase.order % 1000,
        "tax_name": "",
        "tax_rate": 0,
        "status": "refunded" if refunded else "paid",
        "status_formatted": "Refunded" if refunded else "Paid",
        **_money(purchase, refunded=refunded),
        "setup_fee": 0,
        "refunded_at": at if refunded else None,
        "first_order_item": {
            "id": purchase.order + 1,
            "order_id": purchase.order,
            "product_id": purchase.product,
            "variant_id": purchase.variant,
            "product_name": purchase.product_name,
            "variant_name": "Monthly",
            "price": purchase.price,
            "quantity": 1,
        },
        "urls": {"receipt": f"{_SHOP}/my-orders/invented?signature=invented"},
        "created_at": purchase.began,
    }


def _money(purchase: Purchase, *, refunded: bool) -> Payload:
    net = purchase.price - purchase.taxes
    amounts = {"subtotal": net, "discount_total": 0, "tax": purchase.taxes, "total": purchase.price}
    amounts["refunded_amount"] = purchase.price if refunded else 0
    in_dollars = {f"{key}_usd": cents for key, cents in amounts.items()}
    about = {"currency": purchase.currency, "currency_rate": "1.00000000", "tax_inclusive": True, "refunded": refunded}
    return about | amounts | in_dollars | _shown(amounts) | {"refunded_at": None}


def _shown(attributes: Mapping[str, object]) -> Payload:
    """Return an amount as the provider writes it for people."""
    amounts = {key: value for key, value in attributes.items() if key in _AMOUNTS and isinstance(value, int)}
    return {f"{key}_formatted": f"{'-' * (cents < 0)}€{abs(cents) / 100:,.2f}" for key, cents in amounts.items()}


def _licence(_: str, purchase: Purchase, __: datetime) -> Payload:
    return {
        "order_id": purchase.order,
        "order_item_id": purchase.order + 1,
        "product_id": purchase.product,
        "key": "INVENTED-0000-0000-0000-000000000000",
        "key_short": "XXXX-000000000000",
        "activation_limit": 3,
        "instances_count": None,
        "disabled": False,
        "status": "inactive",
        "status_formatted": "Inactive",
        "expires_at": None,
        "created_at": purchase.began,
    }


def _dispute(name: str, purchase: Purchase, _: datetime) -> Payload:
    return {
        "order_id": purchase.order,
        "subscription_id": purchase.subscription,
        "amount": purchase.price,
        "currency": purchase.currency,
        "fee": 1500,
        "reason": "fraudulent",
        "status": {"dispute_updated": "under_review", "dispute_resolved": "won"}.get(name, "opened"),
    }


def _affiliate(_: str, purchase: Purchase, __: datetime) -> Payload:
    return {"customer_id": ABSENT, "user_id": purchase.customer, "share_domain": "bakery.example", "status": "active"}


_KINDS: Mapping[str, tuple[Callable[[str, Purchase, datetime], Payload], str]] = {
    SUBSCRIPTIONS: (_subscription, "subscription"),
    INVOICES: (_invoice, "invoice"),
    ORDERS: (_order, "order"),
    LICENCES: (_licence, "licence"),
    DISPUTES: (_dispute, "dispute"),
    "affiliates": (_affiliate, "customer"),
}
"""The builder of each kind of object, and the field of a purchase with its id."""


def _surroundings(kind: str, own_id: str) -> Payload:
    place = f"{_API}/{kind}/{own_id}"
    neighbours = ("store", "customer", "order", "order-item", "product", "variant")
    related = {
        name: {"links": {"related": f"{place}/{name}", "self": f"{place}/relationships/{name}"}} for name in neighbours
    }
    return {"relationships": related, "links": {"self": place}}
