"""Column types and the catalogue of tables; a timestamp is stored in the same way in both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import TIMESTAMP, BigInteger, Column, Dialect, Index, Integer, MetaData, String, TypeDecorator
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex
from sqlalchemy.types import TypeEngine


class Instant(TypeDecorator[datetime]):
    """Timestamp with time zone, read back as UTC; naive values are refused. In SQLite a text that sorts by time."""

    impl = String(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Keep PostgreSQL's own type."""
        return TIMESTAMP(timezone=True) if dialect.name == "postgresql" else String(32)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse a timestamp without a zone."""
        if value is None:
            return None
        return in_utc(value) if dialect.name == "postgresql" else as_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give UTC."""
        if value is None:
            return None
        return value.astimezone(UTC) if dialect.name == "postgresql" else datetime.fromisoformat(value)


def in_utc(value: datetime) -> datetime:
    """Return the same time in UTC; ValueError without a time zone."""
    if value.tzinfo is UTC:
        return value
    if value.utcoffset() is None:
        raise ValueError("a timestamp without a time zone")
    return value.astimezone(UTC)


@lru_cache(maxsize=256)
def as_text(value: datetime) -> str:
    """Write a timestamp with exactly six decimals, so that texts sort in the order of time.

    Cached: a transaction writes the same few timestamps into all its rows, and a lookup takes a tenth of the time.
    """
    return in_utc(value).isoformat(timespec="microseconds")


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows only in a column whose type is exactly INTEGER."""


def partial(name: str, condition: str, *columns: Column[Any]) -> Index:
    """Return an index of those rows only that fulfil a condition, on the table of its columns.

    SQLAlchemy's own arguments for it would load every driver's dialect into every process: 2 MiB.
    """
    return Index(name, *columns, info={"where": condition})


@compiles(CreateIndex)
def _with_condition(element: CreateIndex, compiler: Any, **options: Any) -> str:
    statement: str = compiler.visit_create_index(element, **options)
    condition = element.element.info.get("where")
    return f"{statement} WHERE {condition}" if condition else statement
