"""The database, SQLite or PostgreSQL: transactions, durability, and the errors of an unreachable one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import exc
from sqlalchemy.engine import URL, Connection, make_url

from kulanz.errors import ConfigurationError, StorageUnavailableError
from kulanz.store import postgresql, sqlite

__all__ = ["Connection", "Database"]

_PERSONAL = (
    "accounts",
    "archive",
    "decisions",
    "effects",
    "idempotency",
    "inbox",
    "journal",
    "keyring",
    "lookups",
    "matters",
)
_SCHEMES: dict[str, Literal["sqlite", "postgresql"]] = {
    "sqlite": "sqlite",
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "postgresql+psycopg": "postgresql",
}


class Database:
    """Opens connections when they are first needed; raises StorageUnavailableError where none can be had."""

    def __init__(self, url: str) -> None:
        parsed, self.dialect = _parse(url)
        self._server: sqlite.File | postgresql.Server
        if self.dialect == "sqlite":
            self._server = sqlite.File(Path(str(parsed.database)))
        else:
            self._server = postgresql.Server(parsed)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that is on stable storage when the block has ended without an error."""
        with _translated(), self._server.write() as tx:
            yield tx

    @contextmanager
    def relaxed(self) -> Iterator[Connection]:
        """Open a transaction that a power failure may undo, but never break: for data that can be recomputed."""
        with _translated(), self._server.relaxed() as tx:
            yield tx

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that writes nothing; on SQLite it sees one state, on PostgreSQL each statement its own."""
        with _translated(), self._server.read() as conn:
            yield conn

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a transaction that writes nothing and sees one state of the whole database, however long it takes."""
        with _translated(), self._server.snapshot() as conn:
            yield conn

    @contextmanager
    def drain_lock(self, wait: float = 10.0) -> Iterator[None]:
        """Keep other drains out: on SQLite one process at a time; on PostgreSQL claims do it, and this does nothing.

        Raises StorageUnavailableError if another drain does not end within `wait` seconds.
        """
        with self._server.drain_lock(wait):
            yield

    def scrub(self) -> bool:
        """Wipe the remains of overwritten or deleted rows, as after an erasure or a change of keys.

        False where a reader prevented it.
        """
        with _translated():
            return self._server.scrub(_PERSONAL)

    def dispose(self) -> None:
        """Close every idle connection, and those in use when they are given back; the next use opens new ones.

        Call it after a fork.
        """
        self._server.dispose()


def _parse(url: str) -> tuple[URL, Literal["sqlite", "postgresql"]]:
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        raise ConfigurationError(["DATABASE_URL: not a URL"]) from None
    dialect = _SCHEMES.get(parsed.drivername)
    if dialect is None:
        raise ConfigurationError([f"DATABASE_URL: {parsed.drivername} is neither sqlite nor postgresql"])
    if dialect == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise ConfigurationError(["DATABASE_URL: SQLite needs a file, as in sqlite:////var/lib/kulanz/kulanz.db"])
    if dialect == "postgresql" and parsed.query.get("pool", "session") not in postgresql.POOLS:
        raise ConfigurationError(["DATABASE_URL: pool is neither session nor transaction"])
    return parsed, dialect


@contextmanager
def _translated() -> Iterator[None]:
    """Translate temporary errors into StorageUnavailableError; the driver's own text holds no parameters."""
    try:
        yield
    except exc.TimeoutError as error:
        raise StorageUnavailableError("no database connection became free in time") from error
    except exc.DBAPIError as error:
        if (reason := _passing(error.orig)) is None:
            raise
        raise StorageUnavailableError(reason) from error
    except _drivers_errors() as error:
        if (reason := _passing(error)) is None:
            raise
        raise StorageUnavailableError(reason) from error


def _drivers_errors() -> tuple[type[Exception], ...]:
    return (*sqlite.ERRORS, *postgresql.errors())


def _passing(error: Any) -> str | None:
    """Return the reason of an error that may pass while the program waits: a server that is away, a missing table."""
    if remedy := sqlite.remedy(error) or postgresql.remedy(error):
        return f"{_first_line(error)}: {remedy}"
    return None if _is_mistake(error) else _first_line(error)


def _is_mistake(error: Any) -> bool:
    """Distinguish errors of the program or its values from errors of the server, by the class name of PEP 249."""
    names = {cls.__name__ for cls in type(error).__mro__}
    return bool(names & {"IntegrityError", "ProgrammingError", "DataError", "NotSupportedError"})


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().partition("\n")[0] or "the database gave no reason"
