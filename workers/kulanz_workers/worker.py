"""A worker's post: at the doorbell while Redis answers, at the database while it does not."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping

from kulanz.errors import detail_of
from kulanz.runtime.notifier import EFFECTS, EVENTS, PATIENCE, connect
from kulanz.telemetry.logs import log
from kulanz_workers import jobs
from kulanz_workers.jobs import Station
from kulanz_workers.rq_worker import QueueWorker

POLL = 1.0
"""Seconds between two looks at the database while Redis is away."""
SWEEP = 5.0
"""Seconds between two looks while Redis is there: a ring may be lost, and the clock may be down."""
LONGEST_PAUSE = 15.0
SOCKET_TIMEOUT = 2.0
WORK: Mapping[str, Callable[[Station], bool]] = {EVENTS: jobs.process_all, EFFECTS: jobs.deliver_all}


class Post:
    """Works off one queue's share until told to stop."""

    def __init__(self, station: Station, queue: str) -> None:
        self._station = station
        self._queue = queue
        self._name = f"{queue}.{os.getpid()}.{secrets.token_hex(4)}"
        self._url = station.services.settings.redis_url
        self._swept_at = 0.0
        self._failures = 0

    def run(self) -> None:
        """Work at the bell; whenever that breaks, for whatever reason, at the database for a second."""
        stopping = self._station.stopping
        redis_was_there = True
        while not stopping.is_set():
            reason = self._at_the_bell()
            if reason and redis_was_there:
                log.warning("worker.without_redis", queue=self._queue, reason=reason)
            redis_was_there = not reason
            self.look()
            stopping.wait(POLL)

    def look(self) -> None:
        """Work off what the database has; a failure is logged and makes the next look wait a little longer."""
        try:
            WORK[self._queue](self._station)
            self._failures = 0
        except Exception as error:  # noqa: BLE001 - a worker outlives whatever one look runs into
            self._failures += 1
            log.warning("worker.failed", queue=self._queue, error=type(error).__name__, detail=detail_of(error))
            self._station.stopping.wait(min(POLL * 2**self._failures, LONGEST_PAUSE))

    def _at_the_bell(self) -> str | None:
        """Serve RQ's queue until told to stop; return why it came to an end before."""
        if self._url is None:
            return "REDIS_URL is not set"
        try:
            with connect(self._url, timeout=PATIENCE) as probe:
                probe.ping()
            with connect(self._url, timeout=SOCKET_TIMEOUT) as redis:
                QueueWorker(self._queue, redis, self._name).serve(self._station.stopping, self._sweep)
        except Exception as error:  # noqa: BLE001 - whatever another Redis client wrote must not end the worker
            return type(error).__name__
        return None

    def _sweep(self) -> None:
        if time.monotonic() - self._swept_at >= SWEEP:
            self.look()
            self._swept_at = time.monotonic()
