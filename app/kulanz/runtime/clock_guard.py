"""A guard against jumps of the host's clock: one of more than a day must not fire a month of timers (DOMAIN 3)."""

from __future__ import annotations

from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from kulanz.store import shared_values
from kulanz.store.database import Connection

LAST_SEEN_KEY = "last_seen"
JUMP_KEY = "clock_jump"
MAX_JUMP = timedelta(days=1)
MIN_STEP = timedelta(seconds=2)
RECORD_INTERVAL = timedelta(minutes=1)


def is_trusted(tx: Connection, now_real: datetime) -> bool:
    """Compare the host's time with the last time in the database, store it, and return whether timers may fire.

    After a jump, in either direction, the answer stays no until an operator has called `accept`.
    """
    if shared_values.get(tx, JUMP_KEY) is not None:
        return False
    seen = shared_values.get(tx, LAST_SEEN_KEY)
    if seen is not None and abs(now_real - datetime.fromisoformat(seen)) > MAX_JUMP:
        shared_values.put(tx, JUMP_KEY, {"last_seen": seen, "found": now_real.isoformat()})
        return False
    if seen is None or abs(now_real - datetime.fromisoformat(seen)) >= RECORD_INTERVAL:
        shared_values.put(tx, LAST_SEEN_KEY, now_real.isoformat())
    return True


def jump(tx: Connection) -> Any:
    """Return `{"last_seen", "found"}` of a jump that was not accepted yet, or None."""
    return shared_values.get(tx, JUMP_KEY)


def accept(tx: Connection, now_real: datetime) -> None:
    """Let timers fire again by the host's time as it is now."""
    shared_values.put(tx, JUMP_KEY, None)
    shared_values.put(tx, LAST_SEEN_KEY, now_real.isoformat())


class ClockWatch:
    """Notices that the host's clock was set back, by a clock that cannot be."""

    def __init__(self, now_real: datetime) -> None:
        self._real, self._monotonic = now_real, monotonic()

    def was_set_back(self, now_real: datetime) -> bool:
        """Whether the clock was set back since the last call, by more than NTP's corrections."""
        elapsed = timedelta(seconds=monotonic() - self._monotonic)
        back = self._real + elapsed - now_real > MIN_STEP
        self._real, self._monotonic = now_real, monotonic()
        return back
