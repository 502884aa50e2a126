"""Stripe's words for the status of a subscription in our words; Polar writes the same ones."""

from __future__ import annotations

from collections.abc import Mapping

from kulanz.policy.facts import Status

STATUSES: Mapping[str, Status] = {
    "active": Status.ACTIVE,
    "past_due": Status.PAST_DUE,
    "unpaid": Status.UNPAID,
    "paused": Status.PAUSED,
    "trialing": Status.ON_TRIAL,
    "canceled": Status.EXPIRED,
    "incomplete": Status.EXPIRED,
    "incomplete_expired": Status.EXPIRED,
}
"""A subscription that has ended gives nothing, and so does one that was never paid for."""
