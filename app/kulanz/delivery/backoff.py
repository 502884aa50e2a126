"""Backoff of failed attempts: quick repeats at first, then for three days of real time, then a person decides."""

from __future__ import annotations

from datetime import timedelta

from kulanz.delivery.report import AttemptReport, AttemptState, parked

DELAYS = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=4),
    timedelta(hours=8),
    timedelta(hours=12),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""The pause after the first, second, … attempt; together three days."""

LONGEST = timedelta(hours=24)
"""Longest pause that a remote server can ask for."""


def try_again(error: str, attempts: int, requested: timedelta | None = None) -> AttemptReport:
    """Return the report of a temporary failure: another attempt, or parked after the last pause.

    `attempts` were made before the failed one; `asked` is the pause that the remote server asked for.
    """
    if attempts >= len(DELAYS):
        return parked(f"given up after {attempts + 1} attempts: {error}")
    pause = max(DELAYS[attempts], min(requested or timedelta(), LONGEST))
    return AttemptReport(state=AttemptState.RETRY, error=error, retry_after=pause)
