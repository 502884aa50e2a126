"""Stripe's REST API: what we read there, and the two things that we do there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote, urlencode

from app.errors import FarEndError, UntranslatableError
from app.policy.facts import SubscriptionSeen
from app.providers.stripe.subscriptions import looked_up
from app.providers.transport import Transport

_LIVE = ("sk_live_", "rk_live_")


@dataclass(frozen=True, slots=True)
class Client(Transport):
    """One API key at one address. Failures are `FarEndError`, or `UnknownOutcomeError` for a write that was sent."""

    FAR_END = "Stripe"
    SENDS = "application/x-www-form-urlencoded"

    def subscription(self, subscription: str, /) -> SubscriptionSeen | None:
        """Return the subscription as the provider holds it now, None where this key reaches none of that id."""
        try:
            answer, at = self.ask_when(_path(subscription))
        except FarEndError as error:
            if error.answer == HTTPStatus.NOT_FOUND:
                return None
            raise
        if at is None:
            raise FarEndError("Stripe's answer has no date", retryable=True, answer=HTTPStatus.OK)
        try:
            seen = looked_up(answer, at)
        except UntranslatableError as error:
            raise FarEndError(f"Stripe's answer: {error.detail}", retryable=True, answer=HTTPStatus.OK) from error
        if seen.key.partition(":")[2] != subscription:
            raise FarEndError("Stripe answered with another subscription", retryable=True, answer=HTTPStatus.OK)
        return seen

    def cancel(self, subscription: str, /) -> None:
        """Stop the renewal; the period runs out, and until then it can be taken back."""
        self.tell("POST", _path(subscription), {"cancel_at_period_end": "true"})

    def resume(self, subscription: str, _trial_ends_at: datetime | None = None, /) -> None:
        """Take a cancellation back; a trial keeps its end by itself."""
        self.tell("POST", _path(subscription), {"cancel_at_period_end": "false"})

    def test_mode(self) -> bool:
        """Return whether the key is one of test mode; every key says so itself."""
        return not self.api_key.startswith(_LIVE)

    def write(self, document: object) -> bytes:
        """Return the fields of a form."""
        return urlencode(document if isinstance(document, Mapping) else {}).encode()


def _path(subscription: str) -> str:
    return f"/subscriptions/{quote(subscription, safe='')}"
