"""RQ's worker as we use it: one queue, only our own jobs, nothing that another Redis client could make it call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

from redis import Redis
from rq import Queue, SimpleWorker
from rq.exceptions import DequeueTimeout
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty
from rq.worker import WorkerStatus

from kulanz.errors import RefusedError
from kulanz.runtime.notifier import EFFECTS_QUEUE, EVENTS_QUEUE, JOBS
from kulanz.telemetry.logs import log

FORMER = {"workers.jobs.drain": JOBS[EVENTS_QUEUE], "workers.jobs.deliver": JOBS[EFFECTS_QUEUE]}
"""Former names of our jobs, which an upgraded installation may still have in its queues."""


def resolved(paths: Mapping[str, str] = JOBS) -> dict[str, Callable[[], None]]:
    """Return each of our jobs by its dotted path."""
    document = {}
    for path in paths.values():
        module, _, name = path.rpartition(".")
        document[path] = getattr(import_module(module), name)
    return document


class OurJob(Job):
    """One of our jobs: callbacks, webhooks, arguments and retries in Redis are ignored."""

    success_callback = None
    failure_callback = None
    stopped_callback = None
    should_retry = False

    def perform(self) -> None:
        """Run our own function of that name; raise RefusedError for any other."""
        name = str(self.func_name)
        function = resolved().get(FORMER.get(name, name))
        if function is None or self.instance or self.args or self.kwargs:
            raise RefusedError("not a job of Kulanz")
        function()

    def send_webhooks(self, *_: Any, **__: Any) -> None:
        """Send no notification."""


class NoTimeLimit(BaseDeathPenalty):
    """Replaces RQ's alarm, which would end a job in the middle of a transaction; our jobs limit their own time."""

    def setup_death_penalty(self) -> None:
        """Set no alarm."""

    def cancel_death_penalty(self) -> None:
        """Cancel none."""


class QueueWorker(SimpleWorker):
    """Takes the jobs of one queue; it leaves the loop when Redis goes, and has no remote control.

    `rq suspend` is part of that control: Redis may delay work, and stop none.
    """

    job_class = OurJob
    death_penalty_class = NoTimeLimit
    dequeue_timeout = 1
    connection_timeout = 2
    log_result_lifespan = False

    def __init__(self, queue: str, connection: Redis, name: str | None = None) -> None:
        queues = [Queue(queue, connection=connection, serializer=JSONSerializer, job_class=OurJob)]
        super().__init__(
            queues,
            name=name,
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=30,
            maintenance_interval=60,
            log_job_description=False,
            exception_handlers=[_noted],
        )

    def serve(self, stopping: threading.Event, between: Callable[[], object]) -> None:
        """Run jobs until a signal stops the worker; call `between` after each job, and after a second without any.

        Raises RedisError without Redis.
        """
        while not stopping.is_set():
            self._turn()
            between()
        self.register_death()  # type: ignore[no-untyped-call]

    def _turn(self) -> None:
        if not self.connection.hexists(self.key, "birth"):  # At the start, and when Redis was emptied.
            self.connection.delete(self.key)
            self.register_birth()  # type: ignore[no-untyped-call]
        self.set_state(WorkerStatus.IDLE)
        self.heartbeat()
        if self.should_run_maintenance_tasks:
            self.run_maintenance_tasks()  # type: ignore[no-untyped-call]
        taken = self._take()
        if taken is not None:
            self.execute_job(*taken)

    def _take(self) -> tuple[Job, Queue] | None:
        with suppress(DequeueTimeout):
            return self.queue_class.dequeue_any(
                self.queues,
                self.dequeue_timeout,
                connection=self.connection,
                job_class=self.job_class,
                serializer=self.serializer,
                death_penalty_class=self.death_penalty_class,
            )
        return None


def _noted(job: Job, kind: type[BaseException], *_: object) -> bool:
    log.error("job.failed", job=job.id, error=kind.__name__)
    return True
