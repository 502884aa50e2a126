"""The load generator: keep-alive connections in one process of its own, one request under way on each.

Run as `python -m bench.load '{"port": …}'`; it prints what it saw as JSON. Plain sockets, because an HTTP client would
cost more than what is measured.
"""

import json
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import cycle

from bench.events import requests
from bench.figures import quantile

UNIQUE_PER_SECOND = 12_000
"""Number of prepared requests for each second; a run that has sent them all ends early."""
SILENCE = 10.0
"""Seconds without any answer after which the run is given up."""


@dataclass(frozen=True, kw_only=True)
class LoadPlan:
    """Requests to send: for `seconds`, or until `count` requests are answered."""

    port: int
    connections: int
    first_account: int
    seconds: float = 0.0
    count: int = 0
    warm_up: float = 0.0
    """Seconds at the start that are not counted."""
    repeat: bool = False
    """Whether the same requests may be sent again: only if the server does not check them for duplicates."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Results of a run; `refused` counts the answers that were not 200."""

    answered: int
    per_second: float
    p50_ms: float
    p99_ms: float
    refused: dict[str, int]


@dataclass
class Seen:
    """Results so far, latencies in seconds."""

    latencies: list[float] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    elapsed: float = 0.0

    def summary(self) -> Summary:
        answered = len(self.latencies)
        return Summary(
            answered=answered,
            per_second=answered / self.elapsed if self.elapsed else 0.0,
            p50_ms=quantile(self.latencies, 0.50) * 1000,
            p99_ms=quantile(self.latencies, 0.99) * 1000,
            refused=self.refused,
        )


class Conversation:
    """A keep-alive connection with one request in progress."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SILENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.asked_at = 0.0
        self.received = b""

    def ask(self, request: bytes) -> None:
        self.received = b""
        self.asked_at = time.perf_counter()
        self.socket.sendall(request)

    def answer(self) -> bytes | None:
        """Return the status once the whole answer is there, else None."""
        chunk = self.socket.recv(65536)
        if not chunk:
            raise ConnectionError("the server closed a connection")
        self.received += chunk
        head, value, body = self.received.partition(b"\r\n\r\n")
        if not value:
            return None
        return head[9:12] if len(body) >= _content_length(head) else None


def _content_length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0] or 0)


def run(order: LoadPlan) -> Seen:
    """Send the requests and return the results."""
    wanted = order.count or int(UNIQUE_PER_SECOND * (order.seconds + order.warm_up))
    prepared = requests(wanted, first_account=order.first_account, seed=order.first_account)
    supply = cycle(prepared) if order.repeat else iter(prepared)
    conversations = [Conversation(order.port) for _ in range(order.connections)]
    try:
        return _converse(conversations, supply, order)
    finally:
        for conversation in conversations:
            conversation.socket.close()


def _converse(conversations: list[Conversation], supply: Iterator[bytes], order: LoadPlan) -> Seen:
    seen = Seen()
    selector = selectors.DefaultSelector()
    counted_from = time.perf_counter() + order.warm_up
    ends_at = counted_from + order.seconds if order.seconds else float("inf")
    for conversation, request in zip(conversations, supply, strict=False):
        selector.register(conversation.socket, selectors.EVENT_READ, conversation)
        conversation.ask(request)
    while selector.get_map():
        for conversation, status in _answers(selector):
            now = time.perf_counter()
            _note(seen, status, now - conversation.asked_at, counted=now >= counted_from)
            request = next(supply, b"") if now < ends_at else b""
            if request:
                conversation.ask(request)
            else:
                selector.unregister(conversation.socket)
                seen.elapsed = now - counted_from
    return seen


def _answers(selector: selectors.BaseSelector) -> Iterator[tuple[Conversation, bytes]]:
    ready = selector.select(SILENCE)
    if not ready:
        raise TimeoutError("no answer for too long")
    for key, _ in ready:
        conversation: Conversation = key.data
        status = conversation.answer()
        if status:
            yield conversation, status


def _note(seen: Seen, status: bytes, latency: float, *, counted: bool) -> None:
    if status != b"200":
        seen.refused[status.decode()] = seen.refused.get(status.decode(), 0) + 1
    elif counted:
        seen.latencies.append(latency)


if __name__ == "__main__":
    print(json.dumps(asdict(run(LoadPlan(**json.loads(sys.argv[1]))).summary())))
