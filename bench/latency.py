"""From a webhook to the changed state, at fifty a second, beside the usual chain: receiver, RQ job, upsert, commit."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import psycopg
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from bench.events import EVENTS_PER_ACCOUNT, requests
from bench.figures import NO_GOAL, Figure, Goal, quantile
from bench.instances import Kulanz
from bench.noop import STARTED
from bench.plan import Bench, in_turn

EVENT_INTERVAL = 0.02
SAMPLES = 120
CONNECTION_TIMEOUT = 10.0
THREADS = 8
Looks = Callable[[str], bool]
GOALS = {"SQLite": 1.25, "PostgreSQL": 1.6}
POLL_INTERVAL = 0.0005
"""Seconds between two polls for the result: polling all the time would take a core from the measured processes."""


def latency(bench: Bench) -> Iterator[Figure]:
    """Measure it on either database, each event being the first of its account."""
    databases = bench.plan.databases
    usual = {name: _figure(name, "usual receiver, RQ job, upsert", Goal(at_most=GOALS[name])) for name in databases}
    noop = {name: _figure(name, "RQ no-op, enqueue to start", NO_GOAL) for name in databases}
    yield from (*usual.values(), *noop.values())
    with ExitStack() as stack:
        running = {name: _running(bench, name, stack) for name in databases}
        chains = {name: _usual_chain(bench, running[name][0], stack) for name in databases}
        stack.enter_context(bench.instances.bare_worker())
        for turn in bench.rounds("latency"):
            for who in in_turn(turn, ["no-op", *(f"usual {name}" for name in databases), *databases]):
                kind, _, name = who.partition(" ")
                if kind == "no-op":
                    value = _median(_noops(bench))
                    for figure in noop.values():
                        figure.add(value, is_ours=False)
                elif kind == "usual":
                    usual[name].add(_median(_changes(bench, *chains[name])), is_ours=False)
                else:
                    value = _median(_changes(bench, *running[who][1:]))
                    usual[who].add(value, is_ours=True)
                    noop[who].add(value, is_ours=True)


def _figure(database: str, reference: str, goal: Goal) -> Figure:
    return Figure(
        name=f"webhook to state changed, p50 at 50/s, {database}", unit="ms", reference_name=reference, goal=goal
    )


def _running(bench: Bench, name: str, stack: ExitStack) -> tuple[Kulanz, int, Looks]:
    kulanz: Kulanz = bench.instances.kulanz(f"latency-{name}", name)
    port, _ = stack.enter_context(kulanz.web())
    stack.enter_context(kulanz.worker())
    return kulanz, port, _looks(kulanz.database_url, "SELECT 1 FROM accounts WHERE id = {} AND seq > 0", stack)


def _usual_chain(bench: Bench, beside: Kulanz, stack: ExitStack) -> tuple[int, Looks]:
    """Start the usual receiver and the worker that applies its stored events."""
    url, queue = beside.beside("chain"), f"bench-usual-{beside.kind}"
    environ = {
        "BENCH_REDIS_URL": f"unix://{bench.instances.redis()}",
        "BENCH_DATABASE_URL": url,
        "BENCH_APPLIES": queue,
    }
    port, _ = stack.enter_context(bench.instances.flask("bench.usual:app", THREADS, 1, environ))
    stack.enter_context(bench.instances.bare_worker(queue, environ))
    return port, _looks(url, "SELECT 1 FROM usual_accounts WHERE id = {}", stack)


def _looks(url: str, question: str, stack: ExitStack) -> Looks:
    """Return a function that polls whether an account has changed, with the bare driver."""
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///")
        connection: Any = stack.enter_context(closing(sqlite3.connect(path, isolation_level=None, timeout=10)))
        mark = "?"
    else:
        connection, mark = stack.enter_context(psycopg.connect(url, autocommit=True)), "%s"
    stated = question.format(mark)
    return lambda account: connection.execute(stated, (account,)).fetchone() is not None


def _changes(bench: Bench, port: int, is_seen: Looks) -> Iterator[float]:
    first = bench.accounts.take(SAMPLES)
    made = requests(SAMPLES * EVENTS_PER_ACCOUNT, first_account=first, seed=1, disorder=0)[::EVENTS_PER_ACCOUNT]
    with socket.create_connection(("127.0.0.1", port), timeout=CONNECTION_TIMEOUT) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for account, request in enumerate(made, start=first):

            def send(request: bytes = request) -> None:
                connection.sendall(request)
                if not connection.recv(65536).startswith(b"HTTP/1.1 200"):
                    raise RuntimeError("a webhook was refused")

            yield _paced(send, lambda name=f"org_{account}": is_seen(name))  # type: ignore[misc]


def _noops(bench: Bench) -> Iterator[float]:
    with Redis(unix_socket_path=str(bench.instances.redis())) as redis:
        queue = Queue("bench-bare", connection=redis, serializer=JSONSerializer)
        redis.delete(STARTED)
        for _ in range(SAMPLES):
            began = time.perf_counter()
            queue.enqueue("bench.noop.started", time.time(), result_ttl=0)
            stated = redis.brpop([STARTED], timeout=CONNECTION_TIMEOUT)
            yield json.loads(stated[1]) if stated else CONNECTION_TIMEOUT
            time.sleep(max(0.0, EVENT_INTERVAL - (time.perf_counter() - began)))


def _paced(send: Callable[[], None], happened: Callable[[], bool]) -> float:
    """Return the seconds from sending until it happened, and wait for the next turn."""
    began = time.perf_counter()
    send()
    while not happened():
        if time.perf_counter() - began > CONNECTION_TIMEOUT:
            raise TimeoutError("an event was not applied")
        time.sleep(POLL_INTERVAL)
    took = time.perf_counter() - began
    time.sleep(max(0.0, EVENT_INTERVAL - took))
    return took


def _median(seconds: Iterator[float]) -> float:
    return quantile(list(seconds), 0.5) * 1000
