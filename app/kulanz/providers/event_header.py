"""Shared parts of the providers' translations: the provenance of a snapshot, its address and items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kulanz.policy.facts import Provenance, Stamp, SubscribedItem
from kulanz.providers.reading import PayloadReader

_MOST = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHeader:
    """Time and source of a snapshot, with the fields that were sent beside it."""

    stamp: Stamp
    signed: bool = False
    locale: str | None = None
    timezone: str | None = None
    provenance: Provenance = Provenance.WEBHOOK


def quantity(item: PayloadReader, name: str = "quantity") -> int:
    """Return the quantity: one, where the event has no usable number."""
    stated = item.values.get(name)
    return stated if isinstance(stated, int) and not isinstance(stated, bool) and 1 <= stated <= _MOST else 1


def several(items: Sequence[SubscribedItem]) -> tuple[SubscribedItem, ...]:
    """Return the items of a subscription for a snapshot: none for a single item, which the snapshot has itself."""
    return tuple(items) if len(items) > 1 else ()
