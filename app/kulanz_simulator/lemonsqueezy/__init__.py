"""Simulation of Lemon Squeezy. The gaps of its documentation are named in `assumptions`."""

from __future__ import annotations

from kulanz_simulator.lemonsqueezy.assumptions import Assumptions
from kulanz_simulator.lemonsqueezy.simulator import LemonSqueezySimulator

__all__ = ["Assumptions", "LemonSqueezySimulator"]
