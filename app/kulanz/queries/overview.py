"""Figures of the whole installation for the console's overview, each cached for a few seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from kulanz.processing import circuit_breaker
from kulanz.queries import todo, worker_status
from kulanz.queries.cached import Cached
from kulanz.queries.money import PERIODS, Money, money
from kulanz.queries.todo import Todo
from kulanz.queries.worker_status import WorkerStatus
from kulanz.runtime import clock_guard
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import case_index, inbox, outbox, pages, shared_values
from kulanz.store.case_index import REFUND, WARNING
from kulanz.store.database import Connection

HOUR = timedelta(hours=1)
HOURS = 24
RATE_WINDOW = timedelta(minutes=5)
FAST_CACHE = 3.0
SLOW_CACHE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowFigures:
    """Events, effects and timers: their backlog and delays."""

    at: datetime
    """Policy time."""
    events: dict[str, int]
    """Numbers by state; `handled` is not counted, because it only grows."""
    effects: dict[str, int]
    """By state, without `done`."""
    lag: timedelta
    """Waiting time of the oldest event that is not applied."""
    owed_for: timedelta
    """Time since the oldest pending effect was due."""
    per_minute: float
    timers_due: int
    refunds_open: int
    """Requests for refunds that are neither denied nor paid."""
    warnings_open: int
    """Payments that are likely to be charged back and have no refund request."""
    clock_seen: datetime | None
    jump: bool
    """Whether the host's time is not believed, so that no timer fires."""
    breaker_tripped_at: datetime | None
    waiting_for_breaker: int
    test_clock: datetime | None


class Figures:
    """The figures of one process."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._hours: dict[datetime, int] = {}
        self._flow = Cached(self._find_flow, FAST_CACHE)
        self._todo = Cached(lambda: todo.todo_list(services), FAST_CACHE)
        self._money = {by: Cached(partial(self._find_money, by), FAST_CACHE) for by in PERIODS}
        self._standings = Cached(self._find_standings, FAST_CACHE)
        self._events = Cached(self._find_events, SLOW_CACHE)
        self._attendance = Cached(lambda: worker_status.worker_status(services.settings.redis_url), FAST_CACHE)

    def flow(self) -> FlowFigures:
        """Return how things flow."""
        return self._flow.get()

    def todo(self) -> list[Todo]:
        """Return the to-do items."""
        return self._todo.get()

    def money(self, by: str) -> Money:
        """Return the money at risk, failed, recovered and lost, and the next days; its courses by a period."""
        return self._money[by].get()

    def standings(self) -> dict[str, int]:
        """Return the number of accounts by standing."""
        return self._standings.get()

    def events_by_hour(self) -> list[tuple[datetime, int]]:
        """Return how many events came in each of the last 24 hours, the present one last."""
        return self._events.get()

    def workers(self) -> WorkerStatus:
        """Return the state of Redis."""
        return self._attendance.get()

    def _find_flow(self) -> FlowFigures:
        services = self._services
        with services.database.read() as conn:
            now = services.clock.now(conn)
            oldest, due = inbox.oldest_received(conn), outbox.oldest_pending(conn)
            seen, breaker = shared_values.get(conn, clock_guard.LAST_SEEN_KEY), circuit_breaker.status(conn, now)
            return FlowFigures(
                at=now,
                events=inbox.counts(conn),
                effects=outbox.counts(conn),
                lag=_since(oldest, now),
                owed_for=_since(due, real_now()),
                per_minute=_rate(conn, now),
                timers_due=pages.timers_due(conn, now),
                refunds_open=case_index.number_open(conn, REFUND),
                warnings_open=case_index.number_open(conn, WARNING),
                clock_seen=datetime.fromisoformat(seen) if seen else None,
                jump=clock_guard.jump(conn) is not None,
                breaker_tripped_at=breaker.on_since,
                waiting_for_breaker=breaker.waiting,
                test_clock=services.clock.test_time(conn),
            )

    def _find_money(self, by: str) -> Money:
        with self._services.database.read() as conn:
            return money(conn, self._services.clock.now(conn), by)

    def _find_standings(self) -> dict[str, int]:
        with self._services.database.read() as conn:
            return pages.standings(conn)

    def _find_events(self) -> list[tuple[datetime, int]]:
        """Count hour by hour; past hours are counted once."""
        with self._services.database.read() as conn:
            now = self._services.clock.now(conn).astimezone(UTC)
            present = now.replace(minute=0, second=0, microsecond=0)
            hours = [present - number * HOUR for number in reversed(range(HOURS))]
            missing = [hour for hour in hours if hour not in self._hours or hour == present]
            matches = _counted(conn, missing)
        self._hours = {hour: number for hour, number in (self._hours | matches).items() if hour in hours}
        return [(hour, self._hours[hour]) for hour in hours]


def _counted(conn: Connection, hours: list[datetime]) -> dict[datetime, int]:
    edges = {edge for hour in hours for edge in (hour, hour + HOUR)}
    first = {edge: pages.first_since(conn, edge) for edge in edges}
    return {hour: pages.number_between(conn, first[hour], first[hour + HOUR]) for hour in hours}


def _rate(conn: Connection, now: datetime) -> float:
    first = pages.first_since(conn, now - RATE_WINDOW)
    number = pages.number_between(conn, first, pages.newest_event(conn) + 1)
    return number / (RATE_WINDOW / timedelta(minutes=1))


def _since(then: datetime | None, now: datetime) -> timedelta:
    return timedelta() if then is None else max(now - then, timedelta())
