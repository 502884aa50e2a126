"""A cancellation that reached the merchant's own staff, or a partner, and not the provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationNoted:
    """The customer gave notice: the renewal is to be switched off at the provider (bitrix24)."""

    id: str
    subscription: str
    at: datetime
    actor: str
    reason: str
