"""What people tell of a debt: money that came by transfer, and whom it was taken to be for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Share:
    """The part of a transfer that pays one claim."""

    claim: str
    """An invoice's key; where no invoice is known, that of the dunning case which a snapshot opened."""
    subscription: str
    since: datetime
    """When the case of the claim began, by the provider's clock."""
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DunningPaused:
    """A dispute stopped the clock of a case's dunning letters for this long."""

    case: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRecorded:
    """A transfer reached us, outside the provider; what no share takes up is an overpayment."""

    id: str
    at: datetime
    """When it was recorded."""
    received_at: datetime
    amount: int
    currency: str
    actor: str
    shares: tuple[Share, ...] = ()
    reference: str | None = None
    """What the payer wrote with it."""
    transaction: str | None = None
    """The bank's own id of it."""
