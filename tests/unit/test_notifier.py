from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from kulanz.cli.up import private_redis
from kulanz.runtime.notifier import EFFECTS_QUEUE, EVENTS_QUEUE, Notifier, NotifierUnavailableError, connect
from tests.fake_servers import a_free_port


class Server:
    def __init__(self, directory: Path) -> None:
        self.url = private_redis.url(directory)
        self.process = subprocess.Popen(private_redis.command(directory), stdout=subprocess.DEVNULL)
        self.client = connect(self.url, timeout=5)
        deadline = time.monotonic() + 5
        while not self.answers():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except RedisError:
            return False

    def stop(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.client.close()
        self.process.terminate()
        self.process.wait(5)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.stop()


def queue(client: Redis, name: str) -> Queue:
    return Queue(name, connection=client, serializer=JSONSerializer)


def test_a_notification_is_heard_by_whoever_listens_on_that_queue(server):
    notifier = Notifier(server.url)

    assert notifier.notify()

    assert notifier.wait(0.5)
    assert not notifier.wait(0.1)
    assert not notifier.wait(0.1, EFFECTS_QUEUE)
    notifier.close()


def test_many_notifications_leave_one_job_that_rq_can_read(server):
    notifier = Notifier(server.url)

    for _ in range(5):
        notifier.notify(EVENTS_QUEUE)
    notifier.notify(EFFECTS_QUEUE)

    (job,) = queue(server.client, EVENTS_QUEUE).jobs
    assert (job.func_name, job.timeout, job.get_status().value) == ("kulanz_workers.jobs.drain", -1, "queued")
    assert {each.name for each in Queue.all(connection=server.client)} == {EVENTS_QUEUE, EFFECTS_QUEUE}
    assert notifier.wait(0.1)
    assert not notifier.wait(0.1)
    notifier.close()


def test_a_notifier_without_redis_is_silent_and_says_so_to_a_listener():
    notifier = Notifier(None)

    assert not notifier.notify()

    with pytest.raises(NotifierUnavailableError):
        notifier.wait(0.1)


def test_a_notification_on_a_hanging_redis_takes_a_quarter_of_a_second_and_the_next_ones_nothing(server):
    fresh, used = Notifier(server.url), Notifier(server.url)
    used.notify()
    server.process.send_signal(signal.SIGSTOP)

    for notifier in (fresh, used):
        begun = time.monotonic()
        assert not notifier.notify()
        first = time.monotonic() - begun
        assert not any(notifier.notify() for _ in range(1000))
        assert first < 0.3
        assert time.monotonic() - begun - first < 0.2
        notifier.close()


def test_a_notifier_works_again_once_redis_is_back(server, tmp_path):
    notifier = Notifier(server.url)
    assert notifier.notify()
    server.stop()
    assert not notifier.notify()

    again = Server(tmp_path)

    time.sleep(1.05)
    assert notifier.notify()
    notifier.close()
    again.stop()


def test_the_socket_is_its_owners_alone_even_where_the_directory_has_a_long_name(tmp_path):
    directory = tmp_path / ("long" * 40)
    directory.mkdir()
    server = Server(directory)

    path = private_redis.socket_path(directory)

    assert len(os.fsencode(path)) <= private_redis.LONGEST_SOCKET
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert server.client.config_get("port") == {"port": "0"}
    server.stop()


def test_the_master_is_found_by_its_sentinels(tmp_path):
    master, sentinel = a_free_port(), a_free_port()
    (tmp_path / "sentinel.conf").write_text(f"port {sentinel}\nsentinel monitor doorbell 127.0.0.1 {master} 1\n")
    server = str(private_redis.binary())
    notifier = Notifier(f"redis+sentinel://127.0.0.1:1,127.0.0.1:{sentinel}/doorbell/2")
    with (
        subprocess.Popen(
            [server, "--port", str(master), "--save", ""], stdout=subprocess.DEVNULL, cwd=tmp_path
        ) as item,
        subprocess.Popen([server, "sentinel.conf", "--sentinel"], stdout=subprocess.DEVNULL, cwd=tmp_path) as other,
    ):
        deadline = time.monotonic() + 10
        while not notifier.notify():
            assert time.monotonic() < deadline
            time.sleep(0.1)

        with Redis(port=master, db=2) as client:
            assert client.llen(f"rq:queue:{EVENTS_QUEUE}") == 1
        item.terminate()
        other.terminate()
    notifier.close()
