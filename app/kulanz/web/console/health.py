"""The health of the installation: one light for each thing that is well or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from flask import url_for

from kulanz.formats.wording import how_many
from kulanz.queries.overview import FlowFigures
from kulanz.queries.worker_status import WorkerStatus
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.web.console.formatting import span

SLOW, SILENT = timedelta(minutes=1), timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """A health indicator; `tone` is good, warn or bad, and `word` says it."""

    name: str
    value: str
    tone: str
    word: str
    link: str | None = None


def lights(services: Services, flow: FlowFigures, attendance: WorkerStatus) -> list[Light]:
    """Return all lights."""
    return [
        *_of_events(flow),
        *_of_effects(flow),
        *_of_refunds(flow),
        *_of_warnings(flow),
        *_of_clock(flow),
        *_of_parts(services, attendance),
    ]


def _of_events(flow: FlowFigures) -> Iterator[Light]:
    slow = flow.lag > SLOW
    yield Light(
        name="Inbox lag",
        value=span(flow.lag),
        tone="bad" if slow else "good",
        word="behind" if slow else "up to date",
        link=url_for("ops.events", state="received"),
    )
    yield Light(name="Rate", value=f"{flow.per_minute:.1f} / min", tone="good", word="events, last 5 minutes")
    for state in ("parked", "quarantined"):
        number = flow.events[state]
        yield Light(
            name=f"{state.capitalize()} events",
            value=f"{number:,}",
            tone="bad" if number else "good",
            word="need a person" if number else "none",
            link=url_for("ops.events", state=state),
        )
    waiting = flow.events["waiting"]
    yield Light(
        name="Waiting payments",
        value=f"{waiting:,}",
        tone="good",
        word="for their subscription" if waiting else "none",
        link=url_for("ops.events", state="waiting"),
    )


def _of_effects(flow: FlowFigures) -> Iterator[Light]:
    late = flow.owed_for > SLOW
    yield Light(
        name="Actions due",
        value=f"{flow.effects['pending']:,}",
        tone="warn" if late else "good",
        word=f"oldest due for {span(flow.owed_for)}" if late else "on time",
        link=url_for("ops.effects", state="pending"),
    )
    stuck = {state: flow.effects[state] for state in ("parked", "todo", "unknown")}
    number = sum(stuck.values())
    yield Light(
        name="Actions stuck",
        value=f"{number:,}",
        tone="bad" if number else "good",
        word=", ".join(f"{many} {state}" for state, many in stuck.items() if many) or "none",
        link=url_for("ops.effects", state=next((state for state, many in stuck.items() if many), "parked")),
    )


def _of_refunds(flow: FlowFigures) -> Iterator[Light]:
    number = flow.refunds_open
    yield Light(
        name="Refund requests",
        value=f"{number:,}",
        tone="good",
        word="not yet denied or paid; see what is late" if number else "none",
        link=url_for("ops.refunds", late="yes") if number else url_for("ops.refunds"),
    )


def _of_warnings(flow: FlowFigures) -> Iterator[Light]:
    number = flow.warnings_open
    yield Light(
        name="Chargeback warnings",
        value=f"{number:,}",
        tone="warn" if number else "good",
        word="a refund in time prevents them" if number else "none",
        link=url_for("ops.disputes", show="warnings"),
    )


def _of_clock(flow: FlowFigures) -> Iterator[Light]:
    silent = flow.clock_seen is None or real_now() - flow.clock_seen > SILENT
    stands = flow.test_clock is not None
    word = "test clock stands still" if stands else "clock is not running" if silent else "clock runs"
    word = "host clock jumped: nothing fires" if flow.jump else word
    bad = flow.jump or (silent and not stands)
    yield Light(name="Timers due", value=f"{flow.timers_due:,}", tone="bad" if bad else "good", word=word)
    tripped = flow.breaker_tripped_at is not None
    wait = how_many(flow.waiting_for_breaker, "account waits", "accounts wait")
    yield Light(
        name="Circuit breaker",
        value="on" if tripped else "off",
        tone="bad" if tripped else "good",
        word=f"{wait}: kulanz breaker release" if tripped else "no mass downgrade",
    )


def _of_parts(services: Services, attendance: WorkerStatus) -> Iterator[Light]:
    yield Light(name="Database", value=services.database.dialect, tone="good", word="answers")
    away = attendance.problem is not None
    yield Light(
        name="Redis",
        value="away" if away else "answers",
        tone="warn" if away else "good",
        word=attendance.problem or f"{attendance.queued_jobs} queued, {attendance.failed_jobs} failed jobs",
        link=url_for("ops.queues", rest=""),
    )
    idle = attendance.unserved
    yield Light(
        name="Workers",
        value="unknown" if away else str(len(attendance.workers)),
        tone="warn" if away else "bad" if idle else "good",
        word="Redis is away" if away else f"no worker for {', '.join(idle)}" if idle else "alive",
        link=url_for("ops.queues", rest="0/view/workers"),
    )
