"""The book's record of a purchase that another account has, too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from kulanz.policy.facts import PurchaseShared


def entries(fact: object) -> Iterator[tuple[str, str, SharedPurchase]]:
    """Yield what a fact tells of a shared purchase."""
    if isinstance(fact, PurchaseShared):
        yield "shared", fact.purchase, SharedPurchase(until=fact.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPurchase:
    """How long the account keeps it; a later word prolongs that."""

    until: datetime

    def join(self, other: SharedPurchase) -> SharedPurchase:
        """Keep the later end."""
        return self if self.until >= other.until else other
