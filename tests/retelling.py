"""Stories that many tests begin with: each is told once on either kind of database, and what it left is copied."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from kulanz.config import Settings
from kulanz.services import Services
from kulanz.store.tables import metadata
from tests.days import product

Story = Callable[[Services], Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What a story left behind."""

    value: Any
    """What it returned."""
    files: Path
    """A copy of its data directory, in which a SQLite database is, too."""
    rows: dict[str, bytes]
    """Of a PostgreSQL, by table."""
    sequences: dict[str, int]


@dataclass(frozen=True, slots=True)
class Retelling:
    """The stories that were told in this test session."""

    folder: Path
    _told: dict[tuple[Story, bool], Told] = field(default_factory=dict)

    @contextmanager
    def told(self, settings: Settings, story: Story, *, at: datetime) -> Iterator[tuple[Services, Any]]:
        """Give the services of a product after a story that began at a time, and what the story returned.

        Nobody at its far ends hears it again: a story whose callbacks or mails a test counts is told each time.
        """
        key = story, settings.database_url.startswith("sqlite")
        if key in self._told:
            _put_back(settings, self._told[key])
        else:
            with product(settings, at=at) as services:
                value = story(services)
            self._told[key] = _taken(settings, value, self.folder / str(len(self._told)))
        with product(settings) as services:
            yield services, self._told[key].value


def _taken(settings: Settings, value: Any, files: Path) -> Told:
    shutil.copytree(settings.data_dir, files)
    if settings.database_url.startswith("sqlite"):
        return Told(value, files, {}, {})
    with psycopg.connect(settings.database_url) as connection:
        rows = {table.name: _copied(connection, table.name) for table in metadata.sorted_tables}
        found = connection.execute("SELECT sequencename, last_value FROM pg_sequences WHERE last_value IS NOT NULL")
        return Told(value, files, rows, dict(found.fetchall()))


def _copied(connection: psycopg.Connection[Any], table: str) -> bytes:
    statement = sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(sql.Identifier(table))
    with connection.cursor().copy(statement) as copy:
        return b"".join(copy)


def _put_back(settings: Settings, told: Told) -> None:
    shutil.copytree(told.files, settings.data_dir, dirs_exist_ok=True)
    if settings.database_url.startswith("sqlite"):
        return
    with psycopg.connect(settings.database_url) as connection:
        for table, rows in told.rows.items():
            statement = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.Identifier(table))
            with connection.cursor().copy(statement) as copy:
                copy.write(rows)
        for name, value in told.sequences.items():
            connection.execute("SELECT setval(%s::regclass, %s)", (name, value))
