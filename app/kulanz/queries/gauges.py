"""The content of `/metrics`: sums of all processes' counters, and gauges, each read from the records and cached."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from kulanz.processing import circuit_breaker
from kulanz.queries import worker_status
from kulanz.queries.cached import BackgroundValue, gather
from kulanz.runtime import clock_guard, counters
from kulanz.runtime.clock import real_now
from kulanz.runtime.notifier import QUEUES
from kulanz.services import Services
from kulanz.store import case_index, inbox, metric_sums, outbox, pages, policies, shared_values, timers
from kulanz.store.case_index import CASE, COLLECTION, DISPUTE, REFUND, CaseCount
from kulanz.store.database import Connection
from kulanz.store.spool import Spool
from kulanz.telemetry import metrics
from kulanz.telemetry.metrics import Gauge

GaugeValue = tuple[Gauge, dict[str, str], float]
GaugeValues = list[GaugeValue]

FAST_CACHE, SLOW_CACHE = 3.0, 30.0
"""Seconds for which readings are kept: those of the flow, and those of whole tables."""
AGED_STATES = ("received", "waiting", "parked", "quarantined")
_CURRENCY = re.compile(r"[A-Z]{3}")
_OTHERS = (
    (DISPUTE, metrics.DISPUTES, "status"),
    (REFUND, metrics.REFUNDS, "state"),
    (COLLECTION, metrics.COLLECTIONS, "state"),
)
_LOST = frozenset({"exhausted"})


class Gauges:
    """The gauges of one installation; each of its processes reports the same."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._counts = BackgroundValue(self._find_counts, FAST_CACHE)
        self._sources = {
            "flow": BackgroundValue(self._timed(lambda: self._read(_flow)), FAST_CACHE),
            "clock": BackgroundValue(self._timed(lambda: self._read(_clock)), FAST_CACHE),
            "accounts": BackgroundValue(self._timed(lambda: self._read(_accounts)), SLOW_CACHE),
            "cases": BackgroundValue(self._timed(lambda: self._read(_cases)), SLOW_CACHE),
        }
        if services.settings.spool:
            self._sources["spool"] = BackgroundValue(self._timed(self._spool), FAST_CACHE)
        if services.settings.redis_url is not None:
            self._sources["redis"] = BackgroundValue(self._timed(self._redis), FAST_CACHE)

    def page(self) -> bytes:
        """Return the page in Prometheus's text format. A value that could not be read is left out; 0 would mislead."""
        gather([self._counts, *self._sources.values()])
        lines = list(counters.exposition(self._counts.value or {}))
        matches: GaugeValues = []
        for source, kept in self._sources.items():
            read = kept.value
            matches.append((metrics.GAUGE_READ_OK, {"source": source}, float(read is not None)))
            if read is not None:
                took, values = read
                matches += [*values, (metrics.GAUGE_READ_SECONDS, {"source": source}, took)]
        matches.append((metrics.GAUGE_READ_OK, {"source": "counts"}, float(self._counts.value is not None)))
        return "\n".join([*lines, *_written(matches), ""]).encode()

    def _find_counts(self) -> dict[str, float]:
        self._services.counters.flush()
        with self._services.database.read() as conn:
            return metric_sums.all(conn)

    def _read(self, question: Callable[[Services, Connection], Iterator[GaugeValue]]) -> GaugeValues:
        with self._services.database.read() as conn:
            return list(question(self._services, conn))

    def _spool(self) -> GaugeValues:
        """Look at the disk of this process: each host has a spool of its own."""
        return [(metrics.SPOOL, {}, Spool(self._services.settings.data_dir / "spool", 0).size())]

    def _redis(self) -> GaugeValues:
        return list(_workers(worker_status.worker_status(self._services.settings.redis_url)))

    @staticmethod
    def _timed(find: Callable[[], GaugeValues]) -> Callable[[], tuple[float, GaugeValues]]:
        def result() -> tuple[float, GaugeValues]:
            began = real_now()
            values = find()
            return (real_now() - began).total_seconds(), values

        return result


def _written(matches: Iterable[GaugeValue]) -> Iterator[str]:
    by_name: dict[str, list[str]] = {}
    for reading, labels, value in matches:
        by_name.setdefault(reading.name, []).append(counters.line(reading.name, labels, value))
    for reading in metrics.GAUGES:
        if reading.name in by_name:
            yield from counters.with_former_name(reading.name, reading.documentation, "gauge", by_name[reading.name])


def _flow(services: Services, conn: Connection) -> Iterator[GaugeValue]:
    now = services.clock.now(conn)
    for state, number in inbox.counts(conn).items():
        yield metrics.INBOX, {"state": state}, number
    for state in AGED_STATES:
        yield metrics.INBOX_OLDEST, {"state": state}, _age(inbox.oldest(conn, state), now)
    for state, number in outbox.counts(conn).items():
        yield metrics.EFFECTS, {"state": state}, number
    yield metrics.EFFECTS_OLDEST, {}, _age(outbox.oldest_pending(conn), real_now())
    yield metrics.TIMERS_DUE, {}, pages.timers_due(conn, now)
    yield metrics.TIMERS_OLDEST, {}, _age(timers.next_due(conn), now)


def _clock(services: Services, conn: Connection) -> Iterator[GaugeValue]:
    now = services.clock.now(conn)
    seen = shared_values.get(conn, clock_guard.LAST_SEEN_KEY)
    if seen is not None:
        yield metrics.CLOCK_AGE, {}, _age(datetime.fromisoformat(seen), real_now())
    yield metrics.CLOCK_JUMP, {}, clock_guard.jump(conn) is not None
    yield metrics.TEST_CLOCK, {}, services.clock.test_time(conn) is not None
    breaker_status = circuit_breaker.status(conn, now)
    yield metrics.BREAKER_TRIPPED, {}, breaker_status.on_since is not None
    yield metrics.BREAKER_WAITING, {}, breaker_status.waiting
    reconciled = (shared_values.get(conn, shared_values.RECONCILED_KEY) or {}).get("at")
    if reconciled is not None:
        yield metrics.RECONCILED_AGE, {}, _age(datetime.fromisoformat(reconciled), real_now())
    row = policies.in_force(policies.all(conn), now)
    if row is not None:
        yield metrics.POLICY, {"policy": row.name, "policy_version": str(row.version)}, 1


def _accounts(_: Services, conn: Connection) -> Iterator[GaugeValue]:
    for standing, number in pages.standings(conn).items():
        yield metrics.ACCOUNTS, {"standing": standing}, number


def _cases(_: Services, conn: Connection) -> Iterator[GaugeValue]:
    case_counts = case_index.told(conn)
    of_cases = [case_count for case_count in case_counts if case_count.kind == CASE]
    now_open = [case_count for case_count in of_cases if case_count.is_open]
    recovered = [case_count for case_count in of_cases if case_count.state == "recovered"]
    exhausted = [case_count for case_count in of_cases if case_count.state in _LOST or case_count.stage in _LOST]
    at_risk = [case_count for case_count in now_open if not case_count.is_lost]
    yield from _summed(metrics.AT_RISK, at_risk, _by_currency, lambda case_count: case_count.amount)
    yield from _summed(
        metrics.CASES_OPEN, now_open, lambda case_count: {"state": case_count.state, **_by_currency(case_count)}
    )
    yield from _summed(metrics.CASES_OPENED, of_cases, _by_version)
    yield from _summed(metrics.CASES_RECOVERED, recovered, _by_version)
    yield from _summed(metrics.CASES_EXHAUSTED, exhausted, _by_version)
    yield from _summed(metrics.RECOVERIES, recovered, _by_stage)
    yield from _summed(metrics.RECOVERED, recovered, _by_currency, lambda case_count: case_count.amount)
    for kind, reading, label in _OTHERS:
        of_kind = [case_count for case_count in case_counts if case_count.kind == kind]
        yield from _summed(reading, of_kind, _by_state(label))


def _by_state(label: str) -> Callable[[CaseCount], dict[str, str]]:
    return lambda case_count: {label: case_count.state}


def _workers(stored_worker_status: worker_status.WorkerStatus) -> Iterator[GaugeValue]:
    if stored_worker_status.problem is not None:
        raise worker_status.RedisUnavailableError(stored_worker_status.problem)
    yield metrics.QUEUE_JOBS, {"state": "queued"}, stored_worker_status.queued_jobs
    yield metrics.QUEUE_JOBS, {"state": "failed"}, stored_worker_status.failed_jobs
    attending = Counter(name for worker in stored_worker_status.workers if worker.is_ours for name in worker.queues)
    for name in QUEUES:
        yield metrics.WORKERS, {"queue": name}, attending[name]


def _summed(
    reading: Gauge,
    scenarios: Iterable[CaseCount],
    labels: Callable[[CaseCount], dict[str, str]],
    amount: Callable[[CaseCount], int] = lambda one: one.number,
) -> Iterator[GaugeValue]:
    sums: Counter[tuple[tuple[str, str], ...]] = Counter()
    for case_count in scenarios:
        sums[tuple(labels(case_count).items())] += amount(case_count)
    for key, value in sorted(sums.items()):
        yield reading, dict(key), value


def _by_currency(case_count: CaseCount) -> dict[str, str]:
    return {
        "currency": case_count.currency if case_count.currency and _CURRENCY.fullmatch(case_count.currency) else "other"
    }


def _by_version(case_count: CaseCount) -> dict[str, str]:
    return {"policy_version": str(case_count.policy_version), **_by_currency(case_count)}


def _by_stage(case_count: CaseCount) -> dict[str, str]:
    return {"stage": case_count.stage or "unknown", "cause": case_count.cause or "unknown"}


def _age(then: datetime | None, now: datetime) -> float:
    return 0.0 if then is None else max(now - then, timedelta()).total_seconds()
