from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from rq.suspension import suspend

from kulanz.runtime.notifier import EFFECTS_QUEUE, EVENTS_QUEUE, Notifier, connect
from kulanz.services import Services
from kulanz.store import accounts, inbox, outbox
from tests.servers import a_redis
from tests.workers.instance import an_unpaid_account

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What does not depend on the database is tried on one."""
ROOT = Path(__file__).resolve().parents[2]


def until(happened: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def a_worker(role: str, settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "kulanz_workers", role]
    with subprocess.Popen(command, env={**os.environ, **settings}, cwd=ROOT) as worker:
        try:
            yield worker
        finally:
            worker.kill()


def stands(services: Services, account: str) -> str | None:
    with services.database.read() as conn:
        row = accounts.get(conn, account)
    return None if row is None else row.standing


def workers(redis: Redis) -> list[SimpleWorker]:
    return SimpleWorker.all(connection=redis, serializer=JSONSerializer)


@pytest.fixture
def rung(settings: dict[str, str], redis_url: str) -> dict[str, str]:
    return {**settings, "REDIS_URL": redis_url}


def test_a_notification_gets_an_event_applied_and_sigterm_ends_the_worker(services, rung, redis_url):
    notifier = Notifier(redis_url)
    with a_worker("events", rung) as worker, connect(redis_url, timeout=3) as redis:
        until(lambda: workers(redis))
        account = an_unpaid_account(services, 1)
        notifier.notify(EVENTS_QUEUE)
        until(lambda: stands(services, account) == "grace")

        worker.send_signal(signal.SIGTERM)

        assert worker.wait(10) == 0
        assert workers(redis) == []
    notifier.close()


@ON_SQLITE
def test_an_event_that_nobody_rang_for_is_found(services, rung):
    with a_worker("events", rung):
        account = an_unpaid_account(services, 2)

        until(lambda: stands(services, account) == "grace")


@ON_SQLITE
def test_without_redis_the_database_is_asked(services, settings):
    account = an_unpaid_account(services, 3)

    with a_worker("events", {**settings, "REDIS_URL": "redis://127.0.0.1:1"}):
        until(lambda: stands(services, account) == "grace")
        another = an_unpaid_account(services, 4)
        until(lambda: stands(services, another) == "grace", seconds=5)


@ON_SQLITE
def test_a_worker_outlives_a_redis_that_hangs_and_comes_back_to_it(services, settings):
    with a_redis() as url, connect(url, timeout=3) as redis, a_worker("events", {**settings, "REDIS_URL": url}):
        server = redis.info("server")["process_id"]
        until(lambda: workers(redis))
        os.kill(server, signal.SIGSTOP)
        account = an_unpaid_account(services, 5)

        until(lambda: stands(services, account) == "grace", seconds=10)

        os.kill(server, signal.SIGCONT)
        redis.flushall()
        until(lambda: workers(redis))


@ON_SQLITE
def test_a_suspended_rq_stops_nothing(services, rung, redis_url):
    with connect(redis_url, timeout=3) as redis:
        suspend(redis)
        with a_worker("events", rung):
            until(lambda: workers(redis))
            account = an_unpaid_account(services, 8)

            until(lambda: stands(services, account) == "grace")


@ON_SQLITE
def test_a_burst_works_everything_off_without_redis_and_ends(services, settings):
    account = an_unpaid_account(services, 6)
    services.clock.set(services.clock.now().replace(day=6))

    with a_worker("burst", settings) as worker:
        assert worker.wait(30) == 0

    assert stands(services, account) == "grace"
    with services.database.read() as conn:
        assert not any(inbox.counts(conn).values())
        assert outbox.untried(conn, services.clock.now(conn)) == 0


@ON_SQLITE
def test_the_scheduler_notifies_of_what_nobody_notified_of(services, rung, redis_url):
    notifier = Notifier(redis_url)
    with a_worker("clock", rung):
        while notifier.wait(0.2, EVENTS_QUEUE) or notifier.wait(0.2, EFFECTS_QUEUE):
            pass
        an_unpaid_account(services, 7)

        assert notifier.wait(10, EVENTS_QUEUE)
    notifier.close()
