"""The health of the installation: one light for each thing that is well or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from flask import url_for

from kulanz.formats.messages import Message, counted, message
from kulanz.queries.overview import FlowFigures
from kulanz.queries.worker_status import WorkerStatus
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.web.console.formatting import span, words
from kulanz.web.console.reading import reading

SLOW, SILENT = timedelta(minutes=1), timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """A health indicator; `tone` is good, warn or bad, and `word` says it."""

    name: Message | str
    value: Message | str
    tone: str
    word: Message | str
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
        name=message("Inbox lag"),
        value=span(flow.lag),
        tone="bad" if slow else "good",
        word=message("behind") if slow else message("up to date"),
        link=url_for("ops.events", state="received"),
    )
    yield Light(
        name=message("Event rate"),
        value=message("{number} / min", number=reading().grouped(round(flow.per_minute, 1))),
        tone="good",
        word=message("events, last 5 minutes"),
    )
    for state, name in (("parked", message("Parked events")), ("quarantined", message("Quarantined events"))):
        number = flow.events[state]
        yield Light(
            name=name,
            value=_number(number),
            tone="bad" if number else "good",
            word=message("need a person") if number else message("all clear"),
            link=url_for("ops.events", state=state),
        )
    waiting = flow.events["waiting"]
    yield Light(
        name=message("Waiting payments"),
        value=_number(waiting),
        tone="good",
        word=message("for their subscription") if waiting else message("all clear"),
        link=url_for("ops.events", state="waiting"),
    )


def _of_effects(flow: FlowFigures) -> Iterator[Light]:
    late = flow.owed_for > SLOW
    yield Light(
        name=message("Actions due"),
        value=_number(flow.effects["pending"]),
        tone="warn" if late else "good",
        word=message("oldest due for {span}", span=span(flow.owed_for)) if late else message("on time"),
        link=url_for("ops.effects", state="pending"),
    )
    stuck = {state: flow.effects[state] for state in ("parked", "todo", "unknown")}
    number = sum(stuck.values())
    held = [
        Message(text="{number} {state}", values={"number": many, "state": words(state)})
        for state, many in stuck.items()
        if many
    ]
    yield Light(
        name=message("Actions stuck"),
        value=_number(number),
        tone="bad" if number else "good",
        word=Message(text="{stuck}", values={"stuck": held}) if held else message("all clear"),
        link=url_for("ops.effects", state=next((state for state, many in stuck.items() if many), "parked")),
    )


def _of_refunds(flow: FlowFigures) -> Iterator[Light]:
    number = flow.refunds_open
    yield Light(
        name=message("Refund requests"),
        value=_number(number),
        tone="good",
        word=message("not yet denied or paid; see what is late") if number else message("all clear"),
        link=url_for("ops.refunds", late="yes") if number else url_for("ops.refunds"),
    )


def _of_warnings(flow: FlowFigures) -> Iterator[Light]:
    number = flow.warnings_open
    yield Light(
        name=message("Chargeback warnings"),
        value=_number(number),
        tone="warn" if number else "good",
        word=message("a refund in time prevents them") if number else message("all clear"),
        link=url_for("ops.disputes", show="warnings"),
    )


def _of_clock(flow: FlowFigures) -> Iterator[Light]:
    silent = flow.clock_seen is None or real_now() - flow.clock_seen > SILENT
    stands = flow.test_clock is not None
    word = (
        message("test clock stands still")
        if stands
        else message("clock is not running")
        if silent
        else message("clock runs")
    )
    word = message("host clock jumped: nothing fires") if flow.jump else word
    bad = flow.jump or (silent and not stands)
    yield Light(name=message("Timers due"), value=_number(flow.timers_due), tone="bad" if bad else "good", word=word)
    tripped = flow.breaker_tripped_at is not None
    wait = counted(
        "{number} account waits: kulanz breaker release",
        "{number} accounts wait: kulanz breaker release",
        flow.waiting_for_breaker,
    )
    yield Light(
        name=message("Circuit breaker"),
        value=message("on") if tripped else message("off"),
        tone="bad" if tripped else "good",
        word=wait if tripped else message("no mass downgrade"),
    )


def _of_parts(services: Services, attendance: WorkerStatus) -> Iterator[Light]:
    yield Light(name=message("Database"), value=services.database.dialect, tone="good", word=message("answers"))
    away = attendance.problem is not None
    yield Light(
        name="Redis",
        value=message("away") if away else message("answers"),
        tone="warn" if away else "good",
        word=attendance.problem
        or message(
            "{queued} queued, {failed} failed jobs", queued=attendance.queued_jobs, failed=attendance.failed_jobs
        ),
        link=url_for("ops.queues", rest=""),
    )
    idle = attendance.unserved
    yield Light(
        name=message("Workers"),
        value=message("unknown") if away else str(len(attendance.workers)),
        tone="warn" if away else "bad" if idle else "good",
        word=message("Redis is away")
        if away
        else message("no worker for {queues}", queues=[*idle])
        if idle
        else message("alive"),
        link=url_for("ops.queues", rest="0/view/workers"),
    )


def _number(number: int) -> str:
    return reading().grouped(number)
