"""Named points between every two durable steps, and what can be made to happen at one of them.

They are a database that is passed in: production's own opens transactions and knows nothing of points. A point is named
after the function that opens the transaction, so whatever step is added has its points without anybody's doing.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from threading import Lock, get_ident

from sqlalchemy import update

from kulanz import pipeline
from kulanz.config import Settings
from kulanz.crypto.vault import Vault
from kulanz.errors import StorageUnavailableError
from kulanz.ingest.receiver import Receiver
from kulanz.runtime.clock import Clock, real_now
from kulanz.services import Services, build
from kulanz.store.database import Connection, Database
from kulanz.store.keyring import Keyring
from kulanz.store.spool import Spool
from kulanz.store.tables import claims, effects, inbox
from tests.faults.journal import Journal
from tests.faults.poison import providers

HANG = 10.0
IDLE_ROUNDS = 5
LONGEST_PAUSE = 7.0
"""Seconds: a little more than the product waits before its last attempt at an event."""
_COUNTING = Lock()
_OUR_OWN = ("contextlib.py", "failpoints.py", "database.py")


class Deed(StrEnum):
    """What happens at a point."""

    EXIT = "exit"
    EXCEPTION = "exception"
    HANG = "hang"
    SUSPEND = "suspend"


class FailpointError(Exception):
    """What no line of the product expects."""


@dataclass(slots=True)
class Points:
    """The points that a process passes, and how often; at the `chosen` one the deed is done, at that time only."""

    chosen: tuple[str, int] | None = None
    deed: Deed = Deed.EXIT
    passed: Counter[str] = field(default_factory=Counter)

    def pass_by(self, name: str) -> None:
        with _COUNTING:
            self.passed[name] += 1
            here = (name, self.passed[name])
        if here != self.chosen:
            return
        match self.deed:
            case Deed.EXIT:
                os.kill(os.getpid(), signal.SIGKILL)
            case Deed.EXCEPTION:
                raise FailpointError(name)
            case Deed.HANG:
                time.sleep(HANG)
            case Deed.SUSPEND:
                # To this thread: a signal to the process may be taken by another one, and this one goes on meanwhile.
                signal.pthread_kill(get_ident(), signal.SIGSTOP)


class FailingDatabase(Database):
    """A database at whose transactions something may happen: before one, when it is not committed yet, and after it."""

    def __init__(self, url: str, points: Points) -> None:
        super().__init__(url)
        self._points = points

    def write(self) -> AbstractContextManager[Connection]:
        return self._passing(_site(), super().write())

    def relaxed(self) -> AbstractContextManager[Connection]:
        return self._passing(_site(), super().relaxed())

    @contextmanager
    def _passing(self, site: str, transaction: AbstractContextManager[Connection]) -> Iterator[Connection]:
        self._points.pass_by(f"{site}: before")
        with transaction as tx:
            yield tx
            self._points.pass_by(f"{site}: uncommitted")
        self._points.pass_by(f"{site}: committed")


def work(settings: Settings, journal: Path, points: Points) -> None:
    """Take in what the journal holds, apply it and carry its effects out, as one process that may meet a fault.

    An exception ends a step, not the process: that is what a worker's loop does with it, too.
    """
    services = with_points(settings, points)
    receiver = Receiver(services)
    receiver.begin()
    written = Journal(journal)
    for body, headers in written.deliveries():
        with suppress(FailpointError):
            written.note(body, receiver.accept("lemonsqueezy", headers, body))
    idle = 0
    while idle < IDLE_ROUNDS or spooled(settings):
        idle += 1
        if step(services, pipeline.process) | step(services, pipeline.deliver):
            idle = 0
        elif points.deed is Deed.HANG:
            time.sleep(LONGEST_PAUSE / IDLE_ROUNDS)
        else:
            time_passes(settings)
    receiver.close()
    services.close()
    written.passed(points.passed)


def step(services: Services, do: object) -> bool:
    """Do one step; return whether there may be more to do."""
    try:
        return do(services).moved  # type: ignore[operator,no-any-return]
    except (FailpointError, StorageUnavailableError):
        return True


def spooled(settings: Settings) -> bool:
    """Whether deliveries wait beside the database: a busy machine makes them."""
    return Spool(settings.data_dir / "spool", 1).size() > 0


def with_points(settings: Settings, points: Points) -> Services:
    """Wire a process whose database has points."""
    database = FailingDatabase(settings.database_url, points)
    return replace(
        build(settings, providers()),
        database=database,
        clock=Clock(database, settings.test_clock),
        vault=Vault(settings.encryption_keys, Keyring(database)),
    )


def time_passes(settings: Settings) -> None:
    """Let every pause between attempts be over, and every claim and lease be an old one: their holders are dead."""
    past = real_now() - timedelta(minutes=1)
    database = Database(settings.database_url)
    with database.write() as tx:
        tx.execute(update(inbox).values(next_attempt_at=None))
        tx.execute(update(claims).values(claimed_at=past))
        tx.execute(update(effects).where(effects.c.state == "pending").values(next_attempt_at=past, lease_until=None))
    database.dispose()


def _site() -> str:
    """Name the function that opens the transaction."""
    frame = sys._getframe(1)
    while frame.f_back is not None and Path(frame.f_code.co_filename).name in _OUR_OWN:
        frame = frame.f_back
    path = Path(frame.f_code.co_filename)
    return f"{path.parent.name if path.stem == '__init__' else path.stem}.{frame.f_code.co_name}"
