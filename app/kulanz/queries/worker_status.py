"""State of Redis and the workers: whether Redis answers, the living workers, and the lengths of their queues."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer

from kulanz.errors import KulanzError
from kulanz.formats.messages import Message, message
from kulanz.runtime.clock import real_now
from kulanz.runtime.notifier import QUEUES, connect

REDIS_TIMEOUT = 1.0
"""Seconds that Redis may take."""
HEARTBEAT_TIMEOUT = timedelta(minutes=1)
"""Age of a heartbeat after which a worker counts as killed; RQ removes it a little later."""


class RedisUnavailableError(KulanzError):
    """Redis does not answer, so its workers are unknown."""

    status = 503
    retryable = True
    title = "Redis unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A living worker process."""

    name: str
    queues: tuple[str, ...]
    state: str
    seen_at: datetime

    @property
    def is_ours(self) -> bool:
        """Whether `kulanz worker` runs it, which names its workers by their queue."""
        return any(self.name.startswith(f"{queue}.") for queue in QUEUES)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """State reported by Redis, or `problem`: then nothing else is known, and nothing is shown as 0."""

    problem: Message | None = None
    workers: tuple[Worker, ...] = ()
    failed_jobs: int = 0
    queued_jobs: int = 0

    @property
    def foreign(self) -> tuple[str, ...]:
        """Names of foreign workers that take our jobs, such as `rq worker kulanz-events`."""
        return tuple(worker.name for worker in self.workers if not worker.is_ours and set(worker.queues) & {*QUEUES})

    @property
    def unserved(self) -> tuple[str, ...]:
        """The queues that no worker listens on."""
        attended = {name for worker in self.workers if worker.is_ours for name in worker.queues}
        return tuple(name for name in QUEUES if name not in attended)


def worker_status(redis_url: str | None) -> WorkerStatus:
    """Ask Redis; never raises."""
    if redis_url is None:
        return WorkerStatus(problem=message("not set: workers ask the database every second"))
    try:
        return _query_redis(redis_url)
    except (RedisError, OSError, ValueError) as error:
        return WorkerStatus(problem=message("does not answer ({error})", error=type(error).__name__))


def _query_redis(redis_url: str) -> WorkerStatus:
    with connect(redis_url, timeout=REDIS_TIMEOUT) as redis:
        now = real_now()
        matches = SimpleWorker.all(connection=redis, serializer=JSONSerializer)
        workers = [
            Worker(
                name=worker.name,
                queues=tuple(worker.queue_names()),
                state=str(worker.get_state()),
                seen_at=worker.last_heartbeat,
            )
            for worker in matches
            if worker.last_heartbeat is not None and now - worker.last_heartbeat < HEARTBEAT_TIMEOUT
        ]
        failed = [FailedJobRegistry(name, connection=redis, serializer=JSONSerializer) for name in QUEUES]
        queues = [Queue(name, connection=redis, serializer=JSONSerializer) for name in QUEUES]
        return WorkerStatus(
            workers=tuple(sorted(workers, key=lambda worker: worker.queues)),
            failed_jobs=sum(registry.get_job_count(cleanup=False) for registry in failed),
            queued_jobs=sum(queue.count for queue in queues),
        )
