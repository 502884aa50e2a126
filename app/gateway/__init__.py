"""Carries effects out: callbacks to the merchant's product, mails, calls to the provider."""

from __future__ import annotations

from app.gateway.means import Errand, Means
from app.gateway.report import Report, State
from app.policy.effects import Effect

__all__ = ["Errand", "Means", "Report", "State", "carry_out"]


def carry_out(effect: Effect, means: Means, errand: Errand) -> Report:
    """Make one attempt to carry the effect out; whatever the far end does becomes a report, never an exception."""
    raise NotImplementedError(type(effect).__name__, means, errand.account)
