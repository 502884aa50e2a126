"""The names of Stripe's events and objects, and their ranks."""

from __future__ import annotations

from collections.abc import Mapping

from kulanz.providers.keys import Keys

PROVIDER = "stripe"

SUBSCRIPTION = "subscription"
INVOICE = "invoice"
CHARGE = "charge"
DISPUTE = "dispute"
INVOICE_PAYMENT = "invoice_payment"
CUSTOMER = "customer"
CHECKOUT = "checkout.session"
WARNING = "radar.early_fraud_warning"

THIN = "v2.core.event"
"""The kind of the second API's events: they name an object and do not carry it."""

OBJECTS: Mapping[str, str] = {
    "customer.subscription.created": SUBSCRIPTION,
    "customer.subscription.updated": SUBSCRIPTION,
    "customer.subscription.deleted": SUBSCRIPTION,
    "customer.subscription.paused": SUBSCRIPTION,
    "customer.subscription.resumed": SUBSCRIPTION,
    "invoice.paid": INVOICE,
    "invoice.payment_succeeded": INVOICE,
    "invoice.payment_failed": INVOICE,
    "invoice.voided": INVOICE,
    "invoice.marked_uncollectible": INVOICE,
    "invoice_payment.paid": INVOICE_PAYMENT,
    "charge.succeeded": CHARGE,
    "charge.refunded": CHARGE,
    "charge.dispute.created": DISPUTE,
    "charge.dispute.updated": DISPUTE,
    "charge.dispute.closed": DISPUTE,
    "charge.dispute.funds_withdrawn": DISPUTE,
    "charge.dispute.funds_reinstated": DISPUTE,
    "customer.created": CUSTOMER,
    "customer.updated": CUSTOMER,
    "checkout.session.completed": CHECKOUT,
    "radar.early_fraud_warning.created": WARNING,
    "radar.early_fraud_warning.updated": WARNING,
}
"""Every event that is acted on, with the kind of object it carries."""

TELLING = frozenset({"status", "cancel_at_period_end", "cancel_at", "pause_collection"})
"""Fields of a subscription whose update changes our status too."""
CHANGED = 3
"""An update that changed the status outranks the others of its second: they may still show the old state."""
LOOKED_UP = 0
"""An answer of the API has the lowest rank of its second: every change after it, our own ones after many a
look-up too, has an event, and every change before it has one too.
"""

RANKS: Mapping[str, int] = {
    "customer.subscription.created": 1,
    "customer.subscription.updated": 2,
    "customer.subscription.resumed": 5,
    "customer.subscription.paused": 6,
    "customer.subscription.deleted": 8,
    "invoice.payment_failed": 1,
    "invoice.marked_uncollectible": 2,
    "invoice.payment_succeeded": 3,
    "invoice.paid": 4,
    "invoice.voided": 5,
    "charge.succeeded": 1,
    "charge.refunded": 2,
    "customer.created": 1,
    "customer.updated": 2,
    "radar.early_fraud_warning.created": 1,
    "radar.early_fraud_warning.updated": 2,
}
"""Ranks of the events of one object and one second; disputes rank by their status.

A subscription is made `incomplete` and becomes `active` within one second: here `created` has the lowest rank.
"""

MAY_SETTLE = frozenset(
    {
        "customer.subscription.created",
        "customer.subscription.updated",
        "customer.subscription.resumed",
        "invoice.paid",
        "invoice.payment_succeeded",
        "invoice.voided",
    }
)
"""Events that may report a payment or a recovery: one that is not applied holds dunning back (DOMAIN section 3)."""

_KEYS = Keys(PROVIDER)
key, key_if_any = _KEYS.key, _KEYS.key_if_any
binding, binding_if_any = _KEYS.binding, _KEYS.binding_if_any
