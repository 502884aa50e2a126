from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator

import pytest
from redis import Redis
from rq import Queue
from rq.job import Job
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer

from kulanz.runtime.notifier import EVENTS_QUEUE, JOBS, Notifier, connect
from kulanz_workers.rq_worker import QueueWorker, resolved


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with connect(redis_url, timeout=3) as redis:
        yield redis


@pytest.fixture
def queue(redis: Redis) -> Queue:
    return Queue(EVENTS_QUEUE, connection=redis, serializer=JSONSerializer)


def work_off(redis: Redis, queue: Queue) -> list[int]:
    """Serve until the queue is empty; return how many jobs waited each time that the database was looked at."""
    stopping, waiting = threading.Event(), []

    def between() -> None:
        waiting.append(queue.count)
        if not waiting[-1]:
            stopping.set()

    QueueWorker(EVENTS_QUEUE, redis).serve(stopping, between)
    return waiting


def failed(redis: Redis) -> list[str]:
    return FailedJobRegistry(EVENTS_QUEUE, connection=redis, serializer=JSONSerializer).get_job_ids()


def test_the_jobs_that_a_notification_names_exist():
    assert set(resolved()) == set(JOBS.values())
    assert all(callable(job) for job in resolved().values())


def test_a_job_that_is_not_ours_is_refused(redis, queue, tmp_path):
    touched = tmp_path / "touched"
    job = queue.enqueue("os.system", f"touch {touched}")

    work_off(redis, queue)

    assert not touched.exists()
    assert failed(redis) == [job.id]
    assert queue.count == 0


def test_no_callback_of_a_job_is_called(redis, queue):
    """`antigravity.geohash` exists and would fail in its own way."""
    names = ("success_callback_name", "failure_callback_name", "stopped_callback_name")
    jobs = [queue.enqueue("kulanz_workers.jobs.nothing") for _ in names]
    for job, name in zip(jobs, names, strict=True):
        redis.hset(job.key, mapping={name: "antigravity.geohash", "webhooks": '[{"url": "http://127.0.0.1:1/"}]'})

    work_off(redis, queue)

    for job in jobs:
        said = Job.fetch(job.id, connection=redis, serializer=JSONSerializer).latest_result().exc_string
        assert "not a job of Kulanz" in said
        assert "antigravity" not in said


JUNK = (b"", b"no JSON", b"[1]", b'["os.system", null, [], {}]', b"[" * 100_000, zlib.compress(b"x"))


def test_junk_does_not_end_the_worker_which_leaves_nothing_behind(redis, queue):
    for data in JUNK:
        job = queue.enqueue("kulanz_workers.jobs.drain")
        redis.hset(job.key, mapping={"data": data, "retries_left": 1000})
    queue.enqueue("kulanz_workers.jobs.drain", "with an argument")

    work_off(redis, queue)

    assert queue.count == 0
    assert len(failed(redis)) == len(JUNK) + 1
    assert QueueWorker.count(connection=redis) == 0


def test_between_any_two_jobs_the_database_is_looked_at_so_that_a_flood_of_junk_delays_nothing(redis, queue):
    for _ in range(3):
        queue.enqueue("os.system", "true")

    assert work_off(redis, queue) == [2, 1, 0]


def test_a_rung_job_reaches_the_worker_as_ours(redis, redis_url, queue):
    notifier = Notifier(redis_url)
    notifier.notify(EVENTS_QUEUE)

    (job,) = QueueWorker(EVENTS_QUEUE, redis).queues[0].jobs

    assert (job.func_name, list(job.args), job.kwargs, job.instance) == ("kulanz_workers.jobs.drain", [], {}, None)
    notifier.close()
