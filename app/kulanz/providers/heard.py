"""How we came to know of a subscription, and what every provider tells of one in the same words."""

from __future__ import annotations

from dataclasses import dataclass

from kulanz.policy.facts import Provenance, Stamp
from kulanz.providers.reading import Reading

_MOST = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """When a snapshot was taken and by whom it was told, with what was told beside it."""

    stamp: Stamp
    signed: bool = False
    locale: str | None = None
    timezone: str | None = None
    provenance: Provenance = Provenance.WEBHOOK


def quantity(item: Reading, name: str = "quantity") -> int:
    """Return how many are subscribed to: one, where no usable number is told."""
    told = item.values.get(name)
    return told if isinstance(told, int) and not isinstance(told, bool) and 1 <= told <= _MOST else 1
