"""The events of senders of Standard Webhooks, and their ranks: Polar's and Dodo's."""

from __future__ import annotations

from collections.abc import Mapping

from kulanz.providers.keys import Keys

PROVIDER = "standard"

SUBSCRIPTION = "subscription"
PAYMENT = "payment"
REFUND = "refund"
DISPUTE = "dispute"
CUSTOMER = "customer"

POLAR: Mapping[str, str] = {
    "subscription.created": SUBSCRIPTION,
    "subscription.updated": SUBSCRIPTION,
    "subscription.active": SUBSCRIPTION,
    "subscription.past_due": SUBSCRIPTION,
    "subscription.canceled": SUBSCRIPTION,
    "subscription.uncanceled": SUBSCRIPTION,
    "subscription.revoked": SUBSCRIPTION,
    "subscription.paused": SUBSCRIPTION,
    "subscription.resumed": SUBSCRIPTION,
    "subscription.cycled": SUBSCRIPTION,
    "subscription.migrated": SUBSCRIPTION,
    "order.created": PAYMENT,
    "order.updated": PAYMENT,
    "order.paid": PAYMENT,
    "order.refunded": PAYMENT,
    "refund.created": REFUND,
    "refund.updated": REFUND,
    "customer.created": CUSTOMER,
    "customer.updated": CUSTOMER,
}
"""Every event of Polar that is acted on, with the kind of object it carries."""

DODO: Mapping[str, str] = {
    "subscription.active": SUBSCRIPTION,
    "subscription.updated": SUBSCRIPTION,
    "subscription.on_hold": SUBSCRIPTION,
    "subscription.past_due": SUBSCRIPTION,
    "subscription.renewed": SUBSCRIPTION,
    "subscription.unpaused": SUBSCRIPTION,
    "subscription.plan_changed": SUBSCRIPTION,
    "subscription.paused": SUBSCRIPTION,
    "subscription.cancelled": SUBSCRIPTION,
    "subscription.failed": SUBSCRIPTION,
    "subscription.expired": SUBSCRIPTION,
    "payment.succeeded": PAYMENT,
    "payment.failed": PAYMENT,
    "refund.succeeded": REFUND,
    "dispute.opened": DISPUTE,
    "dispute.expired": DISPUTE,
    "dispute.accepted": DISPUTE,
    "dispute.cancelled": DISPUTE,
    "dispute.challenged": DISPUTE,
    "dispute.won": DISPUTE,
    "dispute.lost": DISPUTE,
}
"""Every event of Dodo that is acted on, with the kind of object it carries."""

RANKS: Mapping[str, int] = {
    "subscription.updated": 1,
    "subscription.created": 2,
    "subscription.plan_changed": 3,
    "subscription.migrated": 3,
    "subscription.active": 4,
    "subscription.past_due": 4,
    "subscription.on_hold": 4,
    "subscription.renewed": 5,
    "subscription.uncanceled": 5,
    "subscription.resumed": 5,
    "subscription.unpaused": 5,
    "subscription.cycled": 5,
    "subscription.paused": 6,
    "subscription.canceled": 7,
    "subscription.cancelled": 7,
    "subscription.failed": 8,
    "subscription.expired": 8,
    "subscription.revoked": 8,
    "customer.created": 1,
    "customer.updated": 2,
    "order.created": 1,
    "order.updated": 2,
    "order.paid": 3,
    "order.refunded": 4,
    "payment.failed": 1,
    "payment.succeeded": 2,
}
"""Ranks of the events of one object and one instant; disputes rank by their status."""

MAY_SETTLE = frozenset(
    {
        "subscription.created",
        "subscription.updated",
        "subscription.active",
        "subscription.renewed",
        "subscription.plan_changed",
        "subscription.uncanceled",
        "subscription.resumed",
        "subscription.cycled",
        "subscription.migrated",
        "subscription.unpaused",
        "order.created",
        "order.updated",
        "order.paid",
        "order.refunded",
        "payment.succeeded",
    }
)
"""Events that may report a payment or a recovery: one that is not applied holds dunning back (DOMAIN section 3)."""

_KEYS = Keys(PROVIDER)
key, key_if_any = _KEYS.key, _KEYS.key_if_any
binding, binding_if_any = _KEYS.binding, _KEYS.binding_if_any
