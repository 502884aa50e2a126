"""The chapter on moves: that one was recorded is told; what it means for a refund, the refunds' chapter judges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from kulanz.policy.areas.area import Chapter
from kulanz.policy.facts import OwnFact
from kulanz.policy.state import Change, Step


class Moving(Chapter):
    """A move from the cloud to on-premise (bitrix24)."""

    about: ClassVar[tuple[str, ...]] = ("moves",)

    def changes(self, step: Step, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Yield the move that was just recorded."""
        for key, one in step.new.moves.items():
            if key not in step.old.moves:
                policy = step.terms.at(step.after.as_of)
                told = one.told
                yield Change(
                    rule="move.recorded",
                    clause=policy.refund.move_clause,
                    policy=policy,
                    subject=key,
                    rank=33,
                    detail={"moved_at": told.moved_at, "actor": told.actor, "reason": told.reason or None},
                )
