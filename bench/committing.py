"""Cost of storing a delivery, beside the database's own cost of a row and a commit."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from hashlib import sha256
from typing import Any

import psycopg

from bench import events
from bench.figures import NO_GOAL, Figure
from bench.growing import accept, instance
from bench.plan import Bench, in_turn

OURS, THEIRS = 2000, 1000
Keep = Callable[[list[bytes]], object]


def committing(bench: Bench) -> Iterator[Figure]:
    """Deliveries stored by one process without a server, 64 at a time, beside rows of one connection."""
    for name in bench.plan.databases:
        figure = Figure(
            name=f"verified, encrypted and committed by groups, {name}",
            unit="events/s",
            reference_name="bare INSERT and commit",
            goal=NO_GOAL,
        )
        yield figure
        services = instance(bench, f"committing-{name}", name)
        with ExitStack() as stack:
            insert = _inserting(bench, name, stack)
            for turn in bench.rounds(f"committing, {name}"):
                for who in in_turn(turn, ("ours", "bare")):
                    ours = who == "ours"
                    made = _requests(bench, OURS if ours else THEIRS)
                    rate = _rate(made, partial(accept, services) if ours else insert)
                    figure.add(rate, is_ours=ours)
        services.close()


def _requests(bench: Bench, count: int) -> list[bytes]:
    first = bench.accounts.take(count)
    return events.requests(count, first_account=first, seed=first)


def _rate(made: list[bytes], keep: Keep) -> float:
    began = time.perf_counter()
    keep(made)
    return len(made) / (time.perf_counter() - began)


def _inserting(bench: Bench, name: str, stack: ExitStack) -> Keep:
    """Return the reference: a function that stores each request in a row of its own, as durably as we do."""
    url = bench.instances.kulanz(f"bare-{name}", name).beside("rows")
    connection: Any
    if name == "SQLite":
        path = url.removeprefix("sqlite:///")
        connection, mark = stack.enter_context(closing(sqlite3.connect(path, isolation_level=None))), "?"
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
    else:
        connection, mark = stack.enter_context(psycopg.connect(url, autocommit=True)), "%s"
    statement = f"INSERT INTO usual_events VALUES ({mark}, {mark})"

    def insert(made: list[bytes]) -> None:
        for request in made:
            connection.execute(statement, (sha256(request).hexdigest(), request))

    return insert
