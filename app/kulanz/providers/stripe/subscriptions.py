"""What Stripe's statuses of a subscription mean in ours."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kulanz.errors import UntranslatableError
from kulanz.policy.facts import Provenance, Stamp, Status, SubscriptionSeen
from kulanz.providers import bodies
from kulanz.providers.event_header import EventHeader, quantity
from kulanz.providers.plan_name import slug
from kulanz.providers.reading import PayloadReader, shown
from kulanz.providers.stripe.vocabulary import LOOKED_UP, PROVIDER, SUBSCRIPTION, key

_STATUSES = {
    "trialing": Status.ON_TRIAL,
    "canceled": Status.EXPIRED,
    "incomplete": Status.EXPIRED,
    "incomplete_expired": Status.EXPIRED,
}
"""What has ended gives nothing, and so does what was never paid for."""
_PAUSES = {"void": "void", "mark_uncollectible": "free", "keep_as_draft": "free"}
"""Stripe's advice: invoices are voided where the service is not given, and given up where it is given for free.

Where they are kept as drafts to be collected later, the service is given meanwhile.
"""
_PAUSED_FOR_FAILURE = frozenset({"first_payment_failure", "final_payment_failure"})
"""Stripe paused the subscription itself because a payment failed: nobody has asked for a pause."""
_RUNS = frozenset({Status.ON_TRIAL, Status.ACTIVE, Status.PAST_DUE, Status.UNPAID})


def looked_up(document: dict[str, Any], at: datetime) -> SubscriptionSeen:
    """Translate the API's answer about one subscription, which has no time of its own: `at` is the answer's."""
    if document.get("object") != SUBSCRIPTION:
        raise UntranslatableError(f"object: expected {SUBSCRIPTION}, found {shown(document.get('object'))}")
    stamp = Stamp(at=at, rank=LOOKED_UP, digest=bodies.fingerprint((PROVIDER, document)).hex())
    return subscription_seen(
        PayloadReader(document, "subscription"), EventHeader(stamp=stamp, provenance=Provenance.RECONCILED)
    )


def subscription_seen(payload_reader: PayloadReader, heard: EventHeader) -> SubscriptionSeen:
    """Read one subscription. Of several prices the first counts."""
    item = payload_reader.first("items")
    price = (
        item.below("price")
        if item.below("price").values
        else PayloadReader(_plan(payload_reader, item), f"{payload_reader.path}.plan")
    )
    status, mode = _status(payload_reader, item)
    return SubscriptionSeen(
        key=key(payload_reader.needed_identifier("id")),
        stamp=heard.stamp,
        status=status,
        customer=key(payload_reader.needed_reference("customer")),
        variant=key(price.needed_identifier("id")),
        product=slug(price.below("product").text("name"), price.reference("product")),
        renews_at=_period_end(payload_reader, item),
        ends_at=_ends_at(payload_reader, item),
        trial_ends_at=payload_reader.unix("trial_end"),
        pause_mode=mode,
        pause_resumes_at=payload_reader.below("pause_collection").unix("resumes_at"),
        quantity=quantity(item),
        by_hand=payload_reader.text("collection_method") == "send_invoice",
        created_at=payload_reader.unix("created"),
        signed=heard.signed,
        locale=heard.locale,
        timezone=heard.timezone,
        provenance=heard.provenance,
    )


def _status(payload_reader: PayloadReader, item: PayloadReader) -> tuple[Status, str | None]:
    """Return our status, and how a pause treats access."""
    status = payload_reader.word("status", Status, _STATUSES)
    if status is Status.PAUSED:
        return _paused(payload_reader)
    if status not in _RUNS:
        return status, None
    if _renews_no_more(payload_reader, item):
        return Status.CANCELLED, None
    behaviour = payload_reader.below("pause_collection").values.get("behavior")
    mode = _PAUSES.get(behaviour) if isinstance(behaviour, str) else None
    return (Status.PAUSED, mode) if mode else (status, None)


def _paused(payload_reader: PayloadReader) -> tuple[Status, str | None]:
    """Return a pause by a person, or that the payment failed: what was never paid for gives nothing."""
    cause = payload_reader.below("status_details").below("paused").below("subscription").text("type")
    if cause not in _PAUSED_FOR_FAILURE:
        return Status.PAUSED, "void"
    never_paid = cause == "first_payment_failure" and payload_reader.unix("trial_end") is None
    return (Status.EXPIRED if never_paid else Status.UNPAID), None


def _renews_no_more(payload_reader: PayloadReader, item: PayloadReader) -> bool:
    """Return whether it is cancelled: a term that ends after this period is only agreed in advance."""
    cancel_at, period_end = payload_reader.unix("cancel_at"), _period_end(payload_reader, item)
    return payload_reader.flag("cancel_at_period_end") or (
        cancel_at is not None and cancel_at <= (period_end or cancel_at)
    )


def _plan(payload_reader: PayloadReader, item: PayloadReader) -> dict[str, Any]:
    """Return what stood for a price before there were prices."""
    return dict(item.below("plan").values or payload_reader.below("plan").values)


def _period_end(payload_reader: PayloadReader, item: PayloadReader) -> datetime | None:
    """Return the end of the period: each item's own since 2025, the subscription's before."""
    return item.unix("current_period_end") or payload_reader.unix("current_period_end")


def _ends_at(payload_reader: PayloadReader, item: PayloadReader) -> datetime | None:
    ended = payload_reader.unix("ended_at") or payload_reader.unix("cancel_at")
    return ended or (_period_end(payload_reader, item) if payload_reader.flag("cancel_at_period_end") else None)
