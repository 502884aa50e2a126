"""What Stripe's statuses of a subscription mean in ours."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kulanz.errors import UntranslatableError
from kulanz.policy.facts import Provenance, Stamp, Status, SubscriptionSeen
from kulanz.providers import bodies
from kulanz.providers.heard import Heard, quantity
from kulanz.providers.plan_name import slug
from kulanz.providers.reading import Reading, shown
from kulanz.providers.stripe.vocabulary import LOOKED_UP, PROVIDER, SUBSCRIPTION, key

_STATUSES = {
    "trialing": Status.ON_TRIAL,
    "canceled": Status.EXPIRED,
    "incomplete": Status.EXPIRED,
    "incomplete_expired": Status.EXPIRED,
}
"""What has ended gives nothing, and so does what was never paid for."""
_PAUSES = {"void": "void", "mark_uncollectible": "free"}
"""Stripe's advice: invoices are voided where the service is not given, and given up where it is given for free.

Where they are kept as drafts to be collected later, the subscription counts as running.
"""
_RUNS = frozenset({Status.ON_TRIAL, Status.ACTIVE, Status.PAST_DUE, Status.UNPAID})


def looked_up(told: dict[str, Any], at: datetime) -> SubscriptionSeen:
    """Translate the API's answer about one subscription, which has no time of its own: `at` is the answer's."""
    if told.get("object") != SUBSCRIPTION:
        raise UntranslatableError(f"object: expected {SUBSCRIPTION}, found {shown(told.get('object'))}")
    stamp = Stamp(at=at, rank=LOOKED_UP, digest=bodies.fingerprint((PROVIDER, told)).hex())
    return subscription_seen(Reading(told, "subscription"), Heard(stamp=stamp, provenance=Provenance.RECONCILED))


def subscription_seen(told: Reading, heard: Heard) -> SubscriptionSeen:
    """Read one subscription. Of several prices the first counts."""
    item = told.first("items")
    price = item.below("price") if item.below("price").values else Reading(_plan(told, item), f"{told.path}.plan")
    status, mode = _status(told, item)
    return SubscriptionSeen(
        key=key(told.needed_identifier("id")),
        stamp=heard.stamp,
        status=status,
        customer=key(told.needed_reference("customer")),
        variant=key(price.needed_identifier("id")),
        product=slug(price.below("product").text("name"), price.reference("product")),
        renews_at=_period_end(told, item),
        ends_at=_ends_at(told, item),
        trial_ends_at=told.unix("trial_end"),
        pause_mode=mode,
        pause_resumes_at=told.below("pause_collection").unix("resumes_at"),
        quantity=quantity(item),
        created_at=told.unix("created"),
        signed=heard.signed,
        locale=heard.locale,
        timezone=heard.timezone,
        provenance=heard.provenance,
    )


def _status(told: Reading, item: Reading) -> tuple[Status, str | None]:
    """Return our status, and how a pause treats access."""
    status = told.word("status", Status, _STATUSES)
    if status is Status.PAUSED:
        return status, "void"
    if status not in _RUNS:
        return status, None
    if _renews_no_more(told, item):
        return Status.CANCELLED, None
    behaviour = told.below("pause_collection").values.get("behavior")
    mode = _PAUSES.get(behaviour) if isinstance(behaviour, str) else None
    return (Status.PAUSED, mode) if mode else (status, None)


def _renews_no_more(told: Reading, item: Reading) -> bool:
    """Return whether it is cancelled: a term that ends after this period is only agreed in advance."""
    cancel_at, period_end = told.unix("cancel_at"), _period_end(told, item)
    return told.flag("cancel_at_period_end") or (cancel_at is not None and cancel_at <= (period_end or cancel_at))


def _plan(told: Reading, item: Reading) -> dict[str, Any]:
    """Return what stood for a price before there were prices."""
    return dict(item.below("plan").values or told.below("plan").values)


def _period_end(told: Reading, item: Reading) -> datetime | None:
    """Return the end of the period: each item's own since 2025, the subscription's before."""
    return item.unix("current_period_end") or told.unix("current_period_end")


def _ends_at(told: Reading, item: Reading) -> datetime | None:
    ended = told.unix("ended_at") or told.unix("cancel_at")
    return ended or (_period_end(told, item) if told.flag("cancel_at_period_end") else None)
