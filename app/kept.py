"""A value that is costly to find, kept for a while: one thread finds it anew, the others take what was."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

SHARE = 20
"""A value that took a second to find is kept for at least so many."""


class Kept(Generic[T]):
    """Finds the value when it is first asked for; an error is raised to who asked, and keeps nothing."""

    def __init__(self, find: Callable[[], T], seconds: float) -> None:
        self._find = find
        self._seconds = seconds
        self._lock = threading.Lock()
        self._value: tuple[T] | None = None
        self._until = 0.0

    def get(self) -> T:
        """Return the value, at most `seconds` old unless it is being found anew at this moment."""
        known = self._value
        if known is not None and (time.monotonic() < self._until or not self._lock.acquire(blocking=False)):
            return known[0]
        if known is None:
            self._lock.acquire()
        try:
            return self._anew()
        finally:
            self._lock.release()

    def _anew(self) -> T:
        if self._value is not None and time.monotonic() < self._until:
            return self._value[0]
        began = time.monotonic()
        value = self._find()
        took = time.monotonic() - began
        self._value, self._until = (value,), time.monotonic() + max(self._seconds, took * SHARE)
        return value
