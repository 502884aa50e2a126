"""Acknowledged webhooks beside an empty view, the usual receiver, and the usual receiver made durable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product

from bench.figures import Figure, Goal
from bench.instances import Kulanz
from bench.load import Summary
from bench.plan import Bench, in_turn

THREADS = (2, 4, 8, 16, 32)
CONNECTIONS = (16, 64)
PROCESSES = (1, 2)
REFERENCES = ("empty", "usual", "durable")
GOALS = {"empty": 0.5, "usual": 1.5, "durable": 3.0}
P99_GOAL = 2.5


@dataclass(frozen=True)
class Cell:
    database: str
    processes: int
    connections: int

    def __str__(self) -> str:
        return f"{self.database}, {self.processes} web process{'es' * (self.processes > 1)}, {self.connections} conn."


def receiving(bench: Bench) -> Iterator[Figure]:
    """Measure every cell in every round, ours and its references one after the other."""
    threads = _best_threads(bench)
    cells = [Cell(*item) for item in product(bench.plan.databases, PROCESSES, CONNECTIONS)]
    results = _Results(
        rates={(cell, name): _rate(cell, name) for cell in cells for name in REFERENCES},
        blueprints={cell: _blueprint(cell) for cell in cells},
        tails={cell: _tail(cell) for cell in cells},
    )
    yield from results.rates.values()
    yield from results.blueprints.values()
    yield from results.tails.values()
    with ExitStack() as stack:
        servers = _Servers(bench, threads, stack)
        for turn in bench.rounds("receiving"):
            for cell in cells:
                for who in in_turn(turn, ("ours", "blueprint", *REFERENCES)):
                    port = servers.port(who, cell)
                    seen = bench.load(port, cell.connections, bench.plan.seconds, repeat=who == "empty")
                    results.note(cell, who, seen)
                    bench.instances.flush()  # What the usual receivers have enqueued.


@dataclass
class _Results:
    rates: dict[tuple[Cell, str], Figure]
    blueprints: dict[Cell, Figure]
    tails: dict[Cell, Figure]

    def note(self, cell: Cell, who: str, seen: Summary) -> None:
        if who in {"blueprint", "usual"}:
            self.blueprints[cell].add(seen.per_second, is_ours=who == "blueprint")
        for name in REFERENCES if who == "ours" else {who}.intersection(REFERENCES):
            self.rates[cell, name].add(seen.per_second, is_ours=who == "ours")
        if who in {"ours", "empty"}:
            self.tails[cell].add(seen.p99_ms, is_ours=who == "ours")


class _Servers:
    """Every server of the matrix, started when it is first asked for; an idle one costs nothing."""

    def __init__(self, bench: Bench, threads: dict[int, int], stack: ExitStack) -> None:
        self._bench = bench
        self._threads = threads
        self._stack = stack
        self._ports: dict[tuple[object, ...], int] = {}
        self._redis = bench.instances.redis()
        self._kulanz = {name: bench.instances.kulanz(f"receiver-{name}", name) for name in bench.plan.databases}

    def port(self, who: str, cell: Cell) -> int:
        """Return where a server listens."""
        database = cell.database if who in {"ours", "blueprint", "durable"} else ""
        key = (who, cell.processes, cell.connections if who == "empty" else 0, database)
        if key not in self._ports:
            self._ports[key] = self._started(who, cell)
        return self._ports[key]

    def _started(self, who: str, cell: Cell) -> int:
        instances, ours = self._bench.instances, self._kulanz[cell.database]
        if who == "ours":
            return self._stack.enter_context(ours.web(cell.processes))[0]
        threads = self._threads[cell.connections]
        if who == "blueprint":
            app = instances.flask("kulanz.web:create_app()", threads, cell.processes, ours.environ, probe="/readyz")
            return self._stack.enter_context(app)[0]
        if who == "empty":
            return self._stack.enter_context(instances.flask("bench.empty:app", threads, cell.processes))[0]
        environ = {"BENCH_REDIS_URL": f"unix://{self._redis}", **(_durable(ours) if who == "durable" else {})}
        return self._stack.enter_context(instances.flask("bench.usual:app", threads, cell.processes, environ))[0]


def _durable(ours: Kulanz) -> dict[str, str]:
    return {"BENCH_DATABASE_URL": ours.beside("usual")}


def _best_threads(bench: Bench) -> dict[int, int]:
    """Find the thread count at which the empty view answers most."""
    matches: dict[int, dict[int, float]] = {connections: {} for connections in CONNECTIONS}
    for threads in THREADS:
        with bench.instances.flask("bench.empty:app", threads, 1) as (port, _):
            for connections in CONNECTIONS:
                matches[connections][threads] = bench.load(port, connections, 1.0, repeat=True).per_second
    for connections, rates in matches.items():
        listed = ", ".join(f"{threads}: {rate:,.0f}/s" for threads, rate in rates.items())
        bench.say(f"empty view, {connections} connections, by threads: {listed}")
    return {connections: max(rates, key=rates.__getitem__) for connections, rates in matches.items()}


def _rate(cell: Cell, reference: str) -> Figure:
    names = {
        "empty": "empty Flask view",
        "usual": "usual receiver",
        "durable": "usual receiver with INSERT",
    }
    return Figure(
        name=f"acknowledged, {cell}",
        unit="webhooks/s",
        reference_name=names[reference],
        goal=Goal(at_least=GOALS[reference]),
    )


def _blueprint(cell: Cell) -> Figure:
    return Figure(
        name=f"acknowledged by the blueprint under WSGI, {cell}",
        unit="webhooks/s",
        reference_name="usual receiver",
        goal=Goal(at_least=0.5),
    )


def _tail(cell: Cell) -> Figure:
    return Figure(
        name=f"answer time at p99, {cell}", unit="ms", reference_name="empty Flask view", goal=Goal(at_most=P99_GOAL)
    )
