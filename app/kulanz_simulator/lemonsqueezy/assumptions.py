"""Assumptions of the simulator where Lemon Squeezy's documentation says nothing, or says it only in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """Each can be chosen otherwise; docs/simulator.md says what is known and what is not."""

    attempts_after: tuple[timedelta, ...] = (3 * DAY, 7 * DAY, 10 * DAY, 14 * DAY)
    """When a failed renewal is charged again, from the first failure: "4 retries over 2 weeks", spacing unknown."""
    every_attempt_is_told: bool = True
    """Whether each failed attempt is a `subscription_payment_failed`: unknown."""
    unpaid_expires_after: timedelta | None = 14 * DAY
    """How long a subscription stays `unpaid` before dunning ends it; None: for ever, as where dunning is off."""
    cancelling_expires_past_due: bool = True
    """Whether a past-due subscription that is cancelled expires at once: reported by third parties."""
    fraud_is_told_by: str | None = "order_refunded"
    """The event of an order that turns fraudulent: which one fires, if any, is unknown. None: none."""
    invoices_echo_custom_data: bool = False
    """Whether payment events carry the checkout's custom data: seen on some, denied for others."""
    latency: timedelta = timedelta(seconds=1)
    """From the change to its first delivery."""
    attempts_at: tuple[timedelta, ...] = (timedelta(seconds=5), timedelta(seconds=25), timedelta(seconds=125))
    """How long after a failed delivery it is tried again; documented as an example."""
    timeout: float = 5.0
    """Seconds that a receiver may take, in real time: unknown."""
    requests_a_minute: int = 300
    """Documented; the window slides here."""
