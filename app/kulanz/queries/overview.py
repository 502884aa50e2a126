"""Figures of the whole installation for the console's overview, each cached for a few seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from kulanz.processing import circuit_breaker
from kulanz.queries import worker_status
from kulanz.queries.cached import Cached
from kulanz.queries.worker_status import WorkerStatus
from kulanz.runtime import clock_guard
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import case_index, inbox, outbox, pages, shared_values
from kulanz.store.case_index import REFUND, WARNING, Sum
from kulanz.store.database import Connection

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOURS, DAYS = 24, 30
RATE_WINDOW = timedelta(minutes=5)
FAST_CACHE = 3.0
SLOW_CACHE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowFigures:
    """Events, effects and timers: whether they go on."""

    at: datetime
    """Policy time."""
    events: dict[str, int]
    """By state; of `handled` there is no end, so it is not counted."""
    effects: dict[str, int]
    """By state, without `done`."""
    lag: timedelta
    """How long the oldest event has waited to be applied."""
    owed_for: timedelta
    """How long the effect that is due longest has been."""
    per_minute: float
    timers_due: int
    refunds_open: int
    """Requests for refunds that are neither denied nor paid."""
    warnings_open: int
    """Payments that are likely to be charged back, and that nobody has asked a refund of."""
    clock_seen: datetime | None
    jump: bool
    """Whether the host's time is not believed, so that no timer fires."""
    breaker_tripped_at: datetime | None
    waiting_for_breaker: int
    test_clock: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyFigures:
    """What is at risk, and what came back."""

    standings: dict[str, int]
    at_risk: list[Sum]
    recovered: list[Sum]
    """This month, by policy time in UTC."""
    opened_by_day: list[tuple[date, int]]
    recovered_by_day: list[tuple[date, int]]


class Figures:
    """The figures of one process."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._hours: dict[datetime, int] = {}
        self._flow = Cached(self._find_flow, FAST_CACHE)
        self._money = Cached(self._find_money, FAST_CACHE)
        self._events = Cached(self._find_events, SLOW_CACHE)
        self._attendance = Cached(lambda: worker_status.worker_status(services.settings.redis_url), FAST_CACHE)

    def flow(self) -> FlowFigures:
        """Return how things flow."""
        return self._flow.get()

    def money(self) -> MoneyFigures:
        """Return what is at risk."""
        return self._money.get()

    def events_by_hour(self) -> list[tuple[datetime, int]]:
        """Return how many events came in each of the last 24 hours, the present one last."""
        return self._events.get()

    def workers(self) -> WorkerStatus:
        """Return what Redis says."""
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

    def _find_money(self) -> MoneyFigures:
        with self._services.database.read() as conn:
            now = self._services.clock.now(conn).astimezone(UTC)
            month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            since = now.replace(hour=0, minute=0, second=0, microsecond=0) - (DAYS - 1) * DAY
            days = [(since + number * DAY).date() for number in range(DAYS)]
            return MoneyFigures(
                standings=pages.standings(conn),
                at_risk=case_index.at_risk(conn),
                recovered=case_index.recovered(conn, month),
                opened_by_day=_by_day(days, case_index.opened_at(conn, since)),
                recovered_by_day=_by_day(days, case_index.recovered_at(conn, since)),
            )

    def _find_events(self) -> list[tuple[datetime, int]]:
        """Count hour by hour; what is over is counted once."""
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


def _by_day(days: list[date], instants: Iterable[datetime]) -> list[tuple[date, int]]:
    counted = Counter(at.astimezone(UTC).date() for at in instants)
    return [(day, counted[day]) for day in days]
