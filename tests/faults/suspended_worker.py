"""A worker process that may be suspended: at a point between two durable steps, or at either end of a request."""

from __future__ import annotations

import multiprocessing
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import psutil
import requests
from requests.adapters import HTTPAdapter

from kulanz import pipeline
from kulanz.config import Settings
from kulanz.crypto.vault import Vault
from kulanz.delivery import Channels
from kulanz.errors import StorageUnavailableError
from kulanz.runtime.clock import Clock
from kulanz.runtime.send_timing import SendTiming
from kulanz.services import Services, build
from kulanz.store import outbox
from kulanz.store.keyring import Keyring
from tests.faults.failpoints import Deed, FailingDatabase, Points

TIMING = SendTiming(lease=timedelta(seconds=0.5), renewal=timedelta(seconds=0.1), rest=timedelta(seconds=1))
"""Short, so that a lab can wait for their end hundreds of times."""
IDLE_ROUNDS = 10
PAUSE = 0.02
PATIENCE = 60.0
_NUMBERS = re.compile(r"/\d+")
_PRELOADED = ["tests.faults.suspended_worker", "kulanz.delivery.callback", "kulanz.delivery.mail"]


class PointedAdapter(HTTPAdapter):
    """Passes a point directly before a request leaves, and one when its answer is there."""

    def __init__(self, points: Points) -> None:
        super().__init__()
        self._points = points

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        name = f"{request.method} {_NUMBERS.sub('', request.path_url)}"
        self._points.pass_by(f"{name}: before")
        response = super().send(request, *arguments, **options)
        self._points.pass_by(f"{name}: answered")
        return response


@dataclass(frozen=True, kw_only=True)
class PointedServices(Services):
    """Services whose every request over HTTP passes points."""

    points: Points = field(repr=False)

    def channels(self) -> Channels:
        """Return the calling thread's own, with points at both ends of each request."""
        channels = super().channels()
        sessions = (channels.session, *(client.session for client in channels.providers.values()))  # type: ignore[attr-defined]
        for session in sessions:
            if not isinstance(session.get_adapter("http://"), PointedAdapter):
                session.mount("http://", PointedAdapter(self.points))
        return channels


def services_of(settings: Settings, points: Points) -> PointedServices:
    """Wire a worker with short leases, and with points."""
    built, database = build(settings), FailingDatabase(settings.database_url, points)
    stated = {item.name: getattr(built, item.name) for item in fields(Services)}
    own = {
        "database": database,
        "clock": Clock(database, settings.test_clock),
        "vault": Vault(settings.encryption_keys, Keyring(database)),
        "send_timing": TIMING,
        "points": points,
    }
    return PointedServices(**stated | own)


class Worker:
    """A process that carries effects out, and may fall asleep at a point."""

    def __init__(self, settings: Settings) -> None:
        self._line, line = multiprocessing.Pipe()
        self.process = started(_work, settings, line)
        line.close()

    def begin(self, point: tuple[str, int] | None = None) -> None:
        """Have it work until nothing is due for a moment, and fall asleep at a point on the way."""
        self._line.send(point)

    def has_ended(self) -> bool:
        """Whether its work is done, or it is dead."""
        return self._line.poll() or not self.process.is_alive()

    def passed(self) -> Mapping[str, int]:
        """Return the points that it has passed, and how often; none where it is dead."""
        with suppress(EOFError, ConnectionError):
            passed: Mapping[str, int] = self._line.recv()
            return passed
        return {}

    def is_asleep(self) -> bool:
        """Whether it is suspended at the moment."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED
        return False

    def end(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.join()
        self._line.close()


def _work(settings: Settings, line: Connection) -> None:
    points = Points(deed=Deed.SUSPEND)
    services = services_of(settings, points)
    with suppress(EOFError):
        while True:
            points.chosen = line.recv()
            points.passed = Counter()
            idle, until = 0, time.monotonic() + PATIENCE
            while time.monotonic() < until and (idle < IDLE_ROUNDS or _is_pending(services)):
                idle = 0 if step(services) else idle + 1
                time.sleep(PAUSE)
            line.send(dict(points.passed))


def _is_pending(services: Services) -> bool:
    """Whether something is still to be done, be it leased: on a busy machine a worker loses leases of its own."""
    with suppress(StorageUnavailableError), services.database.read() as conn:
        return outbox.oldest_pending(conn) is not None
    return True


def work_on(settings: Settings, line: Connection) -> None:
    """Apply events and carry effects out until killed, or until the lab at the other end of the line is gone."""
    services = services_of(settings, Points())
    while not line.poll():
        if not step(services, pipeline.process) | step(services):
            time.sleep(PAUSE)
    services.close()


def step(services: Services, do: Callable[[Services], pipeline.Progress] = pipeline.deliver) -> bool:
    """Do one step; return whether there may be more to do."""
    try:
        return do(services).moved
    except StorageUnavailableError:
        return True


def started(target: Callable[..., None], *arguments: object) -> BaseProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    process = context.Process(target=target, args=arguments, daemon=True)
    process.start()
    return process
