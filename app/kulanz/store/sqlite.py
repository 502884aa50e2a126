"""SQLite for several processes: serialised writers, and their durability."""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock

from sqlalchemy import QueuePool, create_engine, event
from sqlalchemy.engine import Connection, Engine

from kulanz.errors import StorageUnavailableError
from kulanz.store.disposal import Disposal

ERRORS = (sqlite3.Error,)

_BUSY_SECONDS = 5.0
_POLL_SECONDS = 0.001
_SCRUB_MILLISECONDS = 1000
"""A transaction for a reader; there is no writer meanwhile."""
_CACHE_KIB = 8192
"""A batch that does not fit spills into the log early."""
_SMALL_CACHE_KIB = 1024
"""Cache per connection for short transactions; a process has as many connections as kinds of connection."""
_PRIVATE = 0o600
_UNMIGRATED = re.compile("no such (table|column)|table .* has no column named")
_creating = Lock()


class File:
    """Database in one file, with its lock files beside it, all private to the user.

    The driver's own transaction handling is switched off; `BEGIN IMMEDIATE` takes the write lock before anything is
    read, because a lock that is taken later fails at once instead of waiting when another connection has written since.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._disposal = Disposal()
        self._write = self._engine("FULL", "BEGIN IMMEDIATE")
        # In WAL mode NORMAL leaves out the fsync of the commit, never that of a checkpoint: nothing can be torn.
        self._relaxed = self._engine("NORMAL", "BEGIN IMMEDIATE", _SMALL_CACHE_KIB)
        self._read = self._engine("FULL", "BEGIN", _SMALL_CACHE_KIB)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a durable transaction after waiting for this caller's turn."""
        with self._turn(), self._write.begin() as tx:
            yield tx

    @contextmanager
    def relaxed(self) -> Iterator[Connection]:
        """Open a transaction whose commit does not wait for the disk."""
        with self._turn(), self._relaxed.begin() as tx:
            yield tx

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that reads one snapshot and waits for no lock."""
        with self._read.begin() as conn:
            yield conn

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a transaction that sees one snapshot, as every read transaction does here."""
        with self.read() as conn:
            yield conn

    @contextmanager
    def drain_lock(self, wait: float) -> Iterator[None]:
        """Keep the drains of other processes and threads out."""
        with self._locked("drain", time.monotonic() + wait):
            yield

    def scrub(self, tables: Sequence[str]) -> bool:  # noqa: ARG002  # The file forgets as a whole.
        """Empty the log, so that no overwritten or deleted data is left in it; False if a reader prevents that."""
        with closing(self._connect("FULL", _SMALL_CACHE_KIB)) as connection:
            connection.execute(f"PRAGMA busy_timeout={_SCRUB_MILLISECONDS}")
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def dispose(self) -> None:
        """Close every idle connection now, and those in use when they are given back."""
        self._disposal.dispose(self._write, self._relaxed, self._read)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for the turn to write.

        SQLite's own waiting polls ever more rarely, so that a busy writer starves the others. Here the next one
        holds `next` while it waits for `turn`: the last writer cannot come in before it.
        """
        deadline = time.monotonic() + _BUSY_SECONDS
        with self._locked("next", deadline):
            turn = self._lock("turn", deadline)
        try:
            yield
        finally:
            os.close(turn)

    @contextmanager
    def _locked(self, name: str, deadline: float) -> Iterator[None]:
        descriptor = self._lock(name, deadline)
        try:
            yield
        finally:
            os.close(descriptor)

    def _lock(self, name: str, deadline: float) -> int:
        """Lock a file beside the database; closing the descriptor, or dying, unlocks it."""
        descriptor = _open_private(f"{self._path}-{name}")
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise StorageUnavailableError(f"another process keeps the lock {self._path.name}-{name}")
            time.sleep(_POLL_SECONDS)
        return descriptor

    def _engine(self, synchronous: str, begin: str, cache: int = _CACHE_KIB) -> Engine:
        engine = create_engine(
            "sqlite://",
            creator=lambda: self._connect(synchronous, cache),
            poolclass=QueuePool,
            pool_timeout=_BUSY_SECONDS,
            hide_parameters=True,
        )
        # Straight to the driver: as a statement of SQLAlchemy's it costs more than all else that begins a transaction.
        event.listen(engine, "begin", lambda conn: conn.connection.driver_connection.execute(begin))
        self._disposal.watch(engine)
        return engine

    def _connect(self, synchronous: str, cache: int) -> sqlite3.Connection:
        _create_private(self._path)
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            _switch_to_wal(connection)
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute(f"PRAGMA cache_size=-{cache}")
        return connection


def remedy(error: object) -> str | None:
    """Return the operator's remedy, where the error is about the database's shape."""
    unmigrated = isinstance(error, sqlite3.OperationalError) and _UNMIGRATED.match(str(error))
    return "run `kulanz migrate`" if unmigrated else None


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Switch for good; SQLite does not wait for others here, so we do."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return


def _create_private(path: Path) -> None:
    """Make the file where there is none, private from the start.

    One that exists is never opened here: closing any descriptor of it drops the locks that this process's other
    connections hold on it (POSIX), and the next process to close the database would delete the log under them.
    """
    with _creating:
        if path.exists():
            return
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE))
        except FileExistsError:
            return
        except OSError as error:
            raise StorageUnavailableError(f"{path}: {error.strerror}") from error


def _open_private(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
    except OSError as error:
        raise StorageUnavailableError(f"{path}: {error.strerror}") from error


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
