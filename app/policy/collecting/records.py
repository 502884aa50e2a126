"""What the book keeps of debts: transfers that people recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.policy.deeds import CaseLog
from app.policy.facts.collecting import DunningPaused, PaymentRecorded


def entries(fact: object) -> Iterator[tuple[str, str, Any]]:
    """Yield what one fact tells of debts: the family of the book, the key in it, and the record."""
    match fact:
        case PaymentRecorded():
            yield "transfers", fact.id, Transfer(told=fact)
        case DunningPaused():
            yield "cases", fact.case, CaseLog(paused=((fact.since, fact.until),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One transfer; the same id is the same transfer."""

    told: PaymentRecorded

    def join(self, other: Transfer) -> Transfer:
        """Keep the later word under one id."""
        return self if self == other else max(self, other, key=lambda one: (one.told.at, repr(one.told)))

    @property
    def unmatched(self) -> int:
        """What pays no claim: it is the payer's, and a person decides what becomes of it."""
        return self.told.amount - sum(share.amount for share in self.told.shares)
