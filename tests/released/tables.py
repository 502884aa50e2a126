"""Lays the rows of a released version into a database that has that version's tables."""

from __future__ import annotations

import base64
import json
import lzma
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import column, table, text

from kulanz.store import migrate
from kulanz.store.columns import as_text
from kulanz.store.database import Connection, Database

FOLDER = Path(__file__).parent


def lay(database: Database, version: str) -> None:
    """Fill an empty database as that version would have left it, in the shape that it had then."""
    dump = json.loads(lzma.decompress((FOLDER / f"{version}.json.xz").read_bytes()))
    migrate.upgrade(database)
    migrate.downgrade(database, dump["revision"])
    with database.write() as tx:
        for name, rows in dump["tables"].items():
            if rows:
                columns = map(column, rows[0])
                tx.execute(table(name, *columns).insert(), [_read(row, tx) for row in rows])
        if tx.dialect.name == "postgresql":
            for name, number in (("inbox", "id"), ("journal", "id"), ("effects", "number"), ("acts", "id")):
                _count_on(tx, name, number)


def _read(row: dict[str, Any], tx: Connection) -> dict[str, Any]:
    return {name: _value(value, tx) for name, value in row.items()}


def _value(value: Any, tx: Connection) -> Any:
    if not isinstance(value, dict):
        return value
    if "b" in value:
        return base64.b85decode(value["b"])
    at = datetime.fromisoformat(value["t"])
    return at if tx.dialect.name == "postgresql" else as_text(at)


def _count_on(tx: Connection, name: str, number: str) -> None:
    """Let numbers that the database gives come after those that were laid in."""
    newest = f"SELECT coalesce(max({number}), 0) + 1 FROM {name}"
    tx.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', '{number}'), ({newest}), false)"))
