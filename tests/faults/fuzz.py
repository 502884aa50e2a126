"""`python -m tests.faults.fuzz --requests 1000000 --seed 7`: junk at the receiver and at `/v1`, signed and unsigned.

No answer may be a 5xx, nothing printed may hold a traceback, and the memory of the web process has to stay as it was.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from kulanz.store import migrate
from kulanz.store.database import Database
from tests.lemonsqueezy import EVENTS, sign, wire
from tests.web.test_server import Running, a_server

THREADS = 8
STEADY = 0.05
"""The share by which memory may differ in the second half of a run: in the first one, SQLite's caches fill."""
LOOKS = 10
PATHS = (
    "/v1/accounts",
    "/v1/accounts/org_42",
    "/v1/accounts/%00/entitlement",
    "/v1/accounts/org_42/timeline?limit=",
    "/v1/accounts/org_42/disputes",
    "/v1/accounts/org_42/overrides",
    "/v1/accounts/org_42/payments",
    "/v1/accounts/org_42/add-ons",
    "/v1/refund-requests",
    "/v1/openapi.json",
    "/ops/",
    "/metrics",
    "/",
)
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
JUNK = (
    "",
    "null",
    "[]",
    "{}",
    "\x00",
    "é",
    "9" * 400,
    '{"a":' * 2000,
    "-1",
    "NaN",
    '"\\ud800"',
    "2026-13-45T99:99:99Z",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz a web process of its own, and tell what it answered."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    wish = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="kulanz-fuzz-") as name:
        folder = Path(name)
        matches = fuzzed(folder, wish.requests, wish.seed)
    sys.stdout.write(json.dumps(matches) + "\n")
    return 0 if not matches["5xx"] and not matches["tracebacks"] and matches["growth"] <= STEADY else 1


def fuzzed(folder: Path, requests: int, seed: int) -> dict[str, object]:
    """Send so many requests to a new instance in a folder, and return what was seen."""
    url = f"sqlite:///{folder / 'kulanz.db'}"
    database = Database(url)
    migrate.upgrade(database)
    database.dispose()
    began = time.monotonic()
    with a_server(folder, url) as server:
        seen = Counter[int]()
        memory = []
        for look in range(LOOKS):
            _send(server, -(-requests // LOOKS), seed + look, seen)
            memory.append(_memory(server))
        alive = server.is_ready()
    return {
        "requests": sum(seen.values()),
        "seconds": round(time.monotonic() - began, 1),
        "answers": {str(status): number for status, number in sorted(seen.items())},
        "5xx": sum(number for status, number in seen.items() if status >= 500) + (not alive),
        "tracebacks": (folder / "log").read_text(errors="replace").count("Traceback"),
        "memory_mib": [each // 2**20 for each in memory],
        "growth": round(max(memory[LOOKS // 2 :]) / min(memory[LOOKS // 2 :]) - 1, 4),
    }


def asked(order: random.Random) -> Asked:
    """Make up a request."""
    if order.random() < 0.6:
        return _delivery(order)
    body = json.dumps(_made_up(order, 3)).encode() if order.random() < 0.5 else _junk(order)
    headers = {"Content-Type": order.choice(("application/json", "text/plain", ""))}
    if order.random() < 0.7:
        headers["Authorization"] = order.choice(("Bearer w-secret", "Bearer ", "Basic eA==", "Bearer é"))
    if order.random() < 0.3:
        headers["Idempotency-Key"] = order.choice(("k", "x" * 300, str(order.random())))
    query = f"{'&' if '?' in (path := order.choice(PATHS)) else '?'}limit={order.choice(('0', '1', '9999', 'x'))}"
    return Asked(order.choice(METHODS), path + (query if order.random() < 0.3 else ""), body, _sendable(headers))


def _delivery(order: random.Random) -> Asked:
    """Make up a delivery: an event with something wrong in it, signed or not."""
    payload = EVENTS[order.choice(sorted(EVENTS))](subscription=order.randrange(10**6))
    if order.random() < 0.7:
        attributes = payload["data"]["attributes"]
        attributes[order.choice(sorted(attributes))] = _made_up(order, 2)
    body = bytearray(wire(payload))
    if order.random() < 0.4:
        for _ in range(order.randrange(1, 4)):
            body[order.randrange(len(body))] = order.randrange(256)
    sent = bytes(body) if order.random() < 0.8 else _junk(order)
    signature = sign(sent) if order.random() < 0.6 else order.choice(("", "0" * 64, "é" * 64, sign(sent)[:-1]))
    endpoint = order.choice(("lemonsqueezy",) * 8 + ("stripe", "%2e%2e"))
    return Asked("POST", f"/webhooks/{endpoint}", sent, _sendable({"X-Signature": signature}))


def _made_up(order: random.Random, depth: int) -> object:
    choices: list[Callable[[], object]] = [
        lambda: order.choice(JUNK),
        lambda: order.randrange(-(2**70), 2**70),
        order.random,
        lambda: None,
        lambda: order.random() < 0.5,
    ]
    if depth:
        choices.append(lambda: [_made_up(order, depth - 1) for _ in range(order.randrange(4))])
        choices.append(lambda: {str(order.choice(JUNK)): _made_up(order, depth - 1) for _ in range(order.randrange(4))})
    return order.choice(choices)()


def _junk(order: random.Random) -> bytes:
    return order.choice((order.choice(JUNK).encode("utf-8", "surrogatepass"), order.randbytes(order.randrange(2000))))


def _sendable(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: text.encode().decode("latin-1") for name, text in headers.items()}


def _send(server: Running, requests: int, seed: int, seen: Counter[int]) -> None:
    with ThreadPoolExecutor(THREADS) as threads:
        shares = [requests // THREADS + (number < requests % THREADS) for number in range(THREADS)]
        for counted in threads.map(
            lambda share: _share(server, share[1], seed * THREADS + share[0]), enumerate(shares)
        ):
            seen.update(counted)


def _share(server: Running, requests: int, seed: int) -> Counter[int]:
    order, seen = random.Random(seed), Counter[int]()
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    for _ in range(requests):
        other_asked = asked(order)
        try:
            connection.request(other_asked.method, other_asked.path, other_asked.body, dict(other_asked.headers))
            answer = connection.getresponse()
            answer.read()
            seen[answer.status] += 1
        except (HTTPException, OSError):
            seen[0] += 1
            connection.close()
    connection.close()
    return seen


def _memory(server: Running) -> int:
    return sum(int(child.memory_info().rss) for child in server.children())


if __name__ == "__main__":
    sys.exit(main())
