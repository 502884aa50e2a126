"""Cache for values that are expensive to compute: one thread recomputes, the others get the old value meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from kulanz.errors import detail_of
from kulanz.telemetry.logs import log

T = TypeVar("T")

KEPT_PER_SECOND_SPENT = 20
"""A value that took a second to find is kept for at least so many."""
WAIT_WITH_VALUE, WAIT_WITHOUT_VALUE = 0.05, 3.0
"""Seconds to wait for a new value: where there is one already, and where there is none."""
STALE_AFTER = 60.0
"""Seconds after which an outdated value is no longer returned."""


class Cached(Generic[T]):
    """Computes the value at the first call; an error is raised to the caller, and nothing is cached."""

    def __init__(self, find: Callable[[], T], seconds: float) -> None:
        self._find = find
        self._seconds = seconds
        self._lock = threading.Lock()
        self._value: tuple[T] | None = None
        self._until = 0.0

    def get(self) -> T:
        """Return the value, at most `seconds` old unless another thread recomputes it at this moment."""
        cached = self._value
        if cached is not None and (time.monotonic() < self._until or not self._lock.acquire(blocking=False)):
            return cached[0]
        if cached is None:
            self._lock.acquire()
        try:
            return self._refresh()
        finally:
            self._lock.release()

    def _refresh(self) -> T:
        if self._value is not None and time.monotonic() < self._until:
            return self._value[0]
        began = time.monotonic()
        value = self._find()
        took = time.monotonic() - began
        self._value, self._until = (value,), time.monotonic() + max(self._seconds, took * KEPT_PER_SECOND_SPENT)
        return value


class BackgroundValue(Generic[T]):
    """Value computed by a thread of its own, so that callers wait for it only a moment.

    A computation that fails or takes too long leaves no value: an old value is never returned as a new one.
    """

    def __init__(self, find: Callable[[], T], seconds: float) -> None:
        self._find = find
        self._seconds = seconds
        self._lock = threading.Lock()
        self._latest: tuple[T, float] | None = None
        self._next = 0.0
        self._search: threading.Thread | None = None

    @property
    def value(self) -> T | None:
        """The last value; None if the computation failed, or was too long ago."""
        latest = self._latest
        return latest[0] if latest is not None and time.monotonic() < latest[1] else None

    def refresh(self) -> threading.Thread | None:
        """Start a computation if it is due; return the running one."""
        with self._lock:
            searching = self._search is not None and self._search.is_alive()
            if not searching and time.monotonic() >= self._next:
                self._search = threading.Thread(target=self._run, name="reading", daemon=True)
                self._search.start()
            return self._search

    def _run(self) -> None:
        began = time.monotonic()
        try:
            value = self._find()
        except Exception as error:  # noqa: BLE001 - after any error there is no value, and the caller gets None
            log.warning("gauge.failed", error=type(error).__name__, detail=detail_of(error))
            self._latest, self._next = None, time.monotonic() + self._seconds
            return
        ended = time.monotonic()
        self._next = ended + max(self._seconds, (ended - began) * KEPT_PER_SECOND_SPENT)
        self._latest = value, self._next + STALE_AFTER


def gather(values: Sequence[BackgroundValue[Any]]) -> None:
    """Start all due computations and wait a moment for them; longer for one that has no value yet."""
    searches = [(background, thread) for background in values if (thread := background.refresh()) is not None]
    began = time.monotonic()
    for background, thread in searches:
        wait = WAIT_WITH_VALUE if background.value is not None else WAIT_WITHOUT_VALUE
        thread.join(max(0.0, began + wait - time.monotonic()))
