"""The two jobs that a ring asks for, one line per step of the pipeline: a job drains, lingers a while, and leaves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from kulanz import pipeline
from kulanz.errors import KulanzError
from kulanz.runtime.notifier import EFFECTS, EVENTS, DoorbellUnavailableError
from kulanz.services import Services
from kulanz.telemetry.logs import log

BATCH = 250
"""Events or timers that one transaction takes: twice as many are 3 % quicker and take 3 MiB more."""
ERRANDS = 50
"""Effects that one step leases."""
LINGER = 10.0
"""Seconds after which a job leaves, so that RQ sees its worker alive."""
LISTEN = 1.0
"""Seconds between two looks at whether we are to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """What a worker process works with; RQ calls a job by name, so a job finds it in `STATION`."""

    services: Services
    stopping: threading.Event = field(default_factory=threading.Event)


STATION: list[Station] = []
"""The process's own station, put here by `kulanz_workers.__main__` before the first job."""


def drain() -> None:
    """Apply events and timers until there are none, and for a while whatever rings."""
    (station,) = STATION
    linger(station, EVENTS, process_all)


def deliver() -> None:
    """Carry effects out until none is due, and for a while whatever rings."""
    (station,) = STATION
    linger(station, EFFECTS, deliver_all)


def linger(station: Station, queue: str, work: Callable[[Station], bool]) -> None:
    """Work, wait for a ring, work again; leave when asked to, or after `LINGER` seconds.

    While Redis does not answer nobody leaves: RQ's own calls would hang, and the database is asked every second.
    """
    leave_at = time.monotonic() + LINGER
    while True:
        _attempt(station, work)
        if station.stopping.is_set():
            return
        redis_answers = _wait(station, queue)
        if redis_answers and time.monotonic() >= leave_at:
            return


def process_all(station: Station) -> bool:
    """Apply what there is; return whether there was anything. What followed rings for the effects."""
    moved = _repeat(station, lambda: pipeline.process(station.services, BATCH).moved)
    if moved:
        station.services.bell.ring(EFFECTS)
    return moved


def deliver_all(station: Station) -> bool:
    """Carry out what is due; return whether there was anything. An outcome may be a fact: it rings for the events."""
    moved = _repeat(station, lambda: pipeline.deliver(station.services, ERRANDS).moved)
    if moved:
        station.services.bell.ring(EVENTS)
    return moved


def _attempt(station: Station, work: Callable[[Station], bool]) -> None:
    """Let what another moment may cure be no failed job: somebody will look again."""
    try:
        work(station)
    except KulanzError as error:
        if not error.retryable:
            raise
        log.warning("job.put_off", error=type(error).__name__, detail=error.detail)
        station.stopping.wait(LISTEN)


def _repeat(station: Station, step: Callable[[], bool]) -> bool:
    moved = False
    while not station.stopping.is_set() and step():
        moved = True
    return moved


def _wait(station: Station, queue: str) -> bool:
    """Wait for a ring, a moment at most; return whether Redis answers."""
    begun = time.monotonic()
    try:
        station.services.bell.listen(LISTEN, queue)
    except DoorbellUnavailableError:
        station.stopping.wait(max(0.0, LISTEN - (time.monotonic() - begun)))
        return False
    return True
