"""The names of Lemon Squeezy's events and objects, and their ranks."""

from __future__ import annotations

from collections.abc import Mapping

from kulanz.providers.keys import Keys

PROVIDER = "lemonsqueezy"

SUBSCRIPTIONS = "subscriptions"
INVOICES = "subscription-invoices"
ORDERS = "orders"
LICENCES = "license-keys"
DISPUTES = "disputes"
CUSTOMERS = "customers"

OBJECTS: Mapping[str, str] = {
    "order_created": ORDERS,
    "order_refunded": ORDERS,
    "subscription_created": SUBSCRIPTIONS,
    "subscription_updated": SUBSCRIPTIONS,
    "subscription_plan_changed": SUBSCRIPTIONS,
    "subscription_cancelled": SUBSCRIPTIONS,
    "subscription_resumed": SUBSCRIPTIONS,
    "subscription_expired": SUBSCRIPTIONS,
    "subscription_paused": SUBSCRIPTIONS,
    "subscription_unpaused": SUBSCRIPTIONS,
    "subscription_payment_success": INVOICES,
    "subscription_payment_failed": INVOICES,
    "subscription_payment_recovered": INVOICES,
    "subscription_payment_refunded": INVOICES,
    "license_key_created": LICENCES,
    "license_key_updated": LICENCES,
    "dispute_created": DISPUTES,
    "dispute_updated": DISPUTES,
    "dispute_resolved": DISPUTES,
}
"""Every event that is acted on, with the type of the object it carries (`affiliate_activated` is left out)."""

LOOKED_UP = 3
"""An answer of the API outranks the catch-all events of its second, and yields to an event that names the change."""
SETTLED = 9
"""An answer asked for well after the object's last change is the newest snapshot of that second."""

RANKS: Mapping[str, int] = {
    "subscription_updated": 1,
    "subscription_plan_changed": 1,
    "subscription_created": 2,
    "subscription_unpaused": 4,
    "subscription_resumed": 5,
    "subscription_paused": 6,
    "subscription_cancelled": 7,
    "subscription_expired": 8,
    "subscription_payment_failed": 1,
    "subscription_payment_success": 2,
    "subscription_payment_recovered": 3,
    "subscription_payment_refunded": 4,
    "order_created": 1,
    "order_refunded": 2,
    "license_key_updated": 1,
    "license_key_created": 2,
}
"""Ranks of the events of one object and one second (DOMAIN section 2); disputes rank by their status."""
OUTRANKS_ITS_EQUALS = {"subscription_plan_changed": "~"}
"""Prefix of the digest of an event that says more than others of its rank: it sorts after every digit.

Ranks are stored with every snapshot, so there is no room for another one between `updated` and `created`.
"""

MAY_SETTLE = frozenset(
    {
        "subscription_created",
        "subscription_updated",
        "subscription_plan_changed",
        "subscription_resumed",
        "subscription_unpaused",
        "subscription_payment_success",
        "subscription_payment_recovered",
        "subscription_payment_refunded",
    }
)
"""Events that may report a payment or a recovery: one that is not applied holds dunning back (DOMAIN section 3)."""

_KEYS = Keys(PROVIDER)
key, key_if_any = _KEYS.key, _KEYS.key_if_any
binding, binding_if_any = _KEYS.binding, _KEYS.binding_if_any
