"""Stripe's subscription statuses, translated into ours."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kulanz.errors import UntranslatableError
from kulanz.policy.facts import Provenance, Stamp, Status, SubscribedItem, SubscriptionSeen
from kulanz.providers import bodies
from kulanz.providers.event_header import EventHeader, quantity, several
from kulanz.providers.plan_name import slug
from kulanz.providers.reading import PayloadReader, shown
from kulanz.providers.statuses import STATUSES
from kulanz.providers.stripe.vocabulary import LOOKED_UP, PROVIDER, SUBSCRIPTION, key, key_if_any

_SAID_BY_NAME = {
    "customer.subscription.deleted": Status.EXPIRED,
    "customer.subscription.paused": Status.PAUSED,
    "customer.subscription.resumed": Status.ACTIVE,
}
_PAUSES = {"void": "void", "mark_uncollectible": "free", "keep_as_draft": "free"}
"""Stripe's advice: invoices are voided where the service is not given, and given up where it is given for free.

Where they are kept as drafts to be collected later, the service is given meanwhile.
"""
_PAUSED_FOR_FAILURE = frozenset({"first_payment_failure", "final_payment_failure"})
"""Stripe paused the subscription itself because a payment failed: a pause without a request."""
_RUNS = frozenset({Status.ON_TRIAL, Status.ACTIVE, Status.PAST_DUE, Status.UNPAID})


def looked_up(document: dict[str, Any], at: datetime) -> SubscriptionSeen:
    """Translate the API's answer about one subscription, which has no time of its own: `at` is the answer's."""
    if document.get("object") != SUBSCRIPTION:
        raise UntranslatableError(f"object: expected {SUBSCRIPTION}, found {shown(document.get('object'))}")
    stamp = Stamp(at=at, rank=LOOKED_UP, digest=bodies.fingerprint((PROVIDER, document)).hex())
    return subscription_seen(
        PayloadReader(document, "subscription"), EventHeader(stamp=stamp, provenance=Provenance.RECONCILED)
    )


def subscription_seen(payload_reader: PayloadReader, heard: EventHeader, event: str = "") -> SubscriptionSeen:
    """Read one subscription with all its items."""
    status, mode = _status(payload_reader, _SAID_BY_NAME.get(event))
    items = _items(payload_reader, cancelled=status is Status.CANCELLED)
    return SubscriptionSeen(
        key=key(payload_reader.needed_identifier("id")),
        stamp=heard.stamp,
        status=status,
        customer=key_if_any(payload_reader.reference("customer")) or "",
        variant=items[0].variant,
        product=items[0].product,
        renews_at=_period_end(payload_reader),
        ends_at=_ends_at(payload_reader),
        trial_ends_at=payload_reader.unix("trial_end"),
        pause_mode=mode,
        pause_resumes_at=payload_reader.below("pause_collection").unix("resumes_at"),
        quantity=items[0].quantity,
        items=several(items),
        by_hand=payload_reader.text("collection_method") == "send_invoice",
        created_at=payload_reader.unix("created"),
        signed=heard.signed,
        locale=heard.locale,
        timezone=heard.timezone,
        provenance=heard.provenance,
    )


def _items(payload_reader: PayloadReader, *, cancelled: bool) -> list[SubscribedItem]:
    """Return the subscribed items: a price each, or the plan that stood for one before there were prices."""
    listed = payload_reader.each("items") or (payload_reader.first("items"),)
    prices = [_price(payload_reader, item) for item in listed]
    usable = [(price, item) for price, item in zip(prices, listed, strict=True) if price.identifier("id")]
    return [
        SubscribedItem(
            variant=key_if_any(price.identifier("id")) or "",
            product=slug(price.below("product").text("name"), price.reference("product")),
            quantity=quantity(item),
            ends_at=item.unix("current_period_end") if cancelled and len(usable) > 1 else None,
        )
        for price, item in usable or zip(prices[:1], listed[:1], strict=True)
    ]


def _price(payload_reader: PayloadReader, item: PayloadReader) -> PayloadReader:
    price = item.below("price")
    plan = item.below("plan").values or payload_reader.below("plan").values
    return price if price.values else PayloadReader(plan, f"{payload_reader.path}.plan")


def _status(payload_reader: PayloadReader, said: Status | None) -> tuple[Status, str | None]:
    """Return our status, and how a pause treats access."""
    status = payload_reader.word("status", STATUSES, said)
    if status is Status.PAUSED:
        return _paused(payload_reader)
    if status not in _RUNS:
        return status, None
    if _renews_no_more(payload_reader):
        return Status.CANCELLED, None
    behaviour = payload_reader.below("pause_collection").values.get("behavior")
    mode = _PAUSES.get(behaviour) if isinstance(behaviour, str) else None
    return (Status.PAUSED, mode) if mode else (status, None)


def _paused(payload_reader: PayloadReader) -> tuple[Status, str | None]:
    """Return a pause by a person, or the failed payment: a subscription that was never paid for gives nothing."""
    cause = payload_reader.below("status_details").below("paused").below("subscription").text("type")
    if cause not in _PAUSED_FOR_FAILURE:
        return Status.PAUSED, "void"
    never_paid = cause == "first_payment_failure" and payload_reader.unix("trial_end") is None
    return (Status.EXPIRED if never_paid else Status.UNPAID), None


def _renews_no_more(payload_reader: PayloadReader) -> bool:
    """Return whether it is cancelled: a term that ends after every running period is only agreed in advance."""
    cancel_at, period_end = payload_reader.unix("cancel_at"), _period_end(payload_reader)
    return payload_reader.flag("cancel_at_period_end") or (
        cancel_at is not None and cancel_at <= (period_end or cancel_at)
    )


def _period_end(payload_reader: PayloadReader) -> datetime | None:
    """Return the end of the longest period: since 2025 each item has one, before that the subscription had it."""
    ends = [end for item in payload_reader.each("items") if (end := item.unix("current_period_end"))]
    return max(ends, default=payload_reader.unix("current_period_end"))


def _ends_at(payload_reader: PayloadReader) -> datetime | None:
    ended = payload_reader.unix("ended_at") or payload_reader.unix("cancel_at")
    return ended or (_period_end(payload_reader) if payload_reader.flag("cancel_at_period_end") else None)
