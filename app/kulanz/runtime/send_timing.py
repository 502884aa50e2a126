"""The times by which effects are leased and repeated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class SendTiming:
    """Durations: of a lease, of its renewal interval, and of the pause after a lost request for money."""

    lease: timedelta = timedelta(seconds=4)
    """Duration of a lease. The effects of a killed worker wait that long; a living worker renews its leases."""
    renewal: timedelta = timedelta(seconds=1)
    rest: timedelta = timedelta(minutes=2)
    """Time for which a request whose sender has died may still be on its way to the provider."""
