"""Jobs that an older version left in RQ's queues are run by this one."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from rq import Queue
from rq.job import JobStatus
from rq.serializers import JSONSerializer

from kulanz.runtime.notifier import EFFECTS_QUEUE, EVENTS_QUEUE, connect
from kulanz_workers import jobs
from kulanz_workers.jobs import WorkerContext
from kulanz_workers.rq_worker import QueueWorker
from tests.days import product, settings_of


@pytest.mark.parametrize(
    ("queue", "former"), [(EVENTS_QUEUE, "workers.jobs.drain"), (EFFECTS_QUEUE, "workers.jobs.deliver")]
)
def test_a_job_under_its_former_name_is_run(
    queue: str, former: str, redis_url: str, sqlite_url: str, tmp_path: Path
) -> None:
    at_once, stopping = threading.Event(), threading.Event()
    at_once.set()
    with (
        product(settings_of(tmp_path, sqlite_url, redis_url=redis_url)) as services,
        connect(redis_url, timeout=3) as redis,
    ):
        jobs.CONTEXT[:] = [WorkerContext(services=services, stopping=at_once)]
        job = Queue(queue, connection=redis, serializer=JSONSerializer).enqueue(former)

        QueueWorker(queue, redis).serve(stopping, stopping.set)

        assert job.get_status() is JobStatus.FINISHED
    jobs.CONTEXT.clear()
