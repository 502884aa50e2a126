"""Records of one pot of prepaid credit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from kulanz.policy.book.joining import join_maps
from kulanz.policy.facts import CreditBooked, CreditEnded


def entries(fact: object) -> Iterator[tuple[str, str, CreditPot]]:
    """Yield the records of prepaid credit in a fact."""
    match fact:
        case CreditBooked():
            yield "credit", fact.pot, CreditPot(booked={fact.id: CreditEntryRecord(told=fact)})
        case CreditEnded():
            yield "credit", fact.pot, CreditPot(ended=fact)
        case _:
            pass


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditEntryRecord:
    """A movement of credit; the same id is the same movement."""

    told: CreditBooked

    def join(self, other: CreditEntryRecord) -> CreditEntryRecord:
        """Keep one of two words under one id, always the same one."""
        return self if self == other else max(self, other, key=lambda record: (record.told.at, repr(record.told)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditPot:
    """Every movement of one pot, and its end."""

    booked: Mapping[str, CreditEntryRecord] = field(default_factory=dict)
    ended: CreditEnded | None = None

    def join(self, other: CreditPot) -> CreditPot:
        """Keep every movement, and the first end."""
        ends = [fact for fact in (self.ended, other.ended) if fact is not None]
        return CreditPot(
            booked=join_maps(self.booked, other.booked),
            ended=min(ends, key=lambda fact: (fact.at, repr(fact)), default=None),
        )
