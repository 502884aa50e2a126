"""Dodo's vocabulary: subscriptions, payments, refunds and disputes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from kulanz.formats.money import decimals_of
from kulanz.policy.facts import (
    BillingReason,
    DisputeSeen,
    DisputeStatus,
    InvoiceSeen,
    InvoiceStatus,
    OrderSeen,
    OrderStatus,
    PaymentSucceeded,
    ProviderFact,
    RefundSeen,
    Stamp,
    Status,
    SubscribedItem,
    SubscriptionSeen,
)
from kulanz.providers import ranking
from kulanz.providers.event_header import quantity, several
from kulanz.providers.plan_name import slug
from kulanz.providers.reading import PayloadReader
from kulanz.providers.standard.sender import StandardEvent
from kulanz.providers.standard.vocabulary import key, key_if_any

_STATUSES = {
    "active": Status.ACTIVE,
    "paused": Status.PAUSED,
    "cancelled": Status.CANCELLED,
    "expired": Status.EXPIRED,
    "on_hold": Status.PAST_DUE,
    "past_due": Status.PAST_DUE,
    "pending": Status.EXPIRED,
    "failed": Status.EXPIRED,
}
"""A renewal that failed puts it on hold; before its first payment, and without one, it gives nothing."""
_SAID_BY_NAME = {
    "subscription.active": Status.ACTIVE,
    "subscription.renewed": Status.ACTIVE,
    "subscription.on_hold": Status.PAST_DUE,
    "subscription.past_due": Status.PAST_DUE,
    "subscription.unpaused": Status.ACTIVE,
    "subscription.paused": Status.PAUSED,
    "subscription.cancelled": Status.CANCELLED,
    "subscription.failed": Status.EXPIRED,
    "subscription.expired": Status.EXPIRED,
}
_RUNS = frozenset({Status.ACTIVE, Status.PAST_DUE})
_DISPUTES = {
    "dispute_opened": DisputeStatus.OPENED,
    "dispute_challenged": DisputeStatus.UNDER_REVIEW,
    "dispute_won": DisputeStatus.WON,
    "dispute_lost": DisputeStatus.LOST,
    "dispute_expired": DisputeStatus.LOST,
    "dispute_accepted": DisputeStatus.ACCEPTED,
    "dispute_cancelled": DisputeStatus.WITHDRAWN,
}
"""An expired dispute was not answered in time: the bank decides for its customer."""
_REASONS = {
    "new": BillingReason.INITIAL,
    "renewal": BillingReason.RENEWAL,
    "plan_change": BillingReason.UPDATED,
    "on_demand": BillingReason.UPDATED,
}
_NOTHING_NAMED = SubscribedItem(variant="", product="")
_CONTESTED = frozenset({DisputeStatus.OPENED, DisputeStatus.UNDER_REVIEW})
_DECIMAL = re.compile(r"[0-9]{1,12}\.[0-9]{1,4}", re.ASCII)
_LONGEST_TRIAL = 3650


def subscription(event: StandardEvent) -> tuple[ProviderFact, ...]:
    """Read one subscription: with a planned cancellation it runs to its next billing date."""
    payload_reader, customer = event.told, event.told.below("customer")
    items = _items(payload_reader)
    status = payload_reader.word("status", _STATUSES, _SAID_BY_NAME.get(event.name))
    later = status in _RUNS and payload_reader.flag("cancel_at_next_billing_date")
    trial_ends_at = _trial_ends_at(payload_reader)
    if status is Status.ACTIVE and trial_ends_at is not None and event.at < trial_ends_at:
        status = Status.ON_TRIAL
    return (
        SubscriptionSeen(
            key=key(payload_reader.needed_identifier("subscription_id")),
            stamp=event.heard.stamp,
            status=Status.CANCELLED if later else status,
            customer=key_if_any(customer.identifier("customer_id")) or "",
            variant=items[0].variant,
            product=items[0].product,
            email=customer.email("email"),
            name=customer.text("name"),
            renews_at=payload_reader.instant("next_billing_date"),
            ends_at=_ends_at(payload_reader),
            trial_ends_at=trial_ends_at,
            pause_mode="void" if status is Status.PAUSED else None,
            changes_at=payload_reader.below("scheduled_change").instant("effective_at"),
            changes_to=_planned(payload_reader.below("scheduled_change")),
            quantity=items[0].quantity,
            items=several(items),
            created_at=payload_reader.instant("created_at"),
            signed=event.signed,
            locale=event.heard.locale,
            timezone=event.heard.timezone,
        ),
    )


def payment(event: StandardEvent) -> tuple[ProviderFact, ...]:
    """Read a payment.

    Each attempt at a renewal is a payment of its own without a period: a failed one is recorded, and
    the subscription that is put on hold is what opens the case. So several attempts are one case.
    """
    if event.told.identifier("subscription_id") is None:
        return (_sale(event),)
    invoice = _invoice(event)
    # A payment of 0 pays for no period: it only shows that a card works.
    pays = event.name == "payment.succeeded" and invoice.total > 0
    return (PaymentSucceeded(invoice=invoice, at=event.at) if pays else invoice,)


def refund(event: StandardEvent) -> tuple[ProviderFact, ...]:
    """Read a refund with its own amount."""
    payload_reader, customer = event.told, event.told.below("customer")
    seen = RefundSeen(
        key=key(payload_reader.needed_identifier("refund_id")),
        payment=key(payload_reader.needed_identifier("payment_id")),
        stamp=event.stamp,
        amount=payload_reader.needed_amount("amount"),
        currency=payload_reader.currency("currency"),
        customer=key_if_any(customer.identifier("customer_id")) or "",
        whole=not payload_reader.flag("is_partial"),
        email=customer.email("email"),
    )
    return (seen,)


def dispute(event: StandardEvent) -> tuple[ProviderFact, ...]:
    """Read a dispute. The customer is needed: a dispute without one would reach every account."""
    payload_reader = event.told
    status = _dispute_status(event)
    paid = key(payload_reader.needed_identifier("payment_id"))
    currency = payload_reader.currency("currency")
    seen = DisputeSeen(
        key=key(payload_reader.needed_identifier("dispute_id")),
        stamp=Stamp(at=event.at, rank=ranking.of_dispute(status), digest=event.digest),
        status=status,
        opened_at=payload_reader.instant("created_at") or event.at,
        amount=_disputed(payload_reader, currency),
        currency=currency,
        customer=key_if_any(payload_reader.below("customer").identifier("customer_id")),
        order=paid,
        payment=paid,
        reason=payload_reader.text("reason") or "",
    )
    return (seen,)


def _items(payload_reader: PayloadReader) -> list[SubscribedItem]:
    """Return the product, and the add-ons that are billed beside it."""
    product = payload_reader.identifier("product_id")
    add_ons = list(_add_ons(payload_reader))
    return [_item(product, payload_reader), *add_ons] if product else add_ons or [_NOTHING_NAMED]


def _planned(change: PayloadReader) -> tuple[SubscribedItem, ...]:
    """Return the target of a planned change; nothing where none is planned."""
    product = change.identifier("product_id")
    return (_item(product, change), *_add_ons(change)) if product else ()


def _add_ons(payload_reader: PayloadReader) -> Iterator[SubscribedItem]:
    for item in payload_reader.each("addons"):
        if add_on := item.identifier("addon_id"):
            yield _item(add_on, item)


def _item(sold: str, counted: PayloadReader) -> SubscribedItem:
    return SubscribedItem(variant=key(sold), product=slug(None, sold), quantity=quantity(counted))


def _trial_ends_at(payload_reader: PayloadReader) -> datetime | None:
    days, began = payload_reader.values.get("trial_period_days"), payload_reader.instant("created_at")
    if began is None or not isinstance(days, int) or not 0 < days <= _LONGEST_TRIAL:
        return None
    return began + timedelta(days=days)


def _ends_at(payload_reader: PayloadReader) -> datetime | None:
    """Return the end: at the next billing date, or at once."""
    if payload_reader.flag("cancel_at_next_billing_date"):
        return payload_reader.instant("next_billing_date")
    return payload_reader.instant("cancelled_at")


def _invoice(event: StandardEvent) -> InvoiceSeen:
    payload_reader, customer = event.told, event.told.below("customer")
    paid = event.name == "payment.succeeded"
    return InvoiceSeen(
        key=key(payload_reader.needed_identifier("payment_id")),
        subscription=key(payload_reader.needed_identifier("subscription_id")),
        stamp=event.stamp,
        status=InvoiceStatus.PAID if paid else InvoiceStatus.PENDING,
        reason=_reason(payload_reader),
        currency=payload_reader.currency("currency"),
        total=payload_reader.needed_amount("total_amount"),
        customer=key_if_any(customer.identifier("customer_id")) or "",
        subtotal=payload_reader.needed_amount("total_amount") - payload_reader.amount("tax"),
        tax=payload_reader.amount("tax"),
        created_at=payload_reader.instant("created_at"),
        email=customer.email("email"),
    )


def _reason(payload_reader: PayloadReader) -> BillingReason:
    """Return the reason of a charge; a payment that only changes the payment method is no renewal."""
    if payload_reader.flag("is_update_payment_method"):
        return BillingReason.ONE_TIME
    return payload_reader.word("charge_type", _REASONS, BillingReason.UNKNOWN)


def _sale(event: StandardEvent) -> OrderSeen:
    payload_reader, customer = event.told, event.told.below("customer")
    sold = payload_reader.first("product_cart").identifier("product_id")
    return OrderSeen(
        key=key(payload_reader.needed_identifier("payment_id")),
        stamp=event.stamp,
        status=OrderStatus.PAID if event.name == "payment.succeeded" else OrderStatus.FAILED,
        customer=key_if_any(customer.identifier("customer_id")) or "",
        currency=payload_reader.currency("currency"),
        total=payload_reader.needed_amount("total_amount"),
        subtotal=payload_reader.needed_amount("total_amount") - payload_reader.amount("tax"),
        tax=payload_reader.amount("tax"),
        variant=key(sold) if sold else None,
        email=customer.email("email"),
        name=customer.text("name"),
        created_at=payload_reader.instant("created_at"),
        signed=event.signed,
    )


def _dispute_status(event: StandardEvent) -> DisputeStatus:
    """Return the stage of a dispute: before it is one it is an inquiry, and one that was bought off is prevented."""
    payload_reader = event.told
    if payload_reader.flag("is_resolved_by_rdr"):
        return DisputeStatus.PREVENTED
    status = payload_reader.word("dispute_status", _DISPUTES, _DISPUTES.get(event.name.replace(".", "_")))
    early = payload_reader.values.get("dispute_stage") == "pre_dispute"
    return DisputeStatus.INQUIRY if early and status in _CONTESTED else status


def _disputed(payload_reader: PayloadReader, currency: str) -> int:
    """Return minor units: the amount may come as a whole number of them, or as a text with decimals."""
    value = payload_reader.values.get("amount")
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return int(Decimal(value).scaleb(decimals_of(currency)))
    return payload_reader.needed_amount("amount")
