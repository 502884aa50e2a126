"""A purchase that earlier versions recorded for several accounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseShared:
    """The account keeps what another account has, too, until a time; from then on only the owner has it."""

    purchase: str
    """The key under which its owner is kept: `lemonsqueezy:subscription:421953`."""
    until: datetime
    at: datetime
