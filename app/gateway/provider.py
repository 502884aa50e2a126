"""Calls to the provider that are read before they are made, so that none is repeated blindly (I11)."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from app.policy.facts import SubscriptionSeen


class ProviderClient(Protocol):
    """What we ask of a provider's API; failures are `FarEndError` or `UnknownOutcomeError`."""

    def subscription(self, subscription: str, /) -> SubscriptionSeen | None:
        """Return the subscription as the provider holds it now, or nothing where it knows none of that id."""

    def cancel(self, subscription: str, /) -> object:
        """Stop the renewal; the period paid for runs out."""

    def resume(self, subscription: str, trial_ends_at: datetime | None, /) -> object:
        """Take a cancellation back; a trial needs its end told again."""
