"""Applied events: one worker beside RQ jobs that do nothing, two workers beside one, and memory after many."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from bench.figures import Figure, Goal
from bench.instances import Kulanz, printed, resident
from bench.plan import Bench, in_turn
from kulanz.store import accounts, inbox, ledger
from kulanz.store.database import Database

STALLED = 60.0
"""Seconds without any event being applied after which a drain is given up."""
POLL_INTERVAL = 0.02
MIN_SAMPLES = 2


def applying(bench: Bench) -> Iterator[Figure]:
    """One worker process, on either database."""
    figures = {name: _applied(name) for name in bench.plan.databases}
    yield from figures.values()
    installations = {name: bench.instances.kulanz(f"drain-{name}", name) for name in figures}
    for turn in bench.rounds("applying"):
        for who in in_turn(turn, ["no-op", *figures]):
            if who == "no-op":
                rate = noop_jobs(bench)
                for figure in figures.values():
                    figure.add(rate, is_ours=False)
            else:
                figures[who].add(drain(bench, installations[who]), is_ours=True)


def two_workers(bench: Bench) -> Iterator[Figure]:
    """Two worker processes on PostgreSQL beside one; every chain of decisions has to be whole afterwards."""
    figure = Figure(
        name="applied by two workers, PostgreSQL", unit="events/s", reference_name="one worker", goal=Goal(at_least=1.7)
    )
    kulanz = bench.instances.kulanz("two-workers", "PostgreSQL")
    for turn in bench.rounds("two workers"):
        for workers in in_turn(turn, "21"):
            figure.add(drain(bench, kulanz, int(workers), 2 * bench.plan.events), is_ours=workers == "2")
    with opened(kulanz) as database, database.read() as conn:
        broken = [name for name in accounts.ids(conn, None, 1_000_000) if ledger.verify(conn, name) is not None]
    if broken:
        raise RuntimeError(f"{len(broken)} chains are not whole")
    yield figure


def memory(bench: Bench) -> Iterator[Figure]:
    """Resident memory of web and worker: beside the bare parts, and after many events beside soon after the start."""
    web = Figure(name="resident, web", unit="MiB", reference_name="empty Flask app", goal=Goal(at_most=1.8))
    worker = Figure(name="resident, worker", unit="MiB", reference_name="bare RQ worker", goal=Goal(at_most=1.8))
    grown = {
        name: Figure(
            name=f"resident, {name}, after {bench.plan.more_events:,} more events",
            unit="MiB",
            reference_name=f"after {bench.plan.events:,}",
            goal=Goal(at_most=1.1),
        )
        for name in ("web", "worker")
    }
    yield from (web, worker, *grown.values())
    kulanz = bench.instances.kulanz("memory")
    for _ in bench.rounds("memory"):
        with kulanz.web() as (port, pid), kulanz.worker() as process:
            bench.fill(port, bench.plan.events)
            _settle(kulanz)
            web.add(resident(pid), is_ours=True)
            worker.add(resident(process.pid), is_ours=True)
            grown["web"].add(resident(pid), is_ours=False)
            grown["worker"].add(resident(process.pid), is_ours=False)
            bench.fill(port, bench.plan.more_events)
            _settle(kulanz)
            grown["web"].add(resident(pid), is_ours=True)
            grown["worker"].add(resident(process.pid), is_ours=True)
        with bench.instances.flask("bench.empty:app", 8, 1) as (port, pid):
            bench.load(port, 16, 1.0, repeat=True)
            web.add(resident(pid), is_ours=False)
        with bench.instances.bare_worker() as pid:
            worker.add(resident(pid), is_ours=False)


def drain(bench: Bench, kulanz: Kulanz, workers: int = 1, count: int | None = None) -> float:
    """Have events accepted, then return how many a second the workers apply."""
    with kulanz.web() as (port, _):
        bench.fill(port, count or bench.plan.events)
    with opened(kulanz) as database, ExitStack() as stack:
        for _ in range(workers):
            stack.enter_context(kulanz.worker())
        return drained(lambda: unapplied(database))


def drained(unapplied: Callable[[], int]) -> float:
    """Return events applied a second, from the first that was seen applied to the last; start-up is not counted."""
    left, changed = unapplied(), time.perf_counter()
    samples: list[tuple[float, int]] = []
    while left:
        time.sleep(POLL_INTERVAL)
        now, count = time.perf_counter(), unapplied()
        if count != left:
            samples.append((now, count))
            left, changed = count, now
        elif now - changed > STALLED:
            raise TimeoutError(f"{left} events are still not applied")
    if len(samples) < MIN_SAMPLES:
        raise ValueError("nothing to apply, or too little to time")
    (began, at_first), (ended, at_last) = samples[0], samples[-1]
    return (at_first - at_last) / (ended - began)


def noop_jobs(bench: Bench) -> float:
    """Return how many jobs that do nothing an RQ SimpleWorker runs a second."""
    answer = printed("bench.noop", str(bench.instances.redis()), str(bench.plan.jobs))
    return float(answer["jobs"]) / float(answer["seconds"])


@contextmanager
def opened(kulanz: Kulanz) -> Iterator[Database]:
    database = Database(kulanz.database_url)
    try:
        yield database
    finally:
        database.dispose()


def unapplied(database: Database) -> int:
    with database.read() as connection:
        states = inbox.counts(connection)
    return states.get("received", 0) + states.get("waiting", 0)


def _settle(kulanz: Kulanz) -> None:
    with opened(kulanz) as database:
        while unapplied(database):
            time.sleep(POLL_INTERVAL)


def _applied(database: str) -> Figure:
    return Figure(
        name=f"applied by one worker process, {database}",
        unit="events/s",
        reference_name="RQ SimpleWorker, no-op jobs",
        goal=Goal(at_least=40),
    )
