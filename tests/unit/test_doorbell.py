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
from kulanz.runtime.notifier import EFFECTS, EVENTS, Bell, DoorbellUnavailableError, connect
from tests.far_ends import a_free_port


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


def test_a_ring_is_heard_by_whoever_listens_on_that_queue(server):
    bell = Bell(server.url)

    assert bell.ring()

    assert bell.listen(0.5)
    assert not bell.listen(0.1)
    assert not bell.listen(0.1, EFFECTS)
    bell.close()


def test_many_rings_leave_one_job_that_rq_can_read(server):
    bell = Bell(server.url)

    for _ in range(5):
        bell.ring(EVENTS)
    bell.ring(EFFECTS)

    (job,) = queue(server.client, EVENTS).jobs
    assert (job.func_name, job.timeout, job.get_status().value) == ("kulanz_workers.jobs.drain", -1, "queued")
    assert {each.name for each in Queue.all(connection=server.client)} == {EVENTS, EFFECTS}
    assert bell.listen(0.1)
    assert not bell.listen(0.1)
    bell.close()


def test_a_bell_without_redis_is_silent_and_says_so_to_a_listener():
    bell = Bell(None)

    assert not bell.ring()

    with pytest.raises(DoorbellUnavailableError):
        bell.listen(0.1)


def test_a_ring_on_a_hanging_redis_takes_a_quarter_of_a_second_and_the_next_ones_nothing(server):
    fresh, used = Bell(server.url), Bell(server.url)
    used.ring()
    server.process.send_signal(signal.SIGSTOP)

    for bell in (fresh, used):
        begun = time.monotonic()
        assert not bell.ring()
        first = time.monotonic() - begun
        assert not any(bell.ring() for _ in range(1000))
        assert first < 0.3
        assert time.monotonic() - begun - first < 0.2
        bell.close()


def test_a_bell_rings_again_once_redis_is_back(server, tmp_path):
    bell = Bell(server.url)
    assert bell.ring()
    server.stop()
    assert not bell.ring()

    again = Server(tmp_path)

    time.sleep(1.05)
    assert bell.ring()
    bell.close()
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
    bell = Bell(f"redis+sentinel://127.0.0.1:1,127.0.0.1:{sentinel}/doorbell/2")
    with (
        subprocess.Popen([server, "--port", str(master), "--save", ""], stdout=subprocess.DEVNULL, cwd=tmp_path) as one,
        subprocess.Popen([server, "sentinel.conf", "--sentinel"], stdout=subprocess.DEVNULL, cwd=tmp_path) as other,
    ):
        deadline = time.monotonic() + 10
        while not bell.ring():
            assert time.monotonic() < deadline
            time.sleep(0.1)

        with Redis(port=master, db=2) as client:
            assert client.llen(f"rq:queue:{EVENTS}") == 1
        one.terminate()
        other.terminate()
    bell.close()
