"""Payment providers to try Kulanz against: their APIs and webhooks, on a clock of their own, without a store.

What a provider's documentation leaves open is an assumption, named in an `assumptions` module and described in
docs/simulator.md. Every customer is invented.
"""

from __future__ import annotations

from kulanz_simulator.lemonsqueezy import Assumptions, LemonSqueezySimulator
from kulanz_simulator.sender import Faults
from kulanz_simulator.server import running
from kulanz_simulator.simulator import Simulator
from kulanz_simulator.stripe import ApiVersion, LastResort, StripeAssumptions, StripeSimulator

__all__ = [
    "ApiVersion",
    "Assumptions",
    "Faults",
    "LastResort",
    "LemonSqueezySimulator",
    "Simulator",
    "StripeAssumptions",
    "StripeSimulator",
    "running",
]
