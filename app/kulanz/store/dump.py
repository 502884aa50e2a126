"""Portable dump of every table, row by row in MessagePack: readable by either database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from sqlalchemy import Integer, Table, func, insert, select, text
from sqlalchemy import column as named_column
from sqlalchemy import table as named_table
from sqlalchemy.engine import Connection
from sqlalchemy.types import NullType

from kulanz.store.tables import metadata

ROWS_PER_STEP = 500
_encode = msgspec.msgpack.Encoder().encode
_LENGTH = 4


def names() -> list[str]:
    """Return the names of the tables."""
    return [table.name for table in metadata.sorted_tables]


def rows_of(conn: Connection, name: str) -> Iterator[bytes]:
    """Yield the column names of a table and then its rows, each framed by its length."""
    table = metadata.tables[name]
    yield _framed([str(column.name) for column in table.columns])
    query = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=ROWS_PER_STEP)
    for row in conn.execute(query):
        yield _framed(list(row))


def read(chunks: Iterable[bytes]) -> Iterator[list[Any]]:
    """Yield the values of the frames that a stream of bytes holds; ValueError where one is cut."""
    left = b""
    for chunk in chunks:
        left += chunk
        begin = 0
        while len(left) - begin >= _LENGTH:
            end = begin + _LENGTH + int.from_bytes(left[begin : begin + _LENGTH])
            if end > len(left):
                break
            yield msgspec.msgpack.decode(left[begin + _LENGTH : end])
            begin = end
        left = left[begin:]
    if left:
        raise ValueError("a dump that was cut")


def load(tx: Connection, name: str, frames: Iterator[list[Any]]) -> int:
    """Insert the rows of a table, which may lack columns of this version; return how many."""
    columns: list[str] = next(frames)
    table = metadata.tables.get(name)
    types = {column.name: column.type for column in table.columns} if table is not None else {}
    into = named_table(name, *(named_column(each, types.get(each, NullType())) for each in columns))
    number, page = 0, []
    for row in frames:
        page.append(dict(zip(columns, row, strict=True)))
        if len(page) == ROWS_PER_STEP:
            number += _insert(tx, into, page)
            page = []
    return number + _insert(tx, into, page)


def restart_numbers(tx: Connection) -> None:
    """Set the sequences to the highest number in use; SQLite does so automatically."""
    if tx.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        for column in _numbered(table):
            highest = tx.execute(select(func.max(table.c[column]))).scalar()
            if highest is not None:
                at = text("SELECT setval(pg_get_serial_sequence(:of, :at), :highest)")
                tx.execute(at, {"of": table.name, "at": column, "highest": highest})


def counts(conn: Connection) -> Mapping[str, int]:
    """Return how many rows each table has that has any."""
    numbers = {
        table.name: conn.execute(select(func.count()).select_from(table)).scalar_one()
        for table in metadata.sorted_tables
    }
    return {name: number for name, number in numbers.items() if number}


def _numbered(table: Table) -> list[str]:
    column = table.autoincrement_column
    return [column.name] if column is not None and isinstance(column.type, Integer) else []


def _insert(tx: Connection, into: Any, page: list[dict[str, Any]]) -> int:
    if page:
        tx.execute(insert(into), page)
    return len(page)


def _framed(values: list[Any]) -> bytes:
    data = _encode(values)
    return len(data).to_bytes(_LENGTH) + data
