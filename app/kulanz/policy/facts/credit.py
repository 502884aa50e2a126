"""Prepaid credit, by the merchant's word: bought, spent, and the end of a pot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CreditEntry(StrEnum):
    """Direction in which the credit of a pot moves."""

    BOUGHT = "bought"
    SPENT = "spent"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditBooked:
    """Credit was bought, or a charge was taken from it; in minor units, without taxes."""

    id: str
    pot: str
    """Purpose of the credit, such as `telephony`, or the one number that it belongs to."""
    entry: CreditEntry
    amount: int
    currency: str
    at: datetime
    incurred_at: datetime | None = None
    """Time at which a charge arose that is reported later: it stays due, also if the credit is gone by now."""
    reference: str | None = None
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditEnded:
    """The number or service of a pot was ended: the rest is forfeited (bitrix24)."""

    pot: str
    at: datetime
    reference: str | None = None
    actor: str = ""
