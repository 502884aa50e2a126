"""The two RQ jobs, one per queue: a job works until nothing is due, waits a while for wake-up signals, and ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from kulanz import pipeline
from kulanz.errors import KulanzError
from kulanz.runtime.notifier import EFFECTS_QUEUE, EVENTS_QUEUE, NotifierUnavailableError
from kulanz.services import Services
from kulanz.telemetry.logs import log

EVENTS_PER_STEP = 250
"""Events or timers that one transaction takes: twice as many are 3 % quicker and take 3 MiB more."""
EFFECTS_PER_STEP = 50
"""Effects that one step leases."""
LINGER_SECONDS = 10.0
"""Seconds after which a job leaves, so that RQ sees its worker alive."""
WAIT_SECONDS = 1.0
"""Seconds between two looks at whether we are to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerContext:
    """Resources of a worker process. RQ calls a job by name, so a job reads them from `CONTEXT`."""

    services: Services
    stopping: threading.Event = field(default_factory=threading.Event)


CONTEXT: list[WorkerContext] = []
"""The process's own `WorkerContext`, put here by `kulanz_workers.__main__` before the first job."""


def drain() -> None:
    """Apply events and timers until there are none, then wait a while for more."""
    (context,) = CONTEXT
    linger(context, EVENTS_QUEUE, process_all)


def deliver() -> None:
    """Carry effects out until none is due, then wait a while for more."""
    (context,) = CONTEXT
    linger(context, EFFECTS_QUEUE, deliver_all)


def linger(context: WorkerContext, queue: str, work: Callable[[WorkerContext], bool]) -> None:
    """Work, wait for a wake-up signal, work again; leave when asked to, or after `LINGER_SECONDS`.

    While Redis does not answer, the job stays: RQ's own calls would hang, and the database is asked every second.
    """
    leave_at = time.monotonic() + LINGER_SECONDS
    while True:
        _attempt(context, work)
        if context.stopping.is_set():
            return
        redis_answers = _wait(context, queue)
        if redis_answers and time.monotonic() >= leave_at:
            return


def process_all(context: WorkerContext) -> bool:
    """Apply due events and timers; return whether there were any. The effects' worker is notified of the results."""
    moved = _repeat(context, lambda: pipeline.process(context.services, EVENTS_PER_STEP).moved)
    if moved:
        context.services.notifier.notify(EFFECTS_QUEUE)
    return moved


def deliver_all(context: WorkerContext) -> bool:
    """Deliver due effects; return whether there were any. The events' worker is notified of the outcomes."""
    moved = _repeat(context, lambda: pipeline.deliver(context.services, EFFECTS_PER_STEP).moved)
    if moved:
        context.services.notifier.notify(EVENTS_QUEUE)
    return moved


def _attempt(context: WorkerContext, work: Callable[[WorkerContext], bool]) -> None:
    """Log an error that a later attempt may cure instead of failing the job: the next wake-up tries again."""
    try:
        work(context)
    except KulanzError as error:
        if not error.retryable:
            raise
        log.warning("job.put_off", error=type(error).__name__, detail=error.detail)
        context.stopping.wait(WAIT_SECONDS)


def _repeat(context: WorkerContext, step: Callable[[], bool]) -> bool:
    moved = False
    while not context.stopping.is_set() and step():
        moved = True
    return moved


def _wait(context: WorkerContext, queue: str) -> bool:
    """Wait for a wake-up signal, a second at most; return whether Redis answers."""
    begun = time.monotonic()
    try:
        context.services.notifier.wait(WAIT_SECONDS, queue)
    except NotifierUnavailableError:
        context.stopping.wait(max(0.0, WAIT_SECONDS - (time.monotonic() - begun)))
        return False
    return True
