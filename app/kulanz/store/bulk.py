# ruff: noqa: S608  # The statements are put together from the names in `tables`, never from values.
"""Many rows in one statement: arrays that PostgreSQL unnests, `executemany` where SQLite is a function call away.

Rows are tuples in the order of `columns`. The statements depend on the columns alone, so each is built and prepared
once. On PostgreSQL the arrays go in binary: as text, bytes would be escaped twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import ARRAY, Boolean, Dialect, Row, Text, TextClause, TypeDecorator, bindparam, text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import Column, Table
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from kulanz.errors import InvalidInputError
from kulanz.store.prepared import on_driver
from kulanz.store.tables import Instant, as_text, in_utc

RowValues = tuple[Any, ...]
ON_CONFLICT_DO_NOTHING = "ON CONFLICT DO NOTHING"
AnyRow = Row[*tuple[Any, ...]]
Columns = tuple[str, ...]

_ARRAYS = {
    "BigInteger": "bigint[]",
    "Boolean": "boolean[]",
    "Integer": "integer[]",
    "SmallInteger": "smallint[]",
    "String": "text[]",
    "Text": "text[]",
    "Float": "double precision[]",
    "LargeBinary": "bytea[]",
    "Instant": "timestamptz[]",
}


def insert(tx: Connection, table: Table, columns: Columns, rows: Sequence[RowValues], *, conflict: str = "") -> int:
    """Insert rows; `conflict` ends the statement, as `ON_CONFLICT_DO_NOTHING` does. Returns how many were written."""
    return _run(tx, table, columns, rows, _insert(tx.dialect.name, table, columns, conflict))


def insert_new(tx: Connection, table: Table, columns: Columns, rows: Sequence[RowValues]) -> list[int | None]:
    """Insert rows without a conflict; return each row's new id, or None. The first column must be unique per row."""
    if tx.dialect.name == "sqlite":
        statement = _insert("sqlite", table, columns, "ON CONFLICT DO NOTHING RETURNING id")
        cursor = tx.connection.cursor()
        result = (cursor.execute(statement, row).fetchone() for row in _for_sqlite(table, columns, rows))
        return [row and row[0] for row in result]
    statement = _insert("postgresql", table, columns, f"ON CONFLICT DO NOTHING RETURNING id, {columns[0]}")
    made = {name: number for number, name in on_driver(tx, statement, _arrays(table, columns, rows))}
    return [made.pop(row[0], None) for row in rows]


def update(tx: Connection, table: Table, columns: Columns, rows: Sequence[RowValues], unless_none: str = "") -> None:
    """Update rows by the key in the first column; None leaves the column `unless_none` unchanged."""
    _run(tx, table, columns, rows, _update(tx.dialect.name, table, columns, unless_none))


def delete(tx: Connection, table: Table, columns: Columns, rows: Sequence[RowValues]) -> None:
    """Delete the rows that the columns together name."""
    _run(tx, table, columns, rows, _delete(tx.dialect.name, table, columns))


def literally(state: str, states: Collection[str], *, ended: str) -> TextClause:
    """Return the SQL condition for a state; partial indexes leave out rows that have `ended`.

    Raises InvalidInputError for an unknown state.
    """
    if state not in states:
        raise InvalidInputError(f"state: one of {', '.join(states)}")
    return text(f"state = '{state}'" if state == ended else f"state = '{state}' AND state <> '{ended}'")


class among(FunctionElement[bool]):  # noqa: N801  # Reads as the operator that it is.
    """`column IN (…)` with one parameter, a list of any length, so that the statement stays the same."""

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: Column[Any], parameter: str) -> None:
        super().__init__(column, bindparam(parameter, type_=_Many(column.type)))

    def self_group(self, against: Any = None) -> Any:  # noqa: ARG002
        """Return the expression unchanged: SQLAlchemy would write `… = 1` for SQLite, and no index would be used."""
        return self


class _Many(TypeDecorator[list[Any]]):
    """A list of values: an array, or the JSON of one."""

    impl = Text
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return ARRAY(self.item) if dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: Iterable[Any] | None, dialect: Dialect) -> Any:
        values = list(value or ())
        return values if dialect.name == "postgresql" else msgspec.json.encode(values).decode()


@compiles(among)
def _among_json(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"


@compiles(among, "postgresql")
def _among_array(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} = ANY ({values})"


def _run(tx: Connection, table: Table, columns: Columns, rows: Sequence[RowValues], statement: str) -> int:
    if not rows:
        return 0
    if tx.dialect.name == "sqlite":
        cursor = tx.connection.cursor()
        cursor.executemany(statement, _for_sqlite(table, columns, rows))
        return cursor.rowcount
    rowcount: int = on_driver(tx, statement, _arrays(table, columns, rows)).rowcount
    return rowcount


@cache
def _insert(dialect: str, table: Table, columns: Columns, conflict: str) -> str:
    source = (
        f"VALUES ({', '.join('?' * len(columns))})"
        if dialect == "sqlite"
        else f"SELECT * FROM {_unnest(table, columns)}"
    )
    return f"INSERT INTO {table.name} ({_names(columns)}) {source} {conflict}"


@cache
def _update(dialect: str, table: Table, columns: Columns, unless_none: str) -> str:
    key, *others = columns
    sqlite = dialect == "sqlite"
    new = {name: f"?{place}" if sqlite else f'new."{name}"' for place, name in enumerate(columns, start=1)}
    if unless_none:
        new[unless_none] = f'coalesce({new[unless_none]}, {table.name}."{unless_none}")'
    assignments = ", ".join(f'"{name}" = {new[name]}' for name in others)
    source = "" if sqlite else f"FROM {_unnest(table, columns)} AS new ({_names(columns)})"
    return f'UPDATE {table.name} SET {assignments} {source} WHERE {table.name}."{key}" = {new[key]}'


@cache
def _delete(dialect: str, table: Table, columns: Columns) -> str:
    if dialect == "sqlite":
        named = " AND ".join(f'"{name}" = ?' for name in columns)
        return f"DELETE FROM {table.name} WHERE {named}"
    match = " AND ".join(f'{table.name}."{name}" = old."{name}"' for name in columns)
    return f"DELETE FROM {table.name} USING {_unnest(table, columns)} AS old ({_names(columns)}) WHERE {match}"


def _names(columns: Columns) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _unnest(table: Table, columns: Columns) -> str:
    casts = (f"%b::{_ARRAYS[type(table.c[name].type).__name__]}" for name in columns)
    return f"unnest({', '.join(casts)})"


def _for_sqlite(table: Table, columns: Columns, rows: Sequence[RowValues]) -> Sequence[RowValues]:
    return list(zip(*_convert(table, columns, rows, as_text), strict=True)) if _instants(table, columns) else rows


def _arrays(table: Table, columns: Columns, rows: Sequence[RowValues]) -> tuple[list[Any], ...]:
    return tuple(_convert(table, columns, rows, in_utc))


def _convert(
    table: Table, columns: Columns, rows: Sequence[RowValues], instant: Callable[[Any], Any]
) -> list[list[Any]]:
    """Turn rows into columns and convert timestamps to the database's format."""
    values: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)]
    document: dict[Any, Any] = {None: None}
    for place in _instants(table, columns):
        document.update((value, instant(value)) for value in set(values[place]) - document.keys())
        values[place] = [document[value] for value in values[place]]
    return values


@cache
def _instants(table: Table, columns: Columns) -> tuple[int, ...]:
    return tuple(place for place, name in enumerate(columns) if isinstance(table.c[name].type, Instant))
