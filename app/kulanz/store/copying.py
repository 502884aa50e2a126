"""A copy of a whole database, of either kind, that may be interrupted anywhere: both are read side by side.

A walk through both in the order of their primary keys finds every row in which they differ. Writing those rows is the
copy; a walk that finds none is the comparison. A copy that was interrupted is continued by walking again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import String, Table, delete, func, insert, select, tuple_
from sqlalchemy.engine import Connection

from kulanz.store import shared_values
from kulanz.store.database import Database
from kulanz.store.dump import ROWS_PER_STEP
from kulanz.store.tables import accounts, claims, marks, metadata, receivers

_UNFINISHED = "copy_unfinished"
"""The mark of a database that a copy is being written into: it says of which installation. No copy has it."""
Row = tuple[Any, ...]


class Difference(NamedTuple):
    """A row that differs between the two databases."""

    table: str
    key: Row
    account: str | None
    """The account of the row; None if the table is not about accounts."""
    row: Row | None
    """The row in the source; None if only the copy has it."""


def differences(original: Connection, copy: Connection) -> Iterator[Difference]:
    """Yield every row in which the copy differs, table by table in the order of the keys."""
    for table in metadata.sorted_tables:
        ours, theirs = _rows(original, table), _rows(copy, table)
        left, right = next(ours, None), next(theirs, None)
        while left is not None or right is not None:
            if right is None or (left is not None and left[0] < right[0]):
                yield _difference(table, left, left)
                left = next(ours, None)
            elif left is None or right[0] < left[0]:
                yield _difference(table, right, None)
                right = next(theirs, None)
            else:
                if left[1] != right[1]:
                    yield _difference(table, left, left)
                left, right = next(ours, None), next(theirs, None)


def make_alike(original: Connection, copy: Database) -> int:
    """Write missing rows into the copy, a few hundred at a time; return the number of rows that differed."""
    written = 0
    with copy.snapshot() as conn:
        found = differences(original, conn)
        while page := list(islice(found, ROWS_PER_STEP)):
            with copy.write() as tx:
                write(tx, page)
            written += len(page)
    return written


def write(tx: Connection, page: Sequence[Difference]) -> None:
    """Make these rows of the copy as they should be."""
    for name, rows in groupby(page, key=attrgetter("table")):
        _replace(tx, metadata.tables[name], list(rows))


def begin(tx: Connection, installation: str) -> None:
    """Mark a database as the unfinished copy of this installation."""
    shared_values.put(tx, _UNFINISHED, installation)


def unfinished(conn: Connection) -> str | None:
    """Return the installation of which a copy was begun here and not finished."""
    installation: str | None = shared_values.get(conn, _UNFINISHED)
    return installation


def finish(tx: Connection) -> None:
    """Take the mark away: from now on this is a database like any other."""
    shared_values.put(tx, _UNFINISHED, None)


def last_heartbeat(conn: Connection) -> datetime | None:
    """Return when a receiver or a worker was last seen at work on this database."""
    seen = (conn.execute(select(func.max(table.c.seen_at))).scalar() for table in (claims, receivers))
    return max((at for at in seen if at is not None), default=None)


def _rows(conn: Connection, table: Table) -> Iterator[tuple[Row, Row]]:
    """Yield key and row in the order in which Python compares the keys: texts by their code points."""
    order = [each.collate("C") if _is_text(conn, each) else each for each in table.primary_key.columns]
    query = select(table).order_by(*order).execution_options(yield_per=ROWS_PER_STEP)
    if table is marks:
        query = query.where(marks.c.name != _UNFINISHED)
    places = [list(table.columns).index(each) for each in table.primary_key.columns]
    for row in conn.execute(query):
        yield tuple(row[at] for at in places), tuple(row)


def _is_text(conn: Connection, column: Any) -> bool:
    """Return a sort key for texts that PostgreSQL would sort by the database's locale."""
    return conn.dialect.name == "postgresql" and isinstance(column.type, String)


def _difference(table: Table, found: tuple[Row, Row] | None, right: tuple[Row, Row] | None) -> Difference:
    if found is None:
        raise LookupError("a difference is a row of one database at least")
    key, row = found
    names = [column.name for column in table.columns]
    account = key[0] if table is accounts else row[names.index("account")] if "account" in names else None
    return Difference(table=table.name, key=key, account=account, row=None if right is None else right[1])


def _replace(tx: Connection, table: Table, page: Sequence[Difference]) -> None:
    keys = list(table.primary_key.columns)
    tx.execute(delete(table).where(tuple_(*keys).in_([each.key for each in page])))
    names = [column.name for column in table.columns]
    rows = [dict(zip(names, each.row, strict=True)) for each in page if each.row is not None]
    if rows:
        tx.execute(insert(table), rows)
