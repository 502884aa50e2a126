"""Prepared queries find what SQLAlchemy finds, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import bindparam, select, update

from kulanz.errors import StorageUnavailableError
from kulanz.store import timers
from kulanz.store.bulk import among
from kulanz.store.database import Database
from kulanz.store.prepared import Prepared
from kulanz.store.tables import Instant
from kulanz.store.tables import timers as table
from kulanz.store.timers import TimerRow

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
_QUERY = (
    select(table.c.account, table.c.due_at)
    .where(
        table.c.kind == "grace_end",
        among(table.c.account, "accounts"),
        table.c.due_at <= bindparam("now", type_=Instant),
    )
    .order_by(table.c.account)
    .limit(bindparam("limit"))
)


@pytest.fixture
def three_timers(database: Database) -> Database:
    rows = {name: [TimerRow(name, "grace_end", "case", NOON)] for name in ("org_1", "org_2", "org_3")}
    with database.write() as tx:
        timers.replace(tx, rows)
    return database


@pytest.mark.parametrize("accounts", [("org_1", "org_3"), ("org_3",), ()])
def test_a_prepared_query_finds_what_sqlalchemy_finds(three_timers: Database, accounts: Sequence[str]) -> None:
    prepared, given = Prepared(_QUERY), {"accounts": accounts, "now": NOON, "limit": 5}

    with three_timers.read() as conn:
        matches, again = prepared.rows(conn, **given), prepared.rows(conn, **given)
        expected = [tuple(row) for row in conn.execute(_QUERY, given)]

    assert matches == again == expected
    assert matches == [(name, NOON) for name in accounts]
    assert all(at.tzinfo is UTC for _, at in matches)


def test_an_instant_is_asked_for_whatever_its_zone(three_timers: Database) -> None:
    prepared, elsewhere = Prepared(_QUERY), NOON.astimezone(timezone(timedelta(hours=5)))

    with three_timers.read() as conn:
        at_noon = prepared.scalar(conn, accounts=["org_2"], now=elsewhere, limit=1)
        before = prepared.scalar(conn, accounts=["org_2"], now=elsewhere - timedelta(microseconds=1), limit=1)

    assert (at_noon, before) == ("org_2", None)


def test_a_naive_instant_is_refused(three_timers: Database) -> None:
    naive = NOON.replace(tzinfo=None)

    with three_timers.read() as conn, pytest.raises(ValueError, match="without a time zone"):
        Prepared(_QUERY).rows(conn, accounts=[], now=naive, limit=1)


def test_a_database_that_fails_is_told_in_our_words(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.write() as tx:
        tx.exec_driver_sql("DROP TABLE timers")

    with pytest.raises(StorageUnavailableError, match="no such table"), database.read() as conn:
        Prepared(_QUERY).rows(conn, accounts=[], now=NOON, limit=1)
    database.dispose()


def test_a_prepared_change_tells_how_many_rows_it_changed(three_timers: Database) -> None:
    move = Prepared(
        update(table)
        .where(among(table.c.account, "accounts"))
        .values(due_at=bindparam("at", type_=Instant), subject="moved")
    )
    later = NOON + timedelta(days=1)

    with three_timers.write() as tx:
        changed = move.write(tx, accounts=["org_1", "org_2", "org_9"], at=later)

    with three_timers.read() as conn:
        moved = timers.of_account(conn, "org_2")
    assert (changed, moved) == (2, [TimerRow("org_2", "grace_end", "moved", later)])
