"""A heartbeat of the receiver: reports every second whether its spool is empty, so that timers need not guess."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Event as Signal
from threading import Lock, Thread

from kulanz.errors import StorageUnavailableError
from kulanz.ingest.spooling import SpoolFallback
from kulanz.runtime.clock import real_now
from kulanz.store import receivers
from kulanz.store.database import Database
from kulanz.telemetry.logs import log

REPORT_INTERVAL = 1.0
TEST_INTERVAL = 0.1
"""Under a test clock days go by in seconds, and each timer waits for a report."""


class SpoolReports:
    """Reports from a thread of its own until closed. All processes that share a spool report under its name."""

    def __init__(
        self, database: Database, fallback: SpoolFallback | None, *, interval: float, answered: Callable[[], object]
    ) -> None:
        """`answered` is called when a worker's question is answered, for which it may wait."""
        self._database = database
        self._fallback = fallback
        self._interval = interval
        self._answered = answered
        self._starting = Lock()
        self._closing = Signal()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Start the thread, once, where there is a spool. Call it after any fork."""
        if self._fallback is None or self._thread is not None:
            return
        with self._starting:
            if self._thread is None:
                self._thread = Thread(target=self._run, args=(self._fallback,), name="spool-reports", daemon=True)
                self._thread.start()

    def close(self, timeout: float | None = None) -> None:
        """End the thread, and wait `timeout` seconds for it. A receiver whose spool is empty is expected no more."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def report(self) -> bool:
        """Report the spool now; return whether that answers a worker's question for the first time."""
        if self._fallback is None:
            return False
        name = _name_of(self._fallback)
        return name is not None and self._report(name, self._fallback)

    def _report(self, name: str, fallback: SpoolFallback) -> bool:
        answers = False
        # A report that fails is missed, and that is what its absence says.
        with suppress(StorageUnavailableError), self._database.relaxed() as tx:
            answers = receivers.report(tx, name, real_now(), lambda: fallback.empty)
        if answers:
            self._answered()
        return answers

    def _run(self, fallback: SpoolFallback) -> None:
        name = _name_of(fallback)
        while name is not None and not self._closing.is_set():
            self._report(name, fallback)
            self._closing.wait(self._interval)
        if name is not None and fallback.empty:
            with suppress(StorageUnavailableError), self._database.relaxed() as tx:
                receivers.leave(tx, name)


def _name_of(fallback: SpoolFallback) -> str | None:
    try:
        return fallback.identity()
    except StorageUnavailableError as error:
        log.warning("spool.not_reported", detail=error.detail)
        return None
