"""The names of Paddle Billing's events and objects, and their ranks."""

from __future__ import annotations

from collections.abc import Mapping

from kulanz.providers.keys import Keys

PROVIDER = "paddle"

SUBSCRIPTION = "subscription"
TRANSACTION = "transaction"
ADJUSTMENT = "adjustment"
CUSTOMER = "customer"
INVOICE = "invoice"

OBJECTS: Mapping[str, str] = {
    "subscription.created": SUBSCRIPTION,
    "subscription.imported": SUBSCRIPTION,
    "subscription.updated": SUBSCRIPTION,
    "subscription.activated": SUBSCRIPTION,
    "subscription.trialing": SUBSCRIPTION,
    "subscription.past_due": SUBSCRIPTION,
    "subscription.resumed": SUBSCRIPTION,
    "subscription.paused": SUBSCRIPTION,
    "subscription.canceled": SUBSCRIPTION,
    "transaction.payment_failed": TRANSACTION,
    "transaction.past_due": TRANSACTION,
    "transaction.paid": TRANSACTION,
    "transaction.completed": TRANSACTION,
    "transaction.canceled": TRANSACTION,
    "adjustment.created": ADJUSTMENT,
    "adjustment.updated": ADJUSTMENT,
    "customer.created": CUSTOMER,
    "customer.imported": CUSTOMER,
    "customer.updated": CUSTOMER,
    "invoice.overdue": INVOICE,
    "invoice.paid": INVOICE,
    "invoice.canceled": INVOICE,
}
"""Every event that is acted on, with the kind of object it carries."""

WARNINGS: Mapping[str, str] = {
    "api_key.expiring": "an API key of yours expires soon",
    "api_key.expired": "an API key of yours has expired",
    "api_key_exposure.created": "an API key of yours was found in public",
}
"""Events that concern no account, and that operators must see."""

NEEDED = (*(name for name, kind in OBJECTS.items() if kind != INVOICE), *WARNINGS)
"""The events to subscribe to: an invoice's events add nothing to its transaction's."""

LOOKED_UP = 3
"""An answer of the API outranks the catch-all events of its instant, and yields to one that names the change."""

RANKS: Mapping[str, int] = {
    "subscription.updated": 1,
    "subscription.created": 2,
    "subscription.imported": 2,
    "subscription.trialing": 4,
    "subscription.activated": 5,
    "subscription.past_due": 5,
    "subscription.resumed": 6,
    "subscription.paused": 7,
    "subscription.canceled": 8,
    "transaction.payment_failed": 1,
    "transaction.past_due": 2,
    "transaction.paid": 3,
    "transaction.completed": 4,
    "transaction.canceled": 5,
    "adjustment.created": 1,
    "adjustment.updated": 2,
    "customer.created": 1,
    "customer.imported": 1,
    "customer.updated": 2,
}
"""Ranks of the events of one object and one instant; chargebacks rank by their status."""

MAY_SETTLE = frozenset(
    {
        "subscription.created",
        "subscription.imported",
        "subscription.updated",
        "subscription.activated",
        "subscription.trialing",
        "subscription.resumed",
        "transaction.paid",
        "transaction.completed",
        "transaction.canceled",
        "invoice.paid",
        "invoice.canceled",
    }
)
"""Events that may report a payment or a recovery: one that is not applied holds dunning back (DOMAIN section 3)."""

_KEYS = Keys(PROVIDER)
key, key_if_any = _KEYS.key, _KEYS.key_if_any
binding, binding_if_any = _KEYS.binding, _KEYS.binding_if_any
