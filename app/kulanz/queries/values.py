"""Values as documents write them: instants, own ids of the provider, decimals of amounts. Pure."""

from __future__ import annotations

from datetime import datetime

from kulanz.formats.money import decimals_of
from kulanz.policy.calendar.time import rfc3339


def instant(at: datetime | None) -> str | None:
    """Return an instant in RFC 3339; None where there is none."""
    return None if at is None else rfc3339(at)


def own_id(key: str | None) -> str | None:
    """Return the provider's own id of an object's key; None where there is none."""
    return key.partition(":")[2] if key else None


def decimals(currency: str | None, told: int | None) -> int | None:
    """Return how many decimals an amount has: the provider's own number, else that of the currency."""
    return told if told is not None or currency is None else decimals_of(currency)
