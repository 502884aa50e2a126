"""The simulated clock: a planned act happens at its time, unless its subject has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from typing import Protocol


class Plannable(Protocol):
    """An object for which acts are planned."""

    generation: int
    """Grows with every change of the plan, so that acts planned before are void."""


@dataclass(slots=True)
class Timeline:
    """A time, and the acts that come with it. Set `now` before an act, to date its changes."""

    now: datetime
    _planned: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list, kw_only=True)
    _order: count[int] = field(default_factory=count, kw_only=True)

    def plan(self, at: datetime, subject: Plannable, act: Callable[[], None]) -> None:
        """Plan an act, which is void once its subject has changed."""
        generation = subject.generation

        def still() -> None:
            if subject.generation == generation:
                act()

        heappush(self._planned, (at, next(self._order), still))

    def next_due(self) -> datetime | None:
        """Return the time of the next scheduled act."""
        return self._planned[0][0] if self._planned else None

    def act_until(self, at: datetime) -> None:
        """Run the acts that are due by then, each at its time."""
        while self._planned and self._planned[0][0] <= at:
            due, _, act = heappop(self._planned)
            self.now = max(self.now, due)
            act()
        self.now = max(self.now, at)
