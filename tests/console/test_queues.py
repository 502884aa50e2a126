"""rq-dashboard inside the console: nothing past the guard, no change by GET, no password anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job, JobStatus
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer

from kulanz.runtime.notifier import EVENTS_QUEUE, JOBS
from tests.console.conftest import Serve
from tests.console.operator import Operator
from tests.servers import a_redis


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Queues are not in the database."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as connection:
        yield connection


@pytest.fixture
def failed_job(redis: Redis) -> str:
    """A job of ours that failed."""
    queue = Queue(EVENTS_QUEUE, connection=redis, serializer=JSONSerializer)
    job = queue.enqueue(JOBS[EVENTS_QUEUE])
    queue.empty()
    job = Job.create(
        JOBS[EVENTS_QUEUE], connection=redis, serializer=JSONSerializer, origin=EVENTS_QUEUE, status=JobStatus.FAILED
    )
    job.save()
    FailedJobRegistry(EVENTS_QUEUE, connection=redis, serializer=JSONSerializer).add(job, ttl=600)
    return str(job.id)


LINK = re.compile('<li><a href="([^"]+)"')


def header(page: str) -> str:
    """The navigation of a page."""
    return page.partition("<header")[2].partition("</header>")[0]


def state_of(redis: Redis) -> dict[bytes, Any]:
    """Everything that is in Redis."""
    return {key: redis.dump(key) for key in redis.scan_iter()}


@pytest.mark.usefixtures("failed_job")
def test_the_queues_are_shown_in_the_consoles_frame(operator: Operator) -> None:
    page = operator.see("/ops/queues/")
    queues = operator.client.get("/ops/queues/0/data/queues.json").json

    assert header(page) == header(operator.see("/ops/queues/0/view/workers"))
    assert LINK.findall(header(page)) == LINK.findall(header(operator.see("/ops/log")))
    assert '<a href="/ops/queues/" aria-current="page">Queues</a>' in page
    assert "The work itself is in the database" in page
    assert queues is not None
    assert [(queue["name"], queue["failed_job_registry_count"]) for queue in queues["queues"]] == [(EVENTS_QUEUE, 1)]


def test_no_get_changes_anything(operator: Operator, redis: Redis, failed_job: str) -> None:
    before = state_of(redis)

    for path in (
        "",
        "0/view/queues",
        "0/view/workers",
        "0/view/jobs",
        f"0/view/jobs/{EVENTS_QUEUE}/failed/8/asc/1",
        f"0/data/jobs/{EVENTS_QUEUE}/failed/8/asc/1.json",
        f"0/view/job/{failed_job}",
        f"0/data/job/{failed_job}.json",
        "0/data/workers.json",
    ):
        assert operator.client.get(f"/ops/queues/{path}").status_code in {200, 308}, path
    for path in (
        f"requeue/{EVENTS_QUEUE}",
        f"job/{failed_job}/requeue",
        f"queue/{EVENTS_QUEUE}/failed/empty",
        "1/view/queues",
    ):
        assert operator.client.get(f"/ops/queues/{path}").status_code == 404, path

    assert state_of(redis) == before


def test_failed_jobs_are_queued_again_by_post(operator: Operator, redis: Redis, failed_job: str) -> None:
    response = operator.client.post(f"/ops/queues/requeue/{EVENTS_QUEUE}", headers={"X-Ops-Token": operator.token})

    assert response.json == {"status": "OK", "count": 1}
    queue = Queue(EVENTS_QUEUE, connection=redis, serializer=JSONSerializer)
    assert queue.job_ids == [failed_job]
    assert queue.jobs[0].func_name == JOBS[EVENTS_QUEUE]


def test_workers_and_jobs_are_read_as_ours_write_them(operator: Operator, redis: Redis, failed_job: str) -> None:
    queue = Queue(EVENTS_QUEUE, connection=redis, serializer=JSONSerializer)
    worker = SimpleWorker([queue], connection=redis, serializer=JSONSerializer)
    worker.register_birth()
    worker.prepare_execution(Job.fetch(failed_job, connection=redis, serializer=JSONSerializer))

    workers = operator.client.get("/ops/queues/0/data/workers.json").json
    job = operator.client.get(f"/ops/queues/0/data/job/{failed_job}.json").json
    again = operator.client.post(f"/ops/queues/job/{failed_job}/requeue", headers={"X-Ops-Token": operator.token})

    assert workers is not None
    assert [item["current_job"]["call_string"] for item in workers["workers"]] == [f"{JOBS[EVENTS_QUEUE]}()"]
    assert job is not None
    assert job["origin"] == EVENTS_QUEUE
    assert again.status_code == 200
    worker.register_death()


def test_each_page_may_run_only_its_own_scripts(operator: Operator) -> None:
    first, second = (operator.client.get("/ops/queues/") for _ in range(2))

    nonces = [response.headers["Content-Security-Policy"].partition("'nonce-")[2][:22] for response in (first, second)]
    assert nonces[0] != nonces[1]
    assert first.text.count(f'nonce="{nonces[0]}"') == 5


def test_the_password_of_redis_is_on_no_page(serve: Serve) -> None:
    secret = "hunter2-of-redis"
    with a_redis() as plain:
        with Redis.from_url(plain) as connection:
            connection.config_set("requirepass", secret)
        operator = Operator(serve(redis_url=f"{plain}?password={secret}").test_client())
        operator.log_in("ops", "correct horse")

        pages = [
            operator.see(f"/ops/{path}") for path in ("", "queues/", "queues/0/view/workers", "queues/0/view/jobs")
        ]

        assert not any(secret in page or "unix://" in page for page in pages)
        assert "answers" in pages[0]


def test_without_redis_the_page_says_that_nothing_is_lost(serve: Serve) -> None:
    operator = Operator(serve(redis_url="unix:///nowhere/redis.sock").test_client())
    operator.log_in("ops", "correct horse")

    assert "Nothing is lost" in operator.see("/ops/queues/", status=503)
    assert "does not answer" in operator.see("/ops/")
