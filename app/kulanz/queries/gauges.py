"""What `/metrics` shows: sums of what all processes count, and readings of the records, each kept for some seconds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from kulanz.processing import circuit_breaker
from kulanz.queries import workers
from kulanz.queries.cached import Lately, gather
from kulanz.runtime import clock_guard, counters
from kulanz.runtime.clock import real_now
from kulanz.runtime.notifier import QUEUES
from kulanz.services import Services
from kulanz.store import case_index, inbox, metric_sums, outbox, pages, policies, shared_values, timers
from kulanz.store.case_index import CASE, COLLECTION, DISPUTE, REFUND, Tale
from kulanz.store.database import Connection
from kulanz.store.spool import Spool
from kulanz.telemetry import metrics
from kulanz.telemetry.metrics import Reading

Value = tuple[Reading, dict[str, str], float]
Values = list[Value]

SOON, LATER = 3.0, 30.0
"""Seconds for which readings are kept: those of the flow, and those of whole tables."""
OLDEST = ("received", "waiting", "parked", "quarantined")
_CURRENCY = re.compile(r"[A-Z]{3}")
_OTHERS = (
    (DISPUTE, metrics.DISPUTES, "status"),
    (REFUND, metrics.REFUNDS, "state"),
    (COLLECTION, metrics.COLLECTIONS, "state"),
)
_LOST = frozenset({"exhausted"})


class Gauges:
    """The metrics of one house, as any of its processes tells them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._counts = Lately(self._find_counts, SOON)
        self._sources = {
            "flow": Lately(self._timed(lambda: self._read(_flow)), SOON),
            "clock": Lately(self._timed(lambda: self._read(_clock)), SOON),
            "accounts": Lately(self._timed(lambda: self._read(_accounts)), LATER),
            "cases": Lately(self._timed(lambda: self._read(_cases)), LATER),
        }
        if services.settings.spool:
            self._sources["spool"] = Lately(self._timed(self._spool), SOON)
        if services.settings.redis_url is not None:
            self._sources["redis"] = Lately(self._timed(self._redis), SOON)

    def page(self) -> bytes:
        """Return the page in Prometheus's text format. What could not be read is not on it: a 0 would look well."""
        gather([self._counts, *self._sources.values()])
        lines = list(counters.page(self._counts.value or {}))
        found: Values = []
        for source, kept in self._sources.items():
            read = kept.value
            found.append((metrics.READING_OK, {"source": source}, float(read is not None)))
            if read is not None:
                took, values = read
                found += [*values, (metrics.READING_TOOK, {"source": source}, took)]
        found.append((metrics.READING_OK, {"source": "counts"}, float(self._counts.value is not None)))
        return "\n".join([*lines, *_written(found), ""]).encode()

    def _find_counts(self) -> dict[str, float]:
        self._services.tally.hand_in()
        with self._services.database.read() as conn:
            return metric_sums.all(conn)

    def _read(self, question: Callable[[Services, Connection], Iterator[Value]]) -> Values:
        with self._services.database.read() as conn:
            return list(question(self._services, conn))

    def _spool(self) -> Values:
        """Look at the disk of this process: each host has a spool of its own."""
        return [(metrics.SPOOL, {}, Spool(self._services.settings.data_dir / "spool", 0).size())]

    def _redis(self) -> Values:
        return list(_of_attendance(workers.look(self._services.settings.redis_url)))

    @staticmethod
    def _timed(find: Callable[[], Values]) -> Callable[[], tuple[float, Values]]:
        def found() -> tuple[float, Values]:
            began = real_now()
            values = find()
            return (real_now() - began).total_seconds(), values

        return found


def _written(found: Iterable[Value]) -> Iterator[str]:
    by_name: dict[str, list[str]] = {}
    for reading, labels, value in found:
        by_name.setdefault(reading.name, []).append(counters.line(reading.name, labels, value))
    for reading in metrics.READINGS:
        if reading.name in by_name:
            yield from counters.head(reading.name, reading.told, "gauge")
            yield from by_name[reading.name]


def _flow(services: Services, conn: Connection) -> Iterator[Value]:
    now = services.clock.now(conn)
    for state, number in inbox.counts(conn).items():
        yield metrics.INBOX, {"state": state}, number
    for state in OLDEST:
        yield metrics.INBOX_OLDEST, {"state": state}, _age(inbox.oldest(conn, state), now)
    for state, number in outbox.counts(conn).items():
        yield metrics.EFFECTS, {"state": state}, number
    yield metrics.EFFECTS_OLDEST, {}, _age(outbox.oldest_pending(conn), real_now())
    yield metrics.TIMERS_DUE, {}, pages.timers_due(conn, now)
    yield metrics.TIMERS_OLDEST, {}, _age(timers.next_due(conn), now)


def _clock(services: Services, conn: Connection) -> Iterator[Value]:
    now = services.clock.now(conn)
    seen = shared_values.get(conn, clock_guard.LAST_SEEN)
    if seen is not None:
        yield metrics.CLOCK_AGE, {}, _age(datetime.fromisoformat(seen), real_now())
    yield metrics.CLOCK_JUMP, {}, clock_guard.jump(conn) is not None
    yield metrics.TEST_CLOCK, {}, services.clock.test_time(conn) is not None
    found = circuit_breaker.show(conn, now)
    yield metrics.BRAKE, {}, found.on_since is not None
    yield metrics.BRAKED, {}, found.waiting
    reconciled = (shared_values.get(conn, shared_values.RECONCILED) or {}).get("at")
    if reconciled is not None:
        yield metrics.RECONCILED_AGE, {}, _age(datetime.fromisoformat(reconciled), real_now())
    row = policies.in_force(policies.all(conn), now)
    if row is not None:
        yield metrics.POLICY, {"policy": row.name, "policy_version": str(row.version)}, 1


def _accounts(_: Services, conn: Connection) -> Iterator[Value]:
    for standing, number in pages.standings(conn).items():
        yield metrics.ACCOUNTS, {"standing": standing}, number


def _cases(_: Services, conn: Connection) -> Iterator[Value]:
    told = case_index.told(conn)
    of_cases = [one for one in told if one.kind == CASE]
    now_open = [one for one in of_cases if one.is_open]
    recovered = [one for one in of_cases if one.state == "recovered"]
    exhausted = [one for one in of_cases if one.state in _LOST or one.stage in _LOST]
    yield from _summed(metrics.AT_RISK, now_open, _by_currency, lambda one: one.amount)
    yield from _summed(metrics.CASES_OPEN, now_open, lambda one: {"state": one.state, **_by_currency(one)})
    yield from _summed(metrics.CASES_OPENED, of_cases, _by_version)
    yield from _summed(metrics.CASES_RECOVERED, recovered, _by_version)
    yield from _summed(metrics.CASES_EXHAUSTED, exhausted, _by_version)
    yield from _summed(metrics.RECOVERIES, recovered, _by_stage)
    yield from _summed(metrics.RECOVERED, recovered, _by_currency, lambda one: one.amount)
    yield from _summed(
        metrics.DISPUTES, [one for one in told if one.kind == DISPUTE], lambda one: {"status": one.state}
    )


def _by_state(label: str) -> Callable[[Tale], dict[str, str]]:
    return lambda one: {label: one.state}


def _of_attendance(found: workers.Attendance) -> Iterator[Value]:
    if found.problem is not None:
        raise workers.AwayError(found.problem)
    yield metrics.QUEUE_JOBS, {"state": "queued"}, found.queued_jobs
    yield metrics.QUEUE_JOBS, {"state": "failed"}, found.failed_jobs
    attending = Counter(name for worker in found.workers for name in worker.queues)
    for name in QUEUES:
        yield metrics.WORKERS, {"queue": name}, attending[name]


def _summed(
    reading: Reading,
    tales: Iterable[Tale],
    labels: Callable[[Tale], dict[str, str]],
    amount: Callable[[Tale], int] = lambda one: one.number,
) -> Iterator[Value]:
    sums: Counter[tuple[tuple[str, str], ...]] = Counter()
    for one in tales:
        sums[tuple(labels(one).items())] += amount(one)
    for key, value in sorted(sums.items()):
        yield reading, dict(key), value


def _by_currency(one: Tale) -> dict[str, str]:
    return {"currency": one.currency if one.currency and _CURRENCY.fullmatch(one.currency) else "other"}


def _by_version(one: Tale) -> dict[str, str]:
    return {"policy_version": str(one.policy_version), **_by_currency(one)}


def _by_stage(one: Tale) -> dict[str, str]:
    return {"stage": one.stage or "unknown", "cause": one.cause or "unknown"}


def _age(then: datetime | None, now: datetime) -> float:
    return 0.0 if then is None else max(now - then, timedelta()).total_seconds()
