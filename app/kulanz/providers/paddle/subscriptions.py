"""Paddle's statuses of a subscription in our words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kulanz.policy.facts import Provenance, Stamp, Status, SubscribedItem, SubscriptionSeen
from kulanz.providers import bodies
from kulanz.providers.event_header import EventHeader, quantity, several
from kulanz.providers.paddle.vocabulary import LOOKED_UP, PROVIDER, key, key_if_any
from kulanz.providers.plan_name import slug
from kulanz.providers.reading import PayloadReader

_STATUSES = {
    "active": Status.ACTIVE,
    "past_due": Status.PAST_DUE,
    "paused": Status.PAUSED,
    "trialing": Status.ON_TRIAL,
    "canceled": Status.EXPIRED,
    "inactive": Status.EXPIRED,
}
"""A cancelled one has ended: until then it runs, with a cancellation that is scheduled."""
_SAID_BY_NAME = {
    "subscription.activated": Status.ACTIVE,
    "subscription.trialing": Status.ON_TRIAL,
    "subscription.past_due": Status.PAST_DUE,
    "subscription.resumed": Status.ACTIVE,
    "subscription.paused": Status.PAUSED,
    "subscription.canceled": Status.EXPIRED,
}
_RUNS = frozenset({Status.ON_TRIAL, Status.ACTIVE, Status.PAST_DUE})


def looked_up(document: dict[str, Any]) -> SubscriptionSeen:
    """Translate the `data` of the API's answer about one subscription."""
    source = PayloadReader(document, "data")
    digest = bodies.fingerprint((PROVIDER, document)).hex()
    stamp = Stamp(at=source.needed_instant("updated_at"), rank=LOOKED_UP, digest=digest)
    return subscription_seen(source, EventHeader(stamp=stamp, provenance=Provenance.RECONCILED))


def subscription_seen(payload_reader: PayloadReader, heard: EventHeader, event: str = "") -> SubscriptionSeen:
    """Read one subscription with all its items."""
    item, items = payload_reader.first("items"), _items(payload_reader)
    status = payload_reader.word("status", _STATUSES, _SAID_BY_NAME.get(event))
    cancels_at = _scheduled(payload_reader, "cancel") if status in _RUNS else None
    return SubscriptionSeen(
        key=key(payload_reader.needed_identifier("id")),
        stamp=heard.stamp,
        status=Status.CANCELLED if cancels_at else status,
        customer=key_if_any(payload_reader.identifier("customer_id")) or "",
        variant=items[0].variant,
        product=items[0].product,
        order=key_if_any(payload_reader.identifier("transaction_id")),
        renews_at=payload_reader.instant("next_billed_at") or _period_end(payload_reader),
        ends_at=cancels_at or payload_reader.instant("canceled_at"),
        trial_ends_at=_trial_ends_at(payload_reader, item) if status is Status.ON_TRIAL else None,
        pause_mode="void" if status is Status.PAUSED else None,
        pause_resumes_at=_resumes_at(payload_reader),
        pauses_at=_scheduled(payload_reader, "pause") if status in _RUNS else None,
        quantity=items[0].quantity,
        items=several(items),
        by_hand=payload_reader.text("collection_mode") == "manual",
        created_at=payload_reader.instant("created_at"),
        signed=heard.signed,
        locale=heard.locale,
        timezone=heard.timezone,
        provenance=heard.provenance,
    )


def _items(payload_reader: PayloadReader) -> list[SubscribedItem]:
    """Return the subscribed items: an item that is no longer billed gives nothing beside others that are."""
    listed = payload_reader.each("items") or (payload_reader.first("items"),)
    usable = [item for item in listed if item.below("price").identifier("id")]
    billed = [item for item in usable if item.text("status") != "inactive"]
    return [
        SubscribedItem(
            variant=key_if_any(item.below("price").identifier("id")) or "",
            product=slug(item.below("product").text("name"), item.below("price").identifier("product_id")),
            quantity=quantity(item),
        )
        for item in billed or usable or listed[:1]
    ]


def _scheduled(payload_reader: PayloadReader, action: str) -> datetime | None:
    change = payload_reader.below("scheduled_change")
    matters = action == "cancel"
    return change.instant("effective_at", matters=matters) if change.values.get("action") == action else None


def _resumes_at(payload_reader: PayloadReader) -> datetime | None:
    """Return when a pause is to end, also one that is yet to begin."""
    change = payload_reader.below("scheduled_change")
    planned = change.instant("resume_at") if change.values.get("action") == "pause" else None
    return planned or _scheduled(payload_reader, "resume")


def _period_end(payload_reader: PayloadReader) -> datetime | None:
    return payload_reader.below("current_billing_period").instant("ends_at")


def _trial_ends_at(payload_reader: PayloadReader, item: PayloadReader) -> datetime | None:
    return item.below("trial_dates").instant("ends_at") or payload_reader.instant("next_billed_at")
