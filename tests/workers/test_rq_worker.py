from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Iterator

import pytest
from redis import Redis
from rq import Queue
from rq.job import Job
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer

from app.doorbell import EVENTS, JOBS, Bell, connect
from workers.rq_worker import QueueWorker, resolved


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with connect(redis_url, timeout=3) as redis:
        yield redis


@pytest.fixture
def queue(redis: Redis) -> Queue:
    return Queue(EVENTS, connection=redis, serializer=JSONSerializer)


def work_until_idle(redis: Redis) -> None:
    """Serve until a second has passed without a job."""
    stopping = threading.Event()
    QueueWorker(EVENTS, redis).serve(stopping, stopping.set)


def failed(redis: Redis) -> list[str]:
    return FailedJobRegistry(EVENTS, connection=redis, serializer=JSONSerializer).get_job_ids()


def test_the_jobs_that_a_ring_names_exist():
    assert set(resolved()) == set(JOBS.values())
    assert all(callable(job) for job in resolved().values())


def test_a_job_that_is_not_ours_is_refused(redis, queue, tmp_path):
    touched = tmp_path / "touched"
    job = queue.enqueue("os.system", f"touch {touched}")

    work_until_idle(redis)

    assert not touched.exists()
    assert failed(redis) == [job.id]
    assert queue.count == 0


@pytest.mark.parametrize("callback", ["success_callback_name", "failure_callback_name", "stopped_callback_name"])
def test_a_callback_in_a_job_is_not_called(redis, queue, tmp_path, callback):
    """`pathlib.Path.touch` would be called with the job as its path, and `os.mkdir` alike: either leaves a trace."""
    job = queue.enqueue("workers.jobs.nothing")
    redis.hset(job.key, mapping={callback: "antigravity.geohash", "webhooks": '[{"url": "http://127.0.0.1:1/"}]'})

    work_until_idle(redis)

    stored = Job.fetch(job.id, connection=redis, serializer=JSONSerializer)
    assert "antigravity" not in str(stored.latest_result().exc_string)
    assert "not a job of Kulanz" in str(stored.latest_result().exc_string)


def test_our_job_with_arguments_is_not_ours(redis, queue):
    job = queue.enqueue("workers.jobs.drain", "something")

    work_until_idle(redis)

    assert failed(redis) == [job.id]


@pytest.mark.parametrize(
    "data",
    [b"", b"no JSON", b"[1]", json.dumps(["os.system", None, [], {}]).encode(), b"[" * 100_000, zlib.compress(b"x")],
)
def test_junk_in_a_job_does_not_end_the_worker(redis, queue, data):
    job = queue.enqueue("workers.jobs.drain")
    redis.hset(job.key, mapping={"data": data, "retries_left": 1000})
    queue.enqueue("os.getpid")

    work_until_idle(redis)

    assert queue.count == 0
    assert len(failed(redis)) == 2


def test_a_worker_leaves_nothing_registered(redis):
    work_until_idle(redis)

    assert QueueWorker.count(connection=redis) == 0


def test_a_rung_job_reaches_the_worker_as_ours(redis, redis_url, queue):
    bell = Bell(redis_url)
    bell.ring(EVENTS)

    (job,) = QueueWorker(EVENTS, redis).queues[0].jobs

    assert (job.func_name, list(job.args), job.kwargs, job.instance) == ("workers.jobs.drain", [], {}, None)
    bell.close()
