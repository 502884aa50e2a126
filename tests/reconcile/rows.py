"""What a database holds, to see that nothing was written."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from kulanz.store.database import Database
from kulanz.store.tables import metadata, receivers


def everything(database: Database) -> dict[str, list[Any]]:
    """Every row of every table; what a receiver reports of itself every second is none of a command."""
    told = [table for table in metadata.sorted_tables if table is not receivers]
    with database.read() as conn:
        return {table.name: sorted(map(repr, conn.execute(select(table)))) for table in told}


def count(database: Database, table: str) -> int:
    return len(everything(database)[table])
