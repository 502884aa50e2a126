"""Lemon Squeezy's deliveries for tests: a builder for each event, the bytes of the wire, and the signature.

Every builder takes `at`, the fields of a `Purchase` (`account`, `customer`, `subscription`, `invoice`, …, or a whole
`purchase`), `id`, `webhook_id`, `custom_data`, and any attribute of the object by its name (`ABSENT` leaves it out):

    subscription_payment_failed(at=MONDAY, account="org_42", total=0, card_brand=None)
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from kulanz.providers.lemonsqueezy.samples import ABSENT, Payload, Purchase, event, headers, moment, wire
from kulanz.providers.signing import account_signature, lemonsqueezy_signature

__all__ = [
    "ABSENT",
    "EVENTS",
    "MONDAY",
    "Payload",
    "Purchase",
    "account_signature",
    "headers",
    "moment",
    "sign",
    "wire",
]

SECRET = "a-secret-of-the-shop"
MONDAY = datetime(2026, 3, 2, 14, 8, 20, tzinfo=UTC)
_PURCHASE_FIELDS = frozenset(field.name for field in fields(Purchase))


class Builder(Protocol):
    """Makes the payload of one kind of event."""

    def __call__(self, **told: Any) -> Payload: ...


def build(name: str, *, at: datetime = MONDAY, purchase: Purchase = Purchase(), **told: Any) -> Payload:  # noqa: B008
    """The payload of an event of any name, known or not."""
    bought = {key: told.pop(key) for key in _PURCHASE_FIELDS & told.keys()}
    return event(name, replace(purchase, **bought), at=at, **told)


def a_buyer(number: int, *, began: datetime, account: str | None = None, first: int | None = None) -> Purchase:
    """One of many purchases; the provider has five numbers in a row for it, from 100 times `number` by default."""
    own = 100 * number if first is None else first
    return Purchase(
        account=account or f"org_{number}",
        email=f"buyer{number}@shop.example",
        began=began,
        customer=own,
        subscription=own + 1,
        order=own + 2,
        invoice=own + 3,
        dispute=own + 4,
    )


def sign(body: bytes, secret: str | bytes = SECRET) -> str:
    """What stands in `X-Signature`."""
    return lemonsqueezy_signature(body, secret.encode() if isinstance(secret, str) else secret)


def delivery(payload: Payload, secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
    """The body of a payload, and the headers that come with it."""
    body = wire(payload)
    return body, headers(body, secret, payload["meta"]["event_name"])


order_created: Builder = partial(build, "order_created")
order_refunded: Builder = partial(build, "order_refunded")
subscription_created: Builder = partial(build, "subscription_created")
subscription_updated: Builder = partial(build, "subscription_updated")
subscription_cancelled: Builder = partial(build, "subscription_cancelled")
subscription_resumed: Builder = partial(build, "subscription_resumed")
subscription_expired: Builder = partial(build, "subscription_expired")
subscription_paused: Builder = partial(build, "subscription_paused")
subscription_unpaused: Builder = partial(build, "subscription_unpaused")
subscription_payment_success: Builder = partial(build, "subscription_payment_success")
subscription_payment_failed: Builder = partial(build, "subscription_payment_failed")
subscription_payment_recovered: Builder = partial(build, "subscription_payment_recovered")
subscription_payment_refunded: Builder = partial(build, "subscription_payment_refunded")
license_key_created: Builder = partial(build, "license_key_created")
license_key_updated: Builder = partial(build, "license_key_updated")
affiliate_activated: Builder = partial(build, "affiliate_activated")
dispute_created: Builder = partial(build, "dispute_created")
dispute_updated: Builder = partial(build, "dispute_updated")
dispute_resolved: Builder = partial(build, "dispute_resolved")

EVENTS: dict[str, Builder] = {
    maker.args[0]: maker for maker in list(globals().values()) if isinstance(maker, partial) and maker.func is build
}
"""Every builder by its event's name: the sixteen of Lemon Squeezy and the three of the dispute extension."""
