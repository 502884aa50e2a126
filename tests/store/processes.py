"""What other processes do while a test watches; run by `tests.store.processes.started`."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from typing import Any

from kulanz.store import inbox, shared_values
from kulanz.store.database import Database
from kulanz.store.inbox import SettledEvent

_SPAWN = multiprocessing.get_context("spawn")


@contextmanager
def started(
    task: Callable[..., None], *arguments: object, copies: int = 1
) -> Iterator[tuple[list[BaseProcess], Queue[Any]]]:
    """Run a task in processes of its own; it gets a queue to report on as its first argument."""
    reports: Queue[Any] = _SPAWN.Queue()
    processes: list[BaseProcess] = [_SPAWN.Process(target=task, args=(reports, *arguments)) for _ in range(copies)]
    for process in processes:
        process.start()
    try:
        yield processes, reports
    finally:
        for process in processes:
            process.kill()
            process.join()
        reports.close()


def die_at_work(reports: Queue[Any], url: str, worker: str, limit: int) -> None:
    """Claim a batch and take it, tell which, and wait to be killed."""
    database = Database(url)
    with database.drain_lock():
        ids = inbox.claim(database, worker, limit, datetime.now(UTC))
        with database.write() as tx:
            inbox.lock(tx, ids, worker)
            reports.put(ids)
            time.sleep(60)


def drain(reports: Queue[Any], url: str, limit: int) -> None:
    """Work until nothing is left, then tell what this process has handled."""
    database = Database(url)
    worker = multiprocessing.current_process().name
    handled: list[int] = []
    while batch := _one_batch(database, worker, limit):
        handled += batch
    reports.put(handled)


def _one_batch(database: Database, worker: str, limit: int) -> list[int]:
    now = datetime.now(UTC)
    with database.drain_lock(wait=30):
        ids = inbox.claim(database, worker, limit, now)
        with database.write() as tx:
            events = inbox.lock(tx, ids, worker)
            inbox.settle(tx, [SettledEvent(event.id, "handled", "org_1", None) for event in events], now)
            inbox.release(tx, worker)
    return [event.id for event in events]


def write_all_the_time(reports: Queue[Any], url: str, seconds: float) -> None:
    """Hold the write lock for 20 ms at a time, with nothing in between."""
    database = Database(url)
    reports.put("started")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with database.write() as tx:
            shared_values.put(tx, "busy", True)
            time.sleep(0.02)


def write_and_close(reports: Queue[Any], url: str, name: str) -> None:
    """Write one mark, close every connection as a clean exit does, and tell which marks are there."""
    database = Database(url)
    with database.write() as tx:
        shared_values.put(tx, name, True)
        matches = {each for each in ("first", "second", "third") if shared_values.get(tx, each)}
    database.dispose()
    reports.put(matches)


def count_up(reports: Queue[Any], url: str, times: int) -> None:
    """Read a number and write the next one, each time in one transaction."""
    database = Database(url)
    for _ in range(times):
        with database.write() as tx:
            shared_values.put(tx, "number", (shared_values.get(tx, "number") or 0) + 1)
    reports.put("done")
