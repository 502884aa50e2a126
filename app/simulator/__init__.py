"""A payment provider to try Kulanz against: Lemon Squeezy's API and webhooks, on a clock of its own, without a store.

What Lemon Squeezy's documentation leaves open is an assumption here, named in `app.simulator.assumptions` and
described in docs/simulator.md. Every customer is invented.
"""

from __future__ import annotations

from app.simulator.assumptions import Assumptions
from app.simulator.sender import Faults
from app.simulator.server import running
from app.simulator.simulator import Simulator

__all__ = ["Assumptions", "Faults", "Simulator", "running"]
