"""Whatever a story asks of the database, from its webhooks to its effects, is answered by an index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.pool import Pool

from kulanz.services import Services
from kulanz.store.tables import metadata
from kulanz_workers.scheduler import Scheduler
from tests.days import DAY, days_before_monday, happens
from tests.lemonsqueezy import (
    MONDAY,
    Payload,
    Purchase,
    dispute_created,
    dispute_resolved,
    order_created,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_success,
    subscription_updated,
)

FEW = frozenset({"claims", "keyring", "marks", "metadata", "policies", "receivers", "tallies"})
"""A row for each worker, key, named value, version, spool or metric: there is nothing to look for in them."""
PARTIAL = {
    index.name for table in metadata.tables.values() for index in table.indexes if index.info.get("where") is not None
}
_LITERAL = re.compile(r"[xX]?'(?:[^']|'')*'|\b\d+\b")
_ASKS = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)


@dataclass
class Asked:
    """Every statement that was sent, once, as it can be sent again to be explained."""

    statements: dict[str, tuple[str, Any]] = field(default_factory=dict)

    def note(self, statement: str, values: Any = ()) -> None:
        if _ASKS.match(statement) and not _is_of_the_database_itself(statement):
            self.statements.setdefault(_LITERAL.sub("?", statement), (statement, values))

    def note_of_postgresql(self, connection: Any) -> None:
        note, cursors = self.note, connection.cursor_factory

        class HeardCursor(cursors):  # type: ignore[misc]  # The class that the connection has.
            def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
                note(str(query), params or ())
                return super().execute(query, params, **options)

        connection.cursor_factory = HeardCursor


@pytest.fixture
def services(database_url: str, tmp_path: Path) -> Iterator[Services]:
    with days_before_monday(database_url, tmp_path / "data") as services:
        yield services


def test_no_statement_of_a_story_reads_a_whole_table(services: Services) -> None:
    with listening() as requested_asked:
        a_story(services)

    slow = unindexed(services, requested_asked)

    assert len(requested_asked.statements) > 40
    assert slow == {}


@pytest.mark.parametrize(
    "question",
    [
        "SELECT id FROM inbox WHERE name = 'subscription_updated'",
        "SELECT id FROM archive WHERE records = 1 ORDER BY kept_until LIMIT 1",
    ],
    ids=["a whole table", "an index past what is not wanted"],
)
def test_a_statement_that_walks_is_found_out(services: Services, question: str) -> None:
    with listening() as requested_asked, services.database.read() as conn:
        conn.exec_driver_sql(question).all()

    assert len(unindexed(services, requested_asked)) == 1


def a_story(services: Services) -> None:
    """An account that pays, fails, goes on hold, pays again and disputes; another that is refused and told twice."""
    other = Purchase(account="org_7", customer=7, subscription=7, order=7, invoice=7)
    happens(services, -30, subscription_created(at=MONDAY - 30 * DAY), order_created(at=MONDAY - 30 * DAY))
    happens(services, -30, subscription_payment_success(at=MONDAY - 30 * DAY, billing_reason="initial"))
    happens(services, 0, subscription_payment_failed(at=MONDAY), subscription_updated(at=MONDAY, status="past_due"))
    early: tuple[Payload, ...] = (subscription_payment_failed(at=MONDAY, purchase=other),)
    happens(services, 0, *early, *early)
    happens(services, 1, subscription_created(at=MONDAY, purchase=other))
    for day in (3, 5, 6, 7, 8, 9):
        happens(services, day)
    happens(services, 10, subscription_payment_success(at=MONDAY + 10 * DAY))
    happens(services, 11, dispute_created(at=MONDAY + 11 * DAY))
    happens(services, 12, dispute_resolved(at=MONDAY + 12 * DAY, status="won"))
    happens(services, 60)
    clock = Scheduler(services)
    for _ in range(2):
        clock.tick()


@contextmanager
def listening() -> Iterator[Asked]:
    """Hear what is sent, at the driver: most of what is sent often goes past SQLAlchemy."""
    requested_asked = Asked()

    def hear(connection: Any, _record: object, _proxy: object) -> None:
        if hasattr(connection, "set_trace_callback"):
            connection.set_trace_callback(requested_asked.note)
        elif connection.cursor_factory.__name__ != "HeardCursor":
            requested_asked.note_of_postgresql(connection)

    event.listen(Pool, "checkout", hear)
    try:
        yield requested_asked
    finally:
        event.remove(Pool, "checkout", hear)


def unindexed(services: Services, requested_asked: Asked) -> dict[str, list[str]]:
    """Return the statements that read a whole table which may be large, and how."""
    with services.database.write() as tx:
        plans = {shape: plan(tx, *stated) for shape, stated in dict(requested_asked.statements).items()}
    return {shape: slow for shape, steps in plans.items() if (slow := [*reading_whole(shape, steps)])}


def plan(tx: Connection, statement: str, values: Any) -> list[str]:
    """Ask the planner; PostgreSQL is told to avoid what it would rightly do with a small table."""
    if tx.dialect.name == "sqlite":
        return [row[-1] for row in tx.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    tx.exec_driver_sql("SET LOCAL enable_seqscan = off")
    return [row[0] for row in tx.exec_driver_sql(f"EXPLAIN {statement}", values)]


def reading_whole(statement: str, steps: list[str]) -> Iterator[str]:
    """Yield the steps that walk through a table, or through an index past rows that are not wanted.

    No such walk is one through a partial index, which has only what is open, nor through the first few of an order.
    """
    wants_all = "LIMIT" in statement and "WHERE" not in statement
    for step, then in pairwise([*steps, ""]):
        if step.startswith("SCAN"):
            _, table, *how = step.split()
            walks = not wants_all and how[:1] != ["VIRTUAL"] and not PARTIAL & {*how}
        elif result := re.search(r"Seq Scan on (\w+)|Index (?:Only )?Scan using (\w+) on (\w+)", step):
            table = result[1] or result[3]
            walks = result[1] is not None or (result[2] not in PARTIAL and "Filter:" in then)
        else:
            continue
        if walks and table not in {*FEW, "json_each", "CONSTANT"}:
            yield step


def _is_of_the_database_itself(statement: str) -> bool:
    return "sqlite_master" in statement or "pg_catalog" in statement or "set_config" in statement
