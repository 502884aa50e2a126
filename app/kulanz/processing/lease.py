"""A lease on a batch of effects: renewed by a thread, measured by a clock that includes the machine's sleep.

The lease is the second guard against a double delivery; the first is the note written before each attempt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import Event as Signal
from threading import Thread

from kulanz.errors import NotSentError, StorageUnavailableError
from kulanz.runtime.clock import boot_seconds, real_now
from kulanz.runtime.send_timing import SendTiming
from kulanz.store import outbox
from kulanz.store.database import Database
from kulanz.store.outbox import EffectRow
from kulanz.telemetry.logs import log


class Lease:
    """One worker's exclusive right to the effects that it has taken."""

    def __init__(self, database: Database, timing: SendTiming) -> None:
        self._database = database
        self._timing = timing
        self._ids: Sequence[str] = ()
        self._until: tuple[datetime, ...] = ()
        self._ends = 0.0

    def take(self, limit: int) -> list[EffectRow]:
        """Take due effects; the time that this needs is part of the lease."""
        seconds, now = boot_seconds(), real_now()
        rows = outbox.lease(self._database, limit, now, self._timing.lease.total_seconds())
        self._ids = [row.id for row in rows]
        self._until, self._ends = (now + self._timing.lease,), seconds + self._timing.lease.total_seconds()
        return rows

    def check(self) -> None:
        """Raise NotSentError if the lease has expired: another worker may have the effects by now."""
        if boot_seconds() >= self._ends:
            raise NotSentError("the lease was over before the request")

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Renew the lease while the block runs."""
        done = Signal()

        def renew() -> None:
            while not done.wait(self._timing.renewal.total_seconds()) and self._renew():
                pass

        thread = Thread(target=renew, name="leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _renew(self) -> bool:
        """Extend the lease; False if it has expired, which is final.

        A database that fails may have written it all the same: the next renewal knows both ends.
        """
        seconds, until = boot_seconds(), real_now() + self._timing.lease
        if seconds >= self._ends:
            log.warning("lease.over")
            return False
        try:
            if outbox.renew(self._database, self._ids, self._until, until):
                self._until, self._ends = (until,), seconds + self._timing.lease.total_seconds()
        except StorageUnavailableError as error:
            self._until = (self._until[0], until)
            log.warning("lease.not_renewed", detail=error.detail)
        return True
