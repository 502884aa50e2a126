"""Assumptions of the simulator where Stripe leaves it to the merchant's settings, or does not say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


class LastResort(StrEnum):
    """The end of a subscription whose last charge has failed: a setting of the merchant."""

    CANCEL = "cancel"
    UNPAID = "unpaid"
    PAST_DUE = "past_due"


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeAssumptions:
    """Each can be chosen otherwise; docs/simulator.md says what is known and what is not."""

    attempts_after: tuple[timedelta, ...] = (3 * DAY, 7 * DAY, 11 * DAY, 14 * DAY)
    """When a failed invoice is charged again, from the first failure; Smart Retries choose the times themselves."""
    last_resort: LastResort = LastResort.CANCEL
    overdue_ends_after: timedelta = 30 * DAY
    """How long an invoice that is sent may be overdue before the last resort."""
    finalised_after: timedelta = HOUR
    """How long the invoice of a renewal is a draft."""
    debit_takes: timedelta = 5 * DAY
    """How long a direct debit is pending."""
    incomplete_expires_after: timedelta = 23 * HOUR
    latency: timedelta = timedelta(seconds=1)
    """From the change to its first delivery."""
    attempts_at: tuple[timedelta, ...] = (5 * timedelta(minutes=1), HOUR, 3 * HOUR, 6 * HOUR, *[12 * HOUR] * 5)
    """How long after a failed delivery it is tried again: up to three days; the spacing is not documented."""
    timeout: float = 10.0
    """Seconds that a receiver may take, in real time."""
    requests_a_minute: int = 6000
    idempotency_lasts: timedelta = DAY
