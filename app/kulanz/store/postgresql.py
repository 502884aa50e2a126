"""PostgreSQL through psycopg 3: time-outs, durability, poolers, and connections that went stale."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from sqlalchemy import create_engine, event, exc
from sqlalchemy.engine import URL, Connection, Engine

from kulanz.store.disposal import Disposal

_CONNECT_SECONDS = 3
_POOL_SECONDS = 3
_IDLE_SECONDS = 10.0
_ALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}
"""Seconds, but for the last: after 25 of them a server that vanished without a word is a lost connection."""
_SETTINGS = {
    "synchronous_commit": "on",
    "timezone": "UTC",
    "statement_timeout": "60s",
    "lock_timeout": "20s",
    "idle_in_transaction_session_timeout": "120s",
}
_SET_ALL, _SET_LOCALLY = (
    "SELECT " + ", ".join(f"set_config('{name}', '{value}', {local})" for name, value in _SETTINGS.items())
    for local in ("false", "true")
)
POOLS = frozenset({"session", "transaction"})
"""Values of `pool` in the URL: what belongs to this client for how long; without it each connection is asked."""
_SHARED = "shared"
_REMEDIES = {
    "42P01": "run `kulanz migrate`",  # undefined table
    "42703": "run `kulanz migrate`",  # undefined column
    "42501": "let the role of DATABASE_URL own the tables",  # insufficient privilege
}
"""By SQLSTATE: errors of a statement that an operator cures while the process waits."""


class Server:
    """Database on a PostgreSQL server; a write is durable because `synchronous_commit` is on in every transaction.

    Behind a pooler in transaction mode, such as PgBouncer, each transaction may have another server session, which
    other clients use too. There settings are local to the transaction, and no statement is prepared on the server.
    """

    def __init__(self, url: URL) -> None:
        self._url = url.difference_update_query(["pool"]).set(drivername="postgresql+psycopg")
        self._pool = url.query.get("pool")
        self._made: Engine | None = None
        self._making = Lock()
        self._disposal = Disposal()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a durable transaction."""
        with self._engine().begin() as tx:
            yield tx

    @contextmanager
    def relaxed(self) -> Iterator[Connection]:
        """Open a transaction whose commit does not wait for the disk."""
        with self._engine().begin() as tx:
            tx.exec_driver_sql("SET LOCAL synchronous_commit = off")
            yield tx

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction."""
        with self._engine().begin() as conn:
            yield conn

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a read transaction with one snapshot, without a time limit for statements."""
        options = {"isolation_level": "REPEATABLE READ"}
        with self._engine().connect().execution_options(**options) as conn, conn.begin():
            conn.exec_driver_sql("SET LOCAL statement_timeout = 0")
            yield conn

    @contextmanager
    def drain_lock(self, wait: float) -> Iterator[None]:  # noqa: ARG002  # The same question as of a file.
        """Do nothing: claims keep workers apart here."""
        yield

    def scrub(self, tables: Sequence[str]) -> bool:
        """Vacuum: remove overwritten and deleted rows from the server's files."""
        with self._engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if not connection.info[_SHARED]:
                connection.exec_driver_sql("SET statement_timeout = 0")
            connection.exec_driver_sql(f"VACUUM {', '.join(tables)}")
            connection.invalidate()
        return True

    def dispose(self) -> None:
        """Close every idle connection now, and those in use when they are given back."""
        if self._made is not None:
            self._disposal.dispose(self._made)

    def _engine(self) -> Engine:
        """Make the engine at the first use, since that imports the driver, which is an extra."""
        with self._making:
            return self._made or self._make()

    def _make(self) -> Engine:
        options = {"connect_timeout": _CONNECT_SECONDS, "cursor_factory": _binary_cursors(), **_ALIVE}
        engine = create_engine(
            self._url,
            pool_timeout=_POOL_SECONDS,
            connect_args=options,
            isolation_level="READ COMMITTED",
            hide_parameters=True,
        )
        event.listen(engine, "connect", self._configure)
        event.listen(engine, "begin", _configure_transaction)
        event.listen(engine, "checkin", _note_the_time)
        event.listen(engine, "checkout", _look_again)
        self._disposal.watch(engine)
        self._made = engine
        return engine

    def _configure(self, connection: Any, record: Any) -> None:
        """Configure the session, or note that it is shared and each transaction has to be configured."""
        connection.autocommit = True
        shared = self._pool == "transaction" or (self._pool is None and _is_pooled(connection))
        if shared:
            connection.prepare_threshold = None
        else:
            connection.execute(_SET_ALL)
        record.info[_SHARED] = shared
        connection.autocommit = False


def errors() -> tuple[type[Exception], ...]:
    """Return the driver's own error types, where it is installed."""
    try:
        import psycopg  # noqa: PLC0415  # An extra that SQLite does without.
    except ImportError:
        return ()
    return (psycopg.Error,)


def remedy(error: Any) -> str | None:
    """Return the operator's remedy, where the error is about the database's shape or rights."""
    return _REMEDIES.get(getattr(error, "sqlstate", None) or "")


def _binary_cursors() -> type[Any]:
    """Request results in binary format: as text, an encrypted body takes four times as long to read."""
    import psycopg  # noqa: PLC0415  # See above.

    class BinaryCursor(psycopg.Cursor[Any]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.format = psycopg.pq.Format.BINARY

    return BinaryCursor


def _is_pooled(connection: Any) -> bool:
    """Detect a pooler by its cancellation key: clients share servers, so the process id in it is no server's."""
    (pid,) = connection.execute("SELECT pg_backend_pid()").fetchone()
    return bool(pid != connection.info.backend_pid)


def _configure_transaction(conn: Connection) -> None:
    if conn.info[_SHARED]:
        conn.exec_driver_sql(_SET_LOCALLY)


def _note_the_time(_connection: Any, record: Any) -> None:
    record.info["at"] = time.monotonic()


def _look_again(connection: Any, record: Any, _proxy: Any) -> None:
    """Ping an idle connection: the server may have been restarted meanwhile."""
    if time.monotonic() - record.info.get("at", time.monotonic()) < _IDLE_SECONDS:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except Exception as error:
        raise exc.DisconnectionError from error
