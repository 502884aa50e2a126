"""A payment provider to try Kulanz against: Lemon Squeezy's API and webhooks, on a clock of its own, without a store.

What Lemon Squeezy's documentation leaves open is an assumption here, named in `kulanz_simulator.assumptions` and
described in docs/simulator.md. Every customer is invented.
"""

from __future__ import annotations

from kulanz_simulator.assumptions import Assumptions
from kulanz_simulator.sender import Faults
from kulanz_simulator.server import running
from kulanz_simulator.simulator import Simulator

__all__ = ["Assumptions", "Faults", "Simulator", "running"]
