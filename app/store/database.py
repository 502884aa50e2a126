"""One database, SQLite or PostgreSQL: transactions, durability and what an unreachable one is called."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from sqlalchemy.engine import Connection

__all__ = ["Connection", "Database"]


class Database:
    """Opens connections when they are first needed; raises StorageUnavailableError where none can be had."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def dialect(self) -> Literal["sqlite", "postgresql"]:
        """Which of the two it is."""
        raise NotImplementedError

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that is on stable storage when the block has ended without an error."""
        raise NotImplementedError

    @contextmanager
    def relaxed(self) -> Iterator[Connection]:
        """Open a transaction that a power failure may undo, but never break: for what can be found out again."""
        raise NotImplementedError

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of things and writes nothing."""
        raise NotImplementedError

    @contextmanager
    def drain_lock(self) -> Iterator[None]:
        """Keep other drains out: on SQLite one process at a time; on PostgreSQL claims do it, and this does nothing."""
        raise NotImplementedError

    def dispose(self) -> None:
        """Close every idle connection."""
        raise NotImplementedError
