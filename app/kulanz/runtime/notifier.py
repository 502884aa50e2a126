"""Wake-up signals through Redis: a worker learns that the database has work for it. They carry no work.

A signal puts a token on a list that a waiting job reads with BLPOP, and makes sure that one RQ job is queued for the
worker that comes free next. Losing every signal delays the work until the next sweep of the database; it loses none.
"""

from __future__ import annotations

import threading
import time
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.utils import now

from kulanz.errors import KulanzError
from kulanz.telemetry import metrics

EVENTS_QUEUE = "kulanz-events"
"""The RQ queue whose worker applies events and timers."""
EFFECTS_QUEUE = "kulanz-effects"
"""The RQ queue whose worker delivers effects."""
QUEUES = (EVENTS_QUEUE, EFFECTS_QUEUE)
JOBS = {EVENTS_QUEUE: "kulanz_workers.jobs.drain", EFFECTS_QUEUE: "kulanz_workers.jobs.deliver"}
"""The one job of each queue, by its dotted path: the only ones that a worker runs (a test resolves them)."""

NOTIFY_TIMEOUT = 0.25
"""Maximum time of a wake-up signal, in seconds."""
REDIS_RETRY_AFTER = 1.0
"""Seconds for which a Redis that failed is not asked again."""
JOB_RESULT_TTL = 60
"""Seconds that RQ keeps the record of a job that ended well; a failed one stays a day."""
FAILED_JOB_TTL = 86_400
SENTINEL_PORT = 26_379

NOTIFY_SCRIPT = """
redis.call('DEL', KEYS[1])
redis.call('LPUSH', KEYS[1], '1')
return redis.call('LLEN', KEYS[2])
"""
ENQUEUE_SCRIPT = """
if redis.call('LLEN', KEYS[1]) > 0 then return 0 end
redis.call('HSET', KEYS[2], unpack(ARGV, 3))
redis.call('SADD', 'rq:queues', KEYS[1])
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
"""


class NotifierUnavailableError(KulanzError):
    """Redis does not answer: look at the database instead."""

    status = 503
    retryable = True
    title = "Redis unavailable"


class Notifier:
    """Sends wake-up signals to a queue's worker, and waits for them there. Thread-safe; connects on first use."""

    def __init__(self, redis_url: str | None) -> None:
        self._url = redis_url
        self._lock = threading.Lock()
        self._connections: dict[float, Redis] = {}
        self._broken_until = 0.0

    def notify(self, queue: str = EVENTS_QUEUE) -> bool:
        """Wake the queue's worker; return whether Redis accepted the signal. Never raises."""
        delivered = self._delivered(queue)
        metrics.NOTIFICATIONS.labels(queue, "yes" if delivered else "no").inc()
        return delivered

    def wait(self, seconds: float, queue: str = EVENTS_QUEUE) -> bool:
        """Wait for a wake-up signal at most so long and return whether there was one.

        Raise NotifierUnavailableError where there is no Redis to listen to.
        """
        if self._url is None:
            raise NotifierUnavailableError("REDIS_URL is not set")
        try:
            return (
                self._connection(seconds + NOTIFY_TIMEOUT).blpop([notification_key(queue)], timeout=seconds) is not None
            )
        except (RedisError, OSError, ValueError) as error:
            raise NotifierUnavailableError(f"Redis does not answer ({type(error).__name__})") from error

    def close(self) -> None:
        """Give the connections back."""
        for connection in self._connections.values():
            connection.close()

    def _delivered(self, queue: str) -> bool:
        if self._url is None or time.monotonic() < self._broken_until:
            return False
        try:
            self._notify(self._connection(NOTIFY_TIMEOUT / 2), queue)
        except (RedisError, OSError, ValueError):
            self._broken_until = time.monotonic() + REDIS_RETRY_AFTER
            return False
        return True

    def _connection(self, timeout: float) -> Redis:
        with self._lock:
            if timeout not in self._connections:
                self._connections[timeout] = connect(self._url or "", timeout=timeout)
            return self._connections[timeout]

    @staticmethod
    def _notify(redis: Redis, queue: str) -> None:
        """Signal in one short round trip; a job, which is much longer, goes out only where none is queued."""
        waiting = f"rq:queue:{queue}"
        if redis.eval(NOTIFY_SCRIPT, 2, notification_key(queue), waiting):
            return
        job = _job(redis, queue)
        fields = [part for field in job.to_dict().items() for part in field]
        redis.eval(ENQUEUE_SCRIPT, 2, waiting, job.key, job.id, FAILED_JOB_TTL, *fields)


def connect(url: str, *, timeout: float) -> Redis:
    """Return a client that gives up after `timeout` seconds and does not retry.

    `redis+sentinel://[user:password@]host:port,host:port/MASTER[/db]` asks Sentinels for the master.
    """
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": min(timeout, NOTIFY_TIMEOUT / 2),
        "retry": Retry(NoBackoff(), 0),
    }
    if urlsplit(url).scheme == "redis+sentinel":
        return _through_sentinels(url, options)
    return Redis.from_url(url, **options)


def notification_key(queue: str) -> str:
    """Return the list that a lingering job of the queue waits on."""
    return f"kulanz:bell:{queue}"


def _job(redis: Redis, queue: str) -> Job:
    job = Job.create(
        JOBS[queue],
        connection=redis,
        serializer=JSONSerializer,
        origin=queue,
        status=JobStatus.QUEUED,
        timeout=-1,
        result_ttl=JOB_RESULT_TTL,
        failure_ttl=FAILED_JOB_TTL,
        description=queue.removeprefix("kulanz-"),
    )
    job.enqueued_at = now()
    return job


def _through_sentinels(url: str, options: dict[str, Any]) -> Redis:
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    name, _, database = parts.path.strip("/").partition("/")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    asking = {key.removeprefix("sentinel_"): value for key, value in query.items() if key.startswith("sentinel_")}
    tls = {key: value for key, value in query.items() if key.startswith("ssl_")}
    instances = [_instance(host) for host in hosts.split(",")]
    sentinel = Sentinel(instances, sentinel_kwargs={**options, **asking})  # type: ignore[no-untyped-call]
    master: Redis = sentinel.master_for(  # type: ignore[no-untyped-call]
        name or "mymaster",
        db=int(database or 0),
        username=unquote(user) or None,
        password=unquote(password) or None,
        ssl=query.get("ssl") == "true",
        **tls,
        **options,
    )
    return master


def _instance(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return (host.strip("[]"), int(port)) if host else (text, SENTINEL_PORT)
