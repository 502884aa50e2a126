"""Applied events: one worker beside RQ jobs that do nothing, two workers beside one, and memory after many."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from bench.figures import NO_GOAL, Figure, Goal
from bench.instances import Kulanz, printed, processor_time, resident
from bench.plan import Bench, in_turn
from kulanz.store import accounts, inbox, ledger
from kulanz.store.database import Database

STALLED = 60.0
"""Seconds without any event being applied after which a drain is given up."""
POLL_INTERVAL = 0.02
MIN_SAMPLES = 2
USUAL = {"SQLite": 25.0, "PostgreSQL": 18.0}
"""At least so many times the usual job, which keeps no ledger, decides nothing and encrypts nothing."""


def applying(bench: Bench) -> Iterator[Figure]:
    """A worker process on either database, beside the usual job and beside jobs that do nothing."""
    databases = bench.plan.databases
    usual = {name: _beside_the_usual_job(name) for name in databases}
    noop = {name: _applied(name, "RQ SimpleWorker, no-op jobs", NO_GOAL) for name in databases}
    cpu = {name: _processor_time(name) for name in databases}
    yield from (*usual.values(), *cpu.values(), *noop.values())
    installations = {name: bench.instances.kulanz(f"drain-{name}", name) for name in databases}
    for turn in bench.rounds("applying"):
        for who in in_turn(turn, ["no-op", *(f"usual {name}" for name in databases), *databases]):
            kind, _, name = who.partition(" ")
            if kind == "no-op":
                rate = noop_jobs(bench)
                for figure in noop.values():
                    figure.add(rate, is_ours=False)
            elif kind == "usual":
                rate, spent = usual_jobs(bench, installations[name])
                usual[name].add(rate, is_ours=False)
                cpu[name].add(spent, is_ours=False)
            else:
                rate, spent, _ = drain(bench, installations[who])
                usual[who].add(rate, is_ours=True)
                noop[who].add(rate, is_ours=True)
                cpu[who].add(spent, is_ours=True)


def two_workers(bench: Bench) -> Iterator[Figure]:
    """Two worker processes on PostgreSQL beside one; every chain of decisions has to be whole afterwards."""
    rate = Figure(
        name="applied by two workers, PostgreSQL", unit="events/s", reference_name="one worker", goal=Goal(at_least=1.7)
    )
    cpu = Figure(
        name="processor time of two workers and the server for an event",
        unit="µs",
        reference_name="one worker",
        goal=Goal(at_most=1.2),
    )
    yield from (rate, cpu)
    kulanz = bench.instances.kulanz("two-workers", "PostgreSQL")
    for turn in bench.rounds("two workers"):
        for workers in in_turn(turn, "21"):
            applied, spent, by_server = drain(bench, kulanz, int(workers), 2 * bench.plan.events)
            rate.add(applied, is_ours=workers == "2")
            cpu.add(spent + by_server, is_ours=workers == "2")
    with opened(kulanz) as database, database.read() as conn:
        broken = [name for name in accounts.ids(conn, None, 1_000_000) if ledger.verify(conn, name) is not None]
    if broken:
        raise RuntimeError(f"{len(broken)} chains are not whole")


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


def drain(bench: Bench, kulanz: Kulanz, workers: int = 1, count: int | None = None) -> tuple[float, float, float]:
    """Have events accepted, then return how many a second the workers apply, and the µs of processor time for each.

    The second figure is that of the workers, the third that of the database server, 0 where there is none.
    """
    with kulanz.web() as (port, _):
        bench.fill(port, count or bench.plan.events)
    with opened(kulanz) as database, ExitStack() as stack:
        pids = [stack.enter_context(kulanz.worker()).pid for _ in range(workers)]
        server = [bench.instances.postgresql().pid] if kulanz.kind == "PostgreSQL" else []
        rate, spent, by_server = drained(
            lambda: unapplied(database),
            lambda: sum(map(processor_time, pids)),
            lambda: sum(map(processor_time, server)),
        )
    return rate, spent, by_server


def drained(unapplied: Callable[[], int], *meters: Callable[[], float]) -> tuple[float, ...]:
    """Return events applied a second, from the first that was seen applied to the last; start-up is not counted.

    The counts of each meter follow, in millionths for each event.
    """
    left, changed = unapplied(), time.perf_counter()
    samples: list[tuple[float, int, list[float]]] = []
    while left:
        time.sleep(POLL_INTERVAL)
        now, count = time.perf_counter(), unapplied()
        if count != left:
            samples.append((now, count, [meter() for meter in meters]))
            left, changed = count, now
        elif now - changed > STALLED:
            raise TimeoutError(f"{left} events are still not applied")
    if len(samples) < MIN_SAMPLES:
        raise ValueError("nothing to apply, or too little to time")
    (began, at_first, first), (ended, at_last, last) = samples[0], samples[-1]
    events = at_first - at_last
    return (
        events / (ended - began),
        *((after - before) / events * 1e6 for before, after in zip(first, last, strict=True)),
    )


def usual_jobs(bench: Bench, kulanz: Kulanz) -> tuple[float, float]:
    """Return how many usual jobs an RQ SimpleWorker runs a second, and the µs of its processor time for each."""
    environ = {"BENCH_DATABASE_URL": kulanz.beside("job")}
    answer = printed("bench.usual_job", str(bench.instances.redis()), str(bench.plan.jobs), environ=environ)
    jobs = float(answer["jobs"])
    return jobs / float(answer["seconds"]), float(answer["cpu"]) / jobs * 1e6


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


def _beside_the_usual_job(database: str) -> Figure:
    return _applied(database, "RQ job that reads, upserts, commits", Goal(at_least=USUAL[database]))


def _applied(database: str, reference: str, goal: Goal) -> Figure:
    return Figure(
        name=f"applied by one worker process, {database}", unit="events/s", reference_name=reference, goal=goal
    )


def _processor_time(database: str) -> Figure:
    return Figure(
        name=f"processor time of a worker for an event, {database}",
        unit="µs",
        reference_name="RQ job that reads, upserts, commits",
        goal=NO_GOAL,
    )
