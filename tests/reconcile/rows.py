"""What a database holds, to see that nothing was written."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from kulanz.store.database import Database
from kulanz.store.tables import metadata

REPORTS = "receivers"
"""Written by the receiver's own thread every second, whatever happens."""


def everything(database: Database) -> dict[str, list[Any]]:
    """Every row of every table, but for what is written without anything happening."""
    tables = [table for table in metadata.sorted_tables if table.name != REPORTS]
    with database.read() as conn:
        return {table.name: sorted(map(repr, conn.execute(select(table)))) for table in tables}


def count(database: Database, table: str) -> int:
    return len(everything(database)[table])
