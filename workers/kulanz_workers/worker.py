"""A worker's loop: it serves RQ's queue while Redis answers, and polls the database while it does not."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping

from kulanz.errors import detail_of
from kulanz.runtime.notifier import EFFECTS_QUEUE, EVENTS_QUEUE, NOTIFY_TIMEOUT, connect
from kulanz.telemetry.logs import log
from kulanz_workers import jobs
from kulanz_workers.jobs import WorkerContext
from kulanz_workers.rq_worker import QueueWorker

POLL_INTERVAL = 1.0
"""Seconds between two looks at the database while Redis is away."""
SWEEP_INTERVAL = 5.0
"""Seconds between two looks while Redis is there: a wake-up signal may be lost, and the scheduler may be down."""
MAX_BACKOFF = 15.0
SOCKET_TIMEOUT = 2.0
WORK_OF_QUEUE: Mapping[str, Callable[[WorkerContext], bool]] = {
    EVENTS_QUEUE: jobs.process_all,
    EFFECTS_QUEUE: jobs.deliver_all,
}


class Worker:
    """Processes one queue's share until a signal stops the worker."""

    def __init__(self, context: WorkerContext, queue: str) -> None:
        self._context = context
        self._queue = queue
        self._name = f"{queue}.{os.getpid()}.{secrets.token_hex(4)}"
        self._url = context.services.settings.redis_url
        self._swept_at = 0.0
        self._failures = 0

    def run(self) -> None:
        """Serve the queue; each time that breaks, for any reason, poll the database and try again after a second."""
        stopping = self._context.stopping
        redis_was_there = True
        while not stopping.is_set():
            reason = self._serve_queue()
            if reason and redis_was_there:
                log.warning("worker.without_redis", queue=self._queue, reason=reason)
            redis_was_there = not reason
            self.poll()
            stopping.wait(POLL_INTERVAL)

    def poll(self) -> None:
        """Process due work; a failure is logged and delays the next check a little."""
        try:
            WORK_OF_QUEUE[self._queue](self._context)
            self._failures = 0
        except Exception as error:  # noqa: BLE001 - a worker outlives every error of one run
            self._failures += 1
            log.warning("worker.failed", queue=self._queue, error=type(error).__name__, detail=detail_of(error))
            self._context.stopping.wait(min(POLL_INTERVAL * 2**self._failures, MAX_BACKOFF))

    def _serve_queue(self) -> str | None:
        """Serve RQ's queue until a signal stops the worker; return the reason for an earlier end."""
        if self._url is None:
            return "REDIS_URL is not set"
        try:
            with connect(self._url, timeout=NOTIFY_TIMEOUT) as probe:
                probe.ping()
            with connect(self._url, timeout=SOCKET_TIMEOUT) as redis:
                QueueWorker(self._queue, redis, self._name).serve(self._context.stopping, self._sweep)
        except Exception as error:  # noqa: BLE001 - data of another Redis client must not end the worker
            return type(error).__name__
        return None

    def _sweep(self) -> None:
        if time.monotonic() - self._swept_at >= SWEEP_INTERVAL:
            self.poll()
            self._swept_at = time.monotonic()
