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
from kulanz.runtime import gc_tuning, parent_watch
from kulanz.runtime.notifier import EFFECTS, EVENTS
from kulanz.services import build
from kulanz.telemetry import logs
from kulanz.telemetry.logs import log
from kulanz_workers import jobs
from kulanz_workers.jobs import Station
from kulanz_workers.worker import POLL, Post


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one role until SIGTERM or SIGINT; return the exit code."""
    wish = _parser().parse_args(arguments)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    parent_watch.hold(wish.leash)
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
    logs.configure(role)
    services = build(load(environment()))
    station = Station(services=services, stopping=stopping)
    jobs.STATION[:] = [station]
    try:
        _adopt_policy(station, patient=role != "burst")
        gc_tuning.keep()
        services.tally.keep()
        ROLES[role](station)
    finally:
        services.close()


def _adopt_policy(station: Station, *, patient: bool) -> None:
    """Put the configured policy in force at the first start, before any event; wait while the database is away."""
    away = False
    while not station.stopping.is_set():
        try:
            with suppress(RefusedError), station.services.database.write() as tx:
                station.services.adopt_policy(tx)
        except StorageUnavailableError as error:
            if not patient:
                raise
            if not away:
                log.warning("start.put_off", error=type(error).__name__, detail=error.detail)
            away = True
            station.stopping.wait(POLL)
        else:
            return


def _clock(station: Station) -> None:
    """Load the nightly round, which speaks HTTP, into no other process."""
    from kulanz_workers.scheduler import Clock  # noqa: PLC0415

    Clock(station.services).run(station.stopping)


def _burst(station: Station) -> None:
    """Work, without any ring, until nothing is due."""
    while jobs.process_all(station) | jobs.deliver_all(station):
        pass


ROLES: Mapping[str, Callable[[Station], None]] = {
    "events": lambda station: Post(station, EVENTS).run(),
    "effects": lambda station: Post(station, EFFECTS).run(),
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
