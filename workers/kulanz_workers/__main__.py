"""`python -m kulanz_workers events|effects|clock|burst`: one worker process, a command that also works by hand."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from kulanz.config import environment, load
from kulanz.errors import KulanzError, RefusedError, StorageUnavailableError
from kulanz.privacy import after_restore
from kulanz.runtime import gc_tuning, parent_watch
from kulanz.runtime.notifier import EFFECTS_QUEUE, EVENTS_QUEUE
from kulanz.services import build
from kulanz.telemetry import logs
from kulanz.telemetry.logs import log
from kulanz_workers import jobs
from kulanz_workers.jobs import WorkerContext
from kulanz_workers.worker import POLL_INTERVAL, Worker


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one role until SIGTERM or SIGINT; return the exit code."""
    wish = _parser().parse_args(arguments)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    parent_watch.exit_with_parent(wish.leash)
    try:
        _work(wish.role, stopping)
    except KulanzError as error:
        return _failed(error.detail)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a person reads this, not a traceback
        return _failed(f"{type(error).__name__}: {error}")
    return 0


def _failed(reason: str) -> int:
    sys.stderr.write(f"kulanz: {' '.join(reason.split())[:500]}\n")
    return 1


def _work(role: str, stopping: threading.Event) -> None:
    settings = load(environment())
    logs.configure(role, as_json=settings.log == "json")
    services = build(settings)
    context = WorkerContext(services=services, stopping=stopping)
    jobs.CONTEXT[:] = [context]
    try:
        _adopt_policy(context, patient=role != "burst")
        if role != "events":
            after_restore.at_start(services)
        gc_tuning.freeze_loaded()
        services.counters.start()
        ROLES[role](context)
    finally:
        services.close()


def _adopt_policy(context: WorkerContext, *, patient: bool) -> None:
    """Put the configured policy in force at the first start, before any event; wait while the database is away."""
    away = False
    while not context.stopping.is_set():
        try:
            with suppress(RefusedError), context.services.database.write() as tx:
                context.services.adopt_policy(tx)
        except StorageUnavailableError as error:
            if not patient:
                raise
            if not away:
                log.warning("start.put_off", error=type(error).__name__, detail=error.detail)
            away = True
            context.stopping.wait(POLL_INTERVAL)
        else:
            return


def _clock(context: WorkerContext) -> None:
    """Load the nightly reconciliation, which imports an HTTP library, only in this process."""
    from kulanz_workers.scheduler import Scheduler  # noqa: PLC0415

    Scheduler(context.services).run(context.stopping)


def _burst(context: WorkerContext) -> None:
    """Work, without any wake-up signal, until nothing is due."""
    while jobs.process_all(context) | jobs.deliver_all(context):
        pass


ROLES: Mapping[str, Callable[[WorkerContext], None]] = {
    "events": lambda context: Worker(context, EVENTS_QUEUE).run(),
    "effects": lambda context: Worker(context, EFFECTS_QUEUE).run(),
    "clock": _clock,
    "burst": _burst,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kulanz_workers", description=__doc__)
    parser.add_argument("role", choices=[*ROLES])
    parser.add_argument("--leash", type=int, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
