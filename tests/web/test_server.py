"""The web process as it runs: granian, real sockets, a real database."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from sqlite3 import connect
from typing import Any

import psutil
import pytest

from kulanz.store import inbox, metric_sums
from kulanz.store.database import Database
from kulanz.web.webhooks import MAX_BODY
from tests.lemonsqueezy import sign, subscription_updated, wire
from tests.web.hostile import AN_EVENT, BAD_SIGNATURES, ITS_SIGNATURE, MALFORMED, STRANGE

PATH = "/webhooks/lemonsqueezy"
HALF_A_BODY = (
    b"POST /webhooks/lemonsqueezy HTTP/1.1\r\nHost: shop\r\nX-Signature: 00\r\nContent-Length: 1000\r\n\r\nabc"
)
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Running:
    """A web process and how to talk to it."""

    port: int
    process: subprocess.Popen[bytes]
    database_url: str

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, headers or {}, encode_chunked=not isinstance(body, bytes | None))
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        finally:
            connection.close()

    def deliver(self, body: bytes, header: str | None = None) -> tuple[int, Any]:
        return self.ask("POST", PATH, body, {"X-Signature": sign(body) if header is None else header})

    def say(self, request: bytes) -> bytes:
        """Send bytes as they are, as far as they are taken, and return the status of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            with suppress(ConnectionError):
                connection.sendall(request)
            return connection.recv(65536).split(b" ", 2)[1]

    def is_ready(self) -> bool:
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def recorded(self) -> int:
        database = Database(self.database_url)
        with database.read() as conn:
            number = len(inbox.listing(conn, None, None, 1000))
        database.dispose()
        return number

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


def free_port() -> int:
    with socket.socket() as finder:
        finder.bind(("127.0.0.1", 0))
        port: int = finder.getsockname()[1]
        return port


@contextmanager
def a_server(folder: Path, database_url: str, *options: str) -> Iterator[Running]:
    """Run a web process until the block ends; what it prints is kept in `log`."""
    port = free_port()
    command = [sys.executable, "-m", "tests.web.serving", str(port), str(folder), database_url, *options]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    running = Running(port, process, database_url)
    try:
        deadline = time.monotonic() + 20
        while not running.is_ready():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.02)
        yield running
    finally:
        rest = [] if process.poll() is not None else running.children()
        process.kill()
        process.wait()
        for child in rest:
            child.kill()


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path) -> Iterator[Running]:
    """One server for all tests that do not end it."""
    folder = tmp_path_factory.mktemp("web")
    shutil.copyfile(_sqlite_template, folder / "kulanz.db")
    with a_server(folder, f"sqlite:///{folder / 'kulanz.db'}") as running:
        yield running
        printed = (folder / "log").read_text()
        assert "Traceback" not in printed
        assert ITS_SIGNATURE not in printed


@pytest.fixture
def server(tmp_path: Path, sqlite_url: str) -> Iterator[Running]:
    """A server of the test's own."""
    with a_server(tmp_path, sqlite_url) as running:
        yield running


def until(condition: Any, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_delivery_is_accepted_and_known_again(shared_server: Running) -> None:
    body = wire(subscription_updated(webhook_id="accepted-and-known"))

    first = shared_server.deliver(body)
    again = shared_server.deliver(body)

    assert (first[0], first[1]["status"]) == (200, "accepted")
    assert (again[0], again[1]["status"], again[1]["event"]) == (200, "duplicate", first[1]["event"])


@pytest.mark.parametrize("header", BAD_SIGNATURES.values(), ids=BAD_SIGNATURES.keys())
def test_a_bad_signature_is_refused(shared_server: Running, header: str | None) -> None:
    headers = {} if header is None else {"X-Signature": header}

    assert shared_server.ask("POST", PATH, AN_EVENT, headers) == (401, {"error": "invalid_signature"})


@pytest.mark.parametrize(("name", "status"), [("X-Forwarded-For", 403), ("X_Forwarded-For", 200), ("X_Real_Ip", 200)])
def test_a_header_whose_name_has_an_underscore_means_nothing(shared_server: Running, name: str, status: int) -> None:
    request = f"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{name}: 6.6.6.6\r\n\r\n".encode()

    assert shared_server.say(request) == str(status).encode()


@pytest.mark.parametrize("name", ["X_Signature", "x_signature"])
def test_a_signature_under_a_name_with_an_underscore_is_none(shared_server: Running, name: str) -> None:
    headers = {name: ITS_SIGNATURE}

    assert shared_server.ask("POST", PATH, AN_EVENT, headers) == (401, {"error": "invalid_signature"})


@pytest.mark.parametrize("first", ["0" * 64, ITS_SIGNATURE])
def test_two_signature_headers_of_which_the_last_is_wrong_are_refused(shared_server: Running, first: str) -> None:
    stated = f"X-Signature: {first}\r\nX-Signature: {'1' * 64}\r\n".encode()
    request = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(AN_EVENT)}\r\n".encode() + stated + b"\r\n"

    assert shared_server.say(request + AN_EVENT) == b"401"


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_payload_is_refused(shared_server: Running, body: bytes) -> None:
    status, document = shared_server.deliver(body)

    assert (status, document["error"]) == (400, "malformed_payload")
    assert document["event"].startswith("evt_")


@pytest.mark.parametrize("body", STRANGE.values(), ids=STRANGE.keys())
def test_a_strange_payload_is_taken(shared_server: Running, body: bytes) -> None:
    assert shared_server.deliver(body)[0] == 200


def test_a_body_of_exactly_the_limit_is_read(shared_server: Running) -> None:
    body = AN_EVENT[:-1] + b" " * (MAX_BODY - len(AN_EVENT)) + b"}"

    assert len(body) == MAX_BODY
    assert shared_server.deliver(body)[0] == 200
    assert shared_server.ask("POST", PATH, iter([body]), {"X-Signature": sign(body)})[0] == 200


@pytest.mark.parametrize("size", [MAX_BODY + 1, 4 * MAX_BODY])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_byte_too_many_is_refused(shared_server: Running, size: int, chunked: bool) -> None:  # noqa: FBT001
    body = b"x" * size
    parts = iter([body[start : start + 50_000] for start in range(0, size, 50_000)])

    status, document = shared_server.ask("POST", PATH, parts if chunked else body, {"X-Signature": sign(body)})

    assert (status, document) == (413, {"error": "payload_too_large"})


def test_a_body_that_never_ends_is_refused_while_it_comes(shared_server: Running) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", shared_server.port), timeout=10) as connection:
        connection.sendall(head)
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):
            connection.sendall((b"10000\r\n" + b"x" * 65536 + b"\r\n") * 1000)

    assert shared_server.is_ready()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("Content-Length: 99999999999999999999999", b"400"),
        ("Content-Length: -1", b"400"),
        ("Content-Length: some", b"400"),
        ("Content-Length: 3\r\nContent-Length: 4", b"400"),
        ("Content-Length: 1", b"401"),
        ("Transfer-Encoding: chunked", b"401"),
        ("X-Nothing: 0", b"401"),
    ],
)
def test_lies_about_the_length_get_an_answer(shared_server: Running, headers: str, status: bytes) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nX-Signature: {ITS_SIGNATURE}\r\n{headers}\r\n\r\n".encode()

    assert shared_server.say(head + b"{}") == status


@pytest.mark.parametrize("headers", ["X-One: 1\r\n" * 200, f"X-Long: {'x' * 1_000_000}\r\n"], ids=["many", "long"])
def test_more_headers_than_anybody_needs_are_refused(shared_server: Running, headers: str) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\n{headers}X-Signature: {ITS_SIGNATURE}\r\n\r\n".encode()

    assert shared_server.say(head) == b"431"
    assert shared_server.is_ready()


@pytest.mark.parametrize(("number", "status"), [(100, b"401"), (101, b"431")])
def test_a_hundred_headers_are_taken_and_no_more(shared_server: Running, number: int, status: bytes) -> None:
    others = "".join(f"X-Nothing-{each}: 0\r\n" for each in range(number - 3))
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nX-Signature: 00\r\n{others}\r\n".encode()

    assert shared_server.say(head + b"{}") == status


def test_who_leaves_in_the_middle_leaves_nothing_behind(server: Running) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nX-Signature: {ITS_SIGNATURE}\r\n".encode()
    for rest in (b"Content-Length: 100000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n1000\r\n", b""):
        for _ in range(40):
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
                connection.sendall(head + rest + AN_EVENT[:100])

    assert server.deliver(AN_EVENT)[0] == 200
    assert server.recorded() == 1


def test_other_paths_and_methods_are_refused(shared_server: Running) -> None:
    assert shared_server.ask("POST", "/webhooks/stripe", b"") == (404, {"error": "unknown_endpoint"})
    assert shared_server.ask("GET", PATH) == (405, {"error": "method_not_allowed"})
    assert shared_server.ask("GET", "/v1/accounts")[0] == 401
    assert shared_server.ask("GET", "/nowhere")[0] == 404
    assert shared_server.ask("GET", "/livez")[0] == 200


def test_two_web_processes_take_turns(tmp_path: Path, sqlite_url: str) -> None:
    bodies = [wire(subscription_updated(subscription=number)) for number in range(1, 301)]
    with a_server(tmp_path, sqlite_url, "2") as server, ThreadPoolExecutor(16) as pool:
        answers = [*pool.map(server.deliver, bodies * 2)]

        words = [document["status"] for status, document in answers if status == 200]
        assert (words.count("accepted"), words.count("duplicate")) == (300, 300)
        assert server.recorded() == 300


def test_what_two_web_processes_count_is_one_sum_that_they_hand_in_when_they_end(
    tmp_path: Path, sqlite_url: str
) -> None:
    with a_server(tmp_path, sqlite_url, "2") as server, ThreadPoolExecutor(16) as pool:
        answers = [*pool.map(lambda _: server.deliver(AN_EVENT, "0" * 64)[0], range(60))]
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(30)

    assert answers == [401] * 60
    database = Database(sqlite_url)
    with database.read() as conn:
        counted = metric_sums.all(conn)
    database.dispose()
    assert counted['kulanz_deliveries_total{answer="invalid_signature",endpoint="lemonsqueezy"}'] == 60


def test_deliveries_that_find_the_database_locked_are_told_when_to_come_back(server: Running) -> None:
    database = Database(server.database_url)
    with database.write():
        began = time.monotonic()
        status, document = server.deliver(AN_EVENT)
        waited = time.monotonic() - began
        ready = server.ask("GET", "/readyz")[0]
        alive = server.ask("GET", "/livez")[0]
    database.dispose()

    assert (status, document, ready, alive) == (503, {"error": "storage_unavailable"}, 503, 200)
    assert waited < 4
    assert until(server.is_ready)
    assert server.deliver(AN_EVENT)[0] == 200
    assert server.recorded() == 1


def test_on_sigterm_it_says_so_finishes_what_it_has_and_ends_well(server: Running) -> None:
    database = Database(server.database_url)
    with ThreadPoolExecutor(1) as pool:
        with database.write():
            in_progress = pool.submit(server.deliver, AN_EVENT)
            time.sleep(0.3)

            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            closing = server.ask("GET", "/readyz")
            time.sleep(1.2)
        status, document = in_progress.result()
    database.dispose()

    assert closing == (503, {"status": "closing"})
    assert (status, document["status"]) == (200, "accepted")
    assert server.process.wait(timeout=10) == 0


def test_on_its_way_out_it_says_what_is_left_in_the_spool(tmp_path: Path, sqlite_url: str) -> None:
    body = wire(subscription_updated(webhook_id="left-in-the-spool"))
    options = ("1", "0", "1")
    file = sqlite_url.removeprefix("sqlite:///")
    with (
        a_server(tmp_path, sqlite_url, *options) as server,
        closing(connect(file, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        status, _ = server.deliver(body)
        server.process.terminate()
        assert server.process.wait(timeout=10) == 0
    (said,) = [line for line in (tmp_path / "log").read_text().splitlines() if "event=spool.left" in line]

    def waiting() -> int:
        return sum(path.stat().st_size for path in (tmp_path / "spool").glob("*.spool"))

    assert status == 200
    assert f"bytes={waiting()}" in said

    with a_server(tmp_path, sqlite_url, *options) as server:
        assert until(lambda: server.recorded() == 1 and waiting() == 0)
        server.process.terminate()
        assert server.process.wait(timeout=10) == 0
    assert "event=spool.left" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("part", [b"POST /webhooks/lemonsqu", HALF_A_BODY], ids=["headers", "body"])
def test_a_sender_that_dribbles_does_not_hold_it_up_for_ten_seconds(server: Running, part: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as slow:
        slow.sendall(part)
        time.sleep(0.2)
        server.process.terminate()
        began = time.monotonic()
        while server.process.poll() is None:
            assert time.monotonic() - began < 9
            time.sleep(0.2)
            with suppress(OSError):
                slow.sendall(b"a")

    assert server.process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_whole_group_ends_it_well(server: Running, number: signal.Signals) -> None:
    before = [child.pid for child in server.children()]

    os.killpg(server.process.pid, number)
    time.sleep(0.2)

    assert server.ask("GET", "/readyz") == (503, {"status": "closing"})
    assert [child.pid for child in server.children()] == before
    assert server.process.wait(timeout=10) == 0


def test_a_second_signal_shortens_the_wait(tmp_path: Path, sqlite_url: str) -> None:
    with a_server(tmp_path, sqlite_url, "1", "60") as server:
        server.process.send_signal(signal.SIGTERM)
        assert until(lambda: server.ask("GET", "/readyz")[0] == 503)
        server.process.send_signal(signal.SIGTERM)

        assert server.process.wait(timeout=10) == 0


def test_workers_do_not_outlive_a_server_that_was_killed(server: Running) -> None:
    children = server.children()

    server.process.kill()

    assert children
    assert until(lambda: not any(child.is_running() for child in children), seconds=10)


def test_workers_that_were_still_starting_do_not_outlive_it_either(tmp_path: Path, sqlite_url: str) -> None:
    command = [sys.executable, "-m", "tests.web.serving", str(free_port()), str(tmp_path), sqlite_url]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as process:
        server = psutil.Process(process.pid)
        assert until(server.children, seconds=10)
        children = server.children()

        process.kill()

        assert until(lambda: not any(child.is_running() for child in children), seconds=20)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_processes_share_no_memory_through_a_file_as_a_host_may_have_no_dev_shm(server: Running) -> None:
    processes = [server.process.pid, *(child.pid for child in server.children())]

    shared = [
        line for pid in processes for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if "pym-" in line
    ]

    assert len(processes) > 1
    assert shared == []


def test_a_worker_that_dies_is_started_again(server: Running) -> None:
    (worker,) = [child for child in server.children() if child.name() != "resource_tracker"]

    worker.kill()

    assert until(server.is_ready, seconds=10)
    assert server.deliver(AN_EVENT)[0] == 200
