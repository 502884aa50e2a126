"""The times by which effects are leased and repeated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class SendTiming:
    """How long a lease holds, how often it is renewed, and how long a lost request for money rests."""

    lease: timedelta = timedelta(seconds=4)
    """How long the effects of a worker that was killed wait for another; one that lives renews its leases."""
    renewal: timedelta = timedelta(seconds=1)
    rest: timedelta = timedelta(minutes=2)
    """How long a request whose sender has ended may still be on its way to the provider."""
