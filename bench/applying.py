"""The measurements: in each round ours and the reference one after the other; who is first changes with the round."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.store import inbox
from app.store.database import Database
from bench.figures import Figure, Goal
from bench.household import Household, Kulanz, load, noop_jobs, resident
from bench.load import Order, Summary

THREADS = (1, 2, 4, 8, 16, 32, 64)
TRIALS = 2
"""Looks at each thread count: a look may fall into a bad moment of the machine."""
CONNECTIONS = (16, 64)
WARM_UP = 0.5
STALLED = 60.0
"""Seconds without any event being applied after which a drain is given up."""

MIN_SAMPLES = 2

Say = Callable[[str], None]


@dataclass(kw_only=True)
class Plan:
    """How long and how often."""

    rounds: int
    seconds: float
    events: int
    jobs: int


@dataclass
class Accounts:
    """Hands out accounts that no other request has named, so that no event is a duplicate."""

    next: int = 1

    def take(self, count: int) -> int:
        first, self.next = self.next, self.next + count
        return first


@dataclass
class Receiving:
    """Acknowledged webhooks beside an empty view."""

    household: Household
    plan: Plan
    accounts: Accounts
    figures: dict[str, Figure] = field(default_factory=dict)
    best_threads: dict[int, int] = field(default_factory=dict)

    def prepare(self, say: Say) -> None:
        """Find the thread count at which the empty view answers most."""
        found = {connections: dict.fromkeys(THREADS, 0.0) for connections in CONNECTIONS}
        for threads in THREADS * TRIALS:
            with self.household.empty_view(threads) as (port, _):
                for connections in CONNECTIONS:
                    rate = self.load(port, connections, 1.0, repeat=True).per_second
                    found[connections][threads] = max(rate, found[connections][threads])
        for connections, rates in found.items():
            self.best_threads[connections] = max(rates, key=rates.__getitem__)
            listed = ", ".join(f"{threads}: {rate:,.0f}/s" for threads, rate in rates.items())
            say(f"empty view, {connections} connections, by threads: {listed}")
            self._name(connections)

    def measure(self, port: int, turn: int) -> None:
        """One round against our web process at `port`."""
        for connections in CONNECTIONS:
            rate, p99 = self.figures[f"rate {connections}"], self.figures[f"p99 {connections}"]
            for is_ours in _in_turn(turn):
                seen = self._ours(port, connections) if is_ours else self._reference(connections)
                rate.add(seen.per_second, is_ours=is_ours)
                p99.add(seen.p99_ms, is_ours=is_ours)

    def load(self, port: int, connections: int, seconds: float, *, repeat: bool) -> Summary:
        """Put load on a port; refuse to go on where an answer was not 200."""
        seen = load(
            Order(
                port=port,
                connections=connections,
                first_account=self.accounts.take(40_000),
                seconds=seconds,
                warm_up=WARM_UP,
                repeat=repeat,
            )
        )
        if seen.refused:
            raise RuntimeError(f"answers that were not 200: {seen.refused}")
        return seen

    def _ours(self, port: int, connections: int) -> Summary:
        return self.load(port, connections, self.plan.seconds, repeat=False)

    def _reference(self, connections: int) -> Summary:
        with self.household.empty_view(self.best_threads[connections]) as (port, _):
            return self.load(port, connections, self.plan.seconds, repeat=True)

    def _name(self, connections: int) -> None:
        reference = f"empty Flask view, {self.best_threads[connections]} threads"
        self.figures[f"rate {connections}"] = Figure(
            name=f"acknowledged, SQLite, {connections} connections",
            unit="webhooks/s",
            reference_name=reference,
            goal=Goal(at_least=0.30),
        )
        self.figures[f"p99 {connections}"] = Figure(
            name=f"answer time at p99, {connections} connections",
            unit="ms",
            reference_name=reference,
            goal=Goal(at_most=5),
        )


@dataclass
class Applying:
    """Events applied by one worker process beside RQ jobs that do nothing."""

    kulanz: Kulanz
    redis: Path
    plan: Plan
    accounts: Accounts
    figure: Figure = field(
        default_factory=lambda: Figure(
            name="applied by one worker process, SQLite",
            unit="events/s",
            reference_name="RQ SimpleWorker, no-op jobs",
            goal=Goal(at_least=10),
        )
    )

    def measure(self, turn: int) -> None:
        """One round."""
        for is_ours in _in_turn(turn):
            rate = self._applied() if is_ours else noop_jobs(self.redis, self.plan.jobs)
            self.figure.add(rate, is_ours=is_ours)

    def _applied(self) -> float:
        self._fill()
        with self._open() as database, self.kulanz.worker():
            return drained(lambda: _unapplied(database))

    def _fill(self) -> None:
        count = self.plan.events
        with self.kulanz.web() as (port, _):
            seen = load(Order(port=port, connections=16, first_account=self.accounts.take(count), count=count))
        if seen.answered != count:
            raise RuntimeError(f"{seen.answered} of {count} events were accepted: {seen.refused}")

    @contextmanager
    def _open(self) -> Iterator[Database]:
        database = Database(self.kulanz.database_url)
        try:
            yield database
        finally:
            database.dispose()


def drained(unapplied: Callable[[], int]) -> float:
    """Return events applied a second, from the first that was seen applied to the last; start-up is not counted."""
    left, changed = unapplied(), time.perf_counter()
    samples: list[tuple[float, int]] = []
    while left:
        time.sleep(0.01)
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


def memory(household: Household, receiving: Receiving, kulanz: Kulanz, redis: Path, rounds: int) -> list[Figure]:
    """Return resident memory of web and worker after some work, beside the bare parts after the same."""
    threads = receiving.best_threads[CONNECTIONS[0]]
    web = Figure(name="resident, web", unit="MiB", reference_name="empty Flask app", goal=Goal(at_most=2))
    worker = Figure(name="resident, worker", unit="MiB", reference_name="bare RQ worker", goal=Goal(at_most=2))
    for _ in range(rounds):
        with kulanz.web() as (port, pid):
            receiving.load(port, CONNECTIONS[0], 1.0, repeat=True)
            web.ours.append(resident(pid))
        with household.empty_view(threads) as (port, pid):
            receiving.load(port, CONNECTIONS[0], 1.0, repeat=True)
            web.reference.append(resident(pid))
        with kulanz.worker() as process:
            time.sleep(4)
            worker.ours.append(resident(process.pid))
        with household.bare_worker(redis) as pid:
            worker.reference.append(resident(pid))
    return [web, worker]


def _in_turn(turn: int) -> tuple[bool, bool]:
    """Whether it is ours, in the order of this round."""
    return (True, False) if turn % 2 == 0 else (False, True)


def _unapplied(database: Database) -> int:
    with database.read() as connection:
        states = inbox.counts(connection)
    return states.get("received", 0) + states.get("waiting", 0)
