"""Conditions of the API today: slow, over its limit, out of order, or away."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

WINDOW_SECONDS = 60.0
TOO_MANY = 429


@dataclass(slots=True, kw_only=True)
class NetworkConditions:
    """Set the faults; `clock` is the clock of the rate limit, in seconds."""

    limit: int = 300
    clock: Callable[[], float] = time.monotonic
    slow: float = 0.0
    """Seconds before every answer."""
    answers: deque[int] = field(default_factory=deque)
    """Statuses that replace the answers of the next requests."""
    away: bool = False
    """Connections are broken instead of answered."""
    served: int = 0
    _taken: deque[float] = field(default_factory=deque)

    def take(self) -> tuple[int | None, int, int]:
        """Count a request; return the status instead of its answer, the rest of the rate limit, and the retry time."""
        now = self.clock()
        while self._taken and self._taken[0] <= now - WINDOW_SECONDS:
            self._taken.popleft()
        self.served += 1
        if self.answers:
            return self.answers.popleft(), self._remaining, 1
        if len(self._taken) >= self.limit:
            return TOO_MANY, 0, max(1, round(self._taken[0] + WINDOW_SECONDS - now))
        self._taken.append(now)
        return None, self._remaining, 0

    @property
    def _remaining(self) -> int:
        return max(self.limit - len(self._taken), 0)
