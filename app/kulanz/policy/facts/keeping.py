"""Rights that an earlier version gave an account, and today's rules do not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAfterUpgrade:
    """The account keeps a right until a time; from then on today's rules decide."""

    subject: str
    """A purchase that another account has, too, by its owner's key (`lemonsqueezy:subscription:421953`); or `plan`."""
    until: datetime
    at: datetime
    plan: str | None = None
    """The account's last plan and access, where these are kept."""
    access: str | None = None
