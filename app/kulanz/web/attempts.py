"""Counts attempts by source address: at the console's login, and at the page behind a mail's link."""

from __future__ import annotations

from datetime import timedelta
from threading import Lock

MOST_ADDRESSES = 20_000
"""Maximum number of sources; beyond it the oldest counter is deleted."""


class Attempts:
    """Fixed-window counter of attempts by source, in the memory of one process.

    It is not in the database, so that a flood of wrong passwords or tokens writes nothing.
    """

    def __init__(self, limit: int, window: timedelta) -> None:
        self._limit = limit
        self._window = window.total_seconds()
        self._counts: dict[str, tuple[int, float]] = {}
        self._lock = Lock()

    def wait(self, source: str, now: float) -> float:
        """Count an attempt; return the seconds until another one may be judged, zero where this one may."""
        with self._lock:
            self._drop_ended(now)
            count, until = self._counts.get(source, (0, now + self._window))
            self._counts[source] = (count + 1, until)
            while len(self._counts) > MOST_ADDRESSES:
                self._drop_oldest()
        return until - now if count >= self._limit else 0.0

    def uncount(self, source: str) -> None:
        """Take an attempt back, as after a login that was right; what was counted before it stays.

        Otherwise a user of few rights could guess another's password between logins of their own.
        """
        with self._lock:
            count, until = self._counts.get(source, (0, 0.0))
            if count:
                self._counts[source] = (count - 1, until)

    def _drop_ended(self, now: float) -> None:
        while self._counts and next(iter(self._counts.values()))[1] <= now:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        del self._counts[next(iter(self._counts))]  # All windows are equally long, so the first one ends first.
