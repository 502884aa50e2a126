"""The record of a move to on-premise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kulanz.policy.facts import MovedToOnPremise


def entries(fact: object) -> Iterator[tuple[str, str, Move]]:
    """Yield the records of a move in a fact."""
    if isinstance(fact, MovedToOnPremise):
        yield "moves", fact.id, Move(told=fact)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A move; the same id is the same move."""

    told: MovedToOnPremise

    def join(self, other: Move) -> Move:
        """Keep one of two words under one id, always the same one."""
        return self if self == other else max(self, other, key=lambda move: (move.told.at, repr(move.told)))
