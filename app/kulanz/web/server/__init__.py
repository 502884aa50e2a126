"""Runs the application on granian: processes, threads, and a shutdown that completes every request."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from threading import Thread, Timer
from time import sleep
from typing import TYPE_CHECKING

from granian.constants import HTTPModes, Interfaces, RuntimeModes
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from kulanz.config import Settings
from kulanz.runtime import gc_tuning
from kulanz.web import create_app

if TYPE_CHECKING:
    from kulanz.web.application import WebApp
    from kulanz.web.server.rsgi import RsgiApp

DRAIN_BEFORE_CLOSE = 1.0
"""Seconds between the signal to stop and the end of listening: time for a balancer to see `/readyz` say no."""
SHUTDOWN_TIMEOUT = 20
"""Seconds that requests in progress have to finish after that."""


def run(settings: Settings, *, host: str = "0.0.0.0", processes: int = 1) -> None:  # noqa: S104 - a platform's router is outside
    """Serve Kulanz on the port of the settings until a signal stops it."""
    serve(partial(create_app, settings), host=host, port=settings.port, processes=processes)


def serve(
    make_app: Callable[[], WebApp],
    *,
    host: str,
    port: int,
    processes: int = 1,
    linger: float = DRAIN_BEFORE_CLOSE,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests in progress and return; a second signal ends the wait.

    `make_app` is called once in each process, after the fork; it must be picklable where processes are spawned.
    """
    closing, close = Pipe(duplex=False)  # No shared memory: not every host has a /dev/shm.
    server = _Lingering(
        "kulanz",
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        workers=processes,
        runtime_mode=RuntimeModes.st,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=6_000),
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=SHUTDOWN_TIMEOUT,
    )
    server.close, server.linger = close, linger
    server.serve(target_loader=_Loader(make_app, closing, os.getpid()), wrap_loader=False)  # type: ignore[arg-type]  # An object of RSGI, no function.


class _Lingering(MPServer):
    """Server that reports `closing` on `/readyz` before it closes."""

    close: Connection
    linger: float
    closing = False

    def signal_handler_interrupt(self, *_: object) -> None:
        """Close at once where we are closing already, else soon."""
        delay = 0.0 if self.closing else self.linger
        self.closing = True
        self.close.send_bytes(b"!")
        timer = Timer(delay, super().signal_handler_interrupt)
        timer.daemon = True
        timer.start()


class _Loader:
    """Makes the application inside a worker process."""

    def __init__(self, make_app: Callable[[], WebApp], closing: Connection, parent: int) -> None:
        self._make_app = make_app
        self._closing = closing
        self._parent = parent

    def __call__(self) -> RsgiApp:
        os.setpgid(0, 0)  # A signal to the whole group would end the worker before the server has said that it closes.
        Thread(target=_leave_with, args=(self._parent,), name="orphan-watch", daemon=True).start()
        from kulanz.web.server.rsgi import RsgiApp  # noqa: PLC0415  # As above.

        app = self._make_app()
        gc_tuning.freeze_loaded()
        app.closing = self._closing.poll  # Polled, never read: every worker sees it.
        return RsgiApp(app)


def _leave_with(parent: int) -> None:
    """End this process soon after its parent was killed; otherwise it would keep the port.

    A signal that comes during the start of the application is lost, so it is repeated.
    """
    while os.getppid() == parent:
        sleep(0.5)
    for _ in range(SHUTDOWN_TIMEOUT):
        os.kill(os.getpid(), signal.SIGTERM)
        sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)
