"""Statements that run for every batch: compiled once, and then given to the driver without further ceremony.

SQLAlchemy looks up, checks and wraps each execution again, which takes several times as long as SQLite takes to answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect, Select, Update
from sqlalchemy.engine import Connection

RowValues = tuple[Any, ...]
Converter = Callable[[Any], Any]


class Prepared:
    """A statement with named parameters; `rows` and `scalar` run a query, `write` a change."""

    def __init__(self, statement: Select[Any] | Update) -> None:
        self.statement = statement
        self._forms: dict[str, _Form] = {}

    def rows(self, conn: Connection, **parameters: Any) -> list[RowValues]:
        """Return all that is found, each row a tuple in the order of the query's columns."""
        form = self._form(conn)
        matches: list[RowValues] = [tuple(row) for row in form.run(conn, parameters).fetchall()]
        return [form.read(row) for row in matches] if form.out else matches

    def scalar(self, conn: Connection, **parameters: Any) -> Any:
        """Return the first column of the first row, or None where nothing is found."""
        matches = self.rows(conn, **parameters)
        return matches[0][0] if matches else None

    def write(self, tx: Connection, **parameters: Any) -> int:
        """Return how many rows were changed."""
        count: int = self._form(tx).run(tx, parameters).rowcount
        return count

    def _form(self, conn: Connection) -> _Form:
        return self._forms.get(conn.dialect.name) or self._prepare(conn.dialect)

    def _prepare(self, dialect: Dialect) -> _Form:
        compiled = self.statement.compile(dialect=dialect)
        stated = self.statement.selected_columns if isinstance(self.statement, Select) else ()
        kinds = {name: bind.type.dialect_impl(dialect) for bind, name in compiled.bind_names.items()}
        columns = [column.type.dialect_impl(dialect) for column in stated]
        into = {name: kind.bind_processor(dialect) for name, kind in kinds.items()}
        out = enumerate(kind.result_processor(dialect, None) for kind in columns)
        form = _Form(
            text=str(compiled),
            fixed=compiled.construct_params(_check=False),
            order=tuple(compiled.positiontup) if compiled.positiontup is not None else None,
            into={name: converter for name, converter in into.items() if converter is not None},
            out=tuple((place, converter) for place, converter in out if converter is not None),
        )
        self._forms[dialect.name] = form
        return form


def on_driver(conn: Connection, statement: str, values: Sequence[Any] | Mapping[str, Any]) -> Any:
    """Give a statement to the driver itself, and return its cursor; its errors are the driver's.

    PostgreSQL keeps it prepared from its first use, except behind a pooler in transaction mode. A lost connection is
    noticed by SQLAlchemy when the transaction is rolled back.
    """
    cursor = conn.connection.cursor()
    prepare = {} if conn.dialect.name == "sqlite" else {"prepare": True}
    cursor.execute(statement, values, **prepare)
    return cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """A statement as one database's driver takes it."""

    text: str
    fixed: Mapping[str, Any]
    """Values that the statement itself contains."""
    order: tuple[str, ...] | None
    """Names of the parameters, for drivers that take them by position."""
    into: Mapping[str, Converter]
    out: tuple[tuple[int, Converter], ...]

    def run(self, conn: Connection, parameters: Mapping[str, Any]) -> Any:
        """Return the driver's cursor."""
        given = {**self.fixed, **parameters}
        for name, converter in self.into.items():
            given[name] = converter(given[name])
        return on_driver(conn, self.text, given if self.order is None else [given[name] for name in self.order])

    def read(self, row: RowValues) -> RowValues:
        values = list(row)
        for place, converter in self.out:
            values[place] = converter(values[place])
        return tuple(values)
