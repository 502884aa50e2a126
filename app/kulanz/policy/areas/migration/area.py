"""The area of moves: shows that one was recorded; the area of refunds judges what it means for a refund."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from kulanz.policy.areas.area import Area
from kulanz.policy.facts import OwnFact
from kulanz.policy.state import Change, Transition


class MigrationArea(Area):
    """A move from the cloud to on-premise (bitrix24)."""

    families: ClassVar[tuple[str, ...]] = ("moves",)

    def changes(self, step: Transition, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Yield the move that was just recorded."""
        for key, move in step.new.moves.items():
            if key not in step.old.moves:
                policy = step.terms.at(step.after.as_of)
                fact = move.told
                yield Change(
                    rule="move.recorded",
                    clause=policy.refund.move_clause,
                    policy=policy,
                    subject=key,
                    rank=33,
                    detail={"moved_at": fact.moved_at, "actor": fact.actor, "reason": fact.reason or None},
                )
