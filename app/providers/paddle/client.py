"""Paddle Billing's REST API: what we read there, and the two things that we do there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote

from app.errors import FarEndError, UntranslatableError
from app.policy.facts import SubscriptionSeen
from app.providers.paddle.subscriptions import looked_up
from app.providers.transport import Transport


@dataclass(frozen=True, slots=True)
class Client(Transport):
    """One API key at one address. Failures are `FarEndError`, or `UnknownOutcomeError` for a write that was sent."""

    FAR_END = "Paddle"

    def subscription(self, subscription: str, /) -> SubscriptionSeen | None:
        """Return the subscription as the provider holds it now, None where this key reaches none of that id."""
        try:
            data = self.ask(_path(subscription)).get("data")
        except FarEndError as error:
            if error.answer == HTTPStatus.NOT_FOUND:
                return None
            raise
        try:
            seen = looked_up(data if isinstance(data, dict) else {})
        except UntranslatableError as error:
            raise FarEndError(f"Paddle's answer: {error.detail}", retryable=True, answer=HTTPStatus.OK) from error
        if seen.key.partition(":")[2] != subscription:
            raise FarEndError("Paddle answered with another subscription", retryable=True, answer=HTTPStatus.OK)
        return seen

    def cancel(self, subscription: str, /) -> None:
        """Stop the renewal at the end of the period: a subscription that has ended can never be taken back."""
        self.tell("POST", f"{_path(subscription)}/cancel", {"effective_from": "next_billing_period"})

    def resume(self, subscription: str, _trial_ends_at: datetime | None = None, /) -> None:
        """Take a scheduled cancellation back; a trial keeps its end by itself."""
        self.tell("PATCH", _path(subscription), {"scheduled_change": None})

    def test_mode(self) -> bool:
        """Return whether the key is one of the sandbox: it says so itself, or its address does."""
        return self.api_key.startswith("pdl_sdbx_") or "//sandbox-" in self.api_url


def _path(subscription: str) -> str:
    return f"/subscriptions/{quote(subscription, safe='')}"
