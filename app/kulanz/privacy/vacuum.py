"""Removes destroyed data from the database's files, too: erasing asks for it, and the scheduler does it."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from time import monotonic

from kulanz.errors import KulanzError
from kulanz.services import Services
from kulanz.store import shared_values
from kulanz.store.database import Connection
from kulanz.telemetry.logs import log

RETRY_INTERVAL = timedelta(minutes=5)
"""The time between two of them: on PostgreSQL one reads everything that has changed since the last."""
_REQUESTED_KEY = "scrub_wanted"


def request(tx: Connection, now_real: datetime) -> None:
    """Request a vacuum after `tx` has destroyed data."""
    shared_values.put(tx, _REQUESTED_KEY, now_real.isoformat())


def wanted(conn: Connection) -> str | None:
    """Return the time of the oldest request, as text; None if none is open."""
    since: str | None = shared_values.get(conn, _REQUESTED_KEY)
    return since


def vacuum(services: Services) -> bool:
    """Vacuum now; False if another connection's long transaction prevented it; it is then repeated later."""
    with services.database.read() as conn:
        requested = wanted(conn)
    if not services.database.scrub():
        return False
    with services.database.relaxed() as tx:
        if requested is not None and wanted(tx) == requested:
            shared_values.put(tx, _REQUESTED_KEY, None)
    return True


class VacuumLoop:
    """Vacuums for the scheduler, in a thread of its own: the scheduler keeps ticking."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._next = float("-inf")
        self._thread: threading.Thread | None = None

    def tick(self) -> bool:
        """Begin if a vacuum was requested; return whether it was begun."""
        if monotonic() < self._next or (self._thread is not None and self._thread.is_alive()):
            return False
        with self._services.database.read() as conn:
            if wanted(conn) is None:
                return False
        self._next = monotonic() + RETRY_INTERVAL.total_seconds()
        self._thread = threading.Thread(target=self._attempt, name="scrub", daemon=True)
        self._thread.start()
        return True

    def wait(self) -> None:
        """Return when what was begun has ended."""
        if self._thread is not None:
            self._thread.join()

    def _attempt(self) -> None:
        try:
            if not vacuum(self._services):
                log.info("vacuum.put_off")
        except KulanzError as error:
            log.warning("vacuum.put_off", error=type(error).__name__, detail=error.detail)
