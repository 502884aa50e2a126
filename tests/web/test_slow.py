"""Senders that never finish: whoever sends as one should is answered as if they were not there."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

from kulanz.web.server.rsgi import BODY_SECONDS
from tests.lemonsqueezy import subscription_updated, wire
from tests.web.test_server import Running, a_server

IN_TIME = 2.0
BODY = b"POST %s HTTP/1.1\r\nHost: kulanz\r\nX-Signature: 00\r\nContent-Length: 900000\r\n\r\n{"
HEAD = b"POST %s HTTP/1.1\r\nHost: kulanz\r\nX-Signature: 00"
NUMBERS = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("slow")
    shutil.copyfile(_sqlite_template, folder / "kulanz.db")
    with a_server(folder, f"sqlite:///{folder / 'kulanz.db'}") as running:
        yield running


@contextmanager
def slow_senders(server: Running, number: int, path: str, begins: bytes = BODY) -> Iterator[list[socket.socket]]:
    """Open connections that begin a body, or a head; every second one goes on, byte by byte, the others fall silent."""
    over = threading.Event()
    with ExitStack() as stack:
        senders = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10)) for _ in range(number)
        ]
        for sender in senders:
            sender.sendall(begins % path.encode())
        dribbling = threading.Thread(target=dribble, args=(senders[::2], over))
        dribbling.start()
        try:
            yield senders
        finally:
            over.set()
            dribbling.join()


def dribble(senders: list[socket.socket], over: threading.Event) -> None:
    while not over.wait(0.3):
        for sender in senders:
            with suppress(OSError):
                sender.sendall(b" ")


def good_deliveries(server: Running, seconds: float) -> list[float]:
    """Deliver one event after the other for so long; return how long each took."""
    took, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        status, answer = server.deliver(wire(subscription_updated(subscription=next(NUMBERS))))
        assert (status, answer["status"]) == (200, "accepted")
        took.append(time.monotonic() - began)
        time.sleep(0.05)
    return took


def test_slow_senders_hold_up_nobody_and_are_given_up_in_the_end(server: Running) -> None:
    with (
        slow_senders(server, 64, "/webhooks/lemonsqueezy") as events,
        slow_senders(server, 64, "/v1/refund-requests") as requests,
        slow_senders(server, 64, "/webhooks/lemonsqueezy", HEAD) as heads,
    ):
        took = good_deliveries(server, 2)
        time.sleep(BODY_SECONDS - 1)

        answers = [answered(sender) for sender in (*events, *requests)]
        without_a_head = [answered(sender) for sender in heads]

    assert max(took) < IN_TIME
    assert {answer.partition(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 408 Request Timeout"}
    assert set(without_a_head) == {b""}


def answered(sender: socket.socket) -> bytes:
    """Return what came before the connection was closed."""
    sender.settimeout(5)
    return b"".join(iter(lambda: sender.recv(65536), b""))
