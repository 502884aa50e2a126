"""Simulation of Stripe. Merchant settings and gaps of its documentation are named in `assumptions`."""

from __future__ import annotations

from kulanz_simulator.stripe.assumptions import LastResort, StripeAssumptions
from kulanz_simulator.stripe.simulator import StripeSimulator
from kulanz_simulator.stripe.versions import ApiVersion

__all__ = ["ApiVersion", "LastResort", "StripeAssumptions", "StripeSimulator"]
