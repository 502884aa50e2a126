"""`retry --all` of many rows: killed in the middle, taken up again, and each row has its turn once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from kulanz.processing.bulk_retry import ROWS_PER_STEP
from kulanz.store.database import Database
from tests.cli.conftest import Kulanz

ROOT = Path(__file__).resolve().parents[2]
ROWS = 12 * ROWS_PER_STEP
KULANZ = [sys.executable, "-c", "from kulanz.cli import main; main()"]
FILL = {
    "sqlite": f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) SELECT i FROM n",
    "postgresql": f"SELECT i FROM generate_series(1, {ROWS}) AS n(i)",
}
NOTED = {
    "sqlite": (
        "CREATE TABLE retried (id INTEGER)",
        (
            "CREATE TRIGGER noted AFTER UPDATE ON inbox WHEN old.state = 'parked' AND new.state = 'received'"
            " BEGIN INSERT INTO retried VALUES (new.id); END"
        ),
    ),
    "postgresql": (
        "CREATE TABLE retried (id bigint)",
        (
            "CREATE FUNCTION note() RETURNS trigger AS $$ BEGIN INSERT INTO retried VALUES (new.id); RETURN new; END $$"
            " LANGUAGE plpgsql"
        ),
        (
            "CREATE TRIGGER noted AFTER UPDATE ON inbox FOR EACH ROW"
            " WHEN (old.state = 'parked' AND new.state = 'received') EXECUTE FUNCTION note()"
        ),
    ),
}
FORGOTTEN = {
    "sqlite": ("DROP TRIGGER noted", "DROP TABLE retried"),
    "postgresql": ("DROP TRIGGER noted ON inbox", "DROP FUNCTION note", "DROP TABLE retried"),
}


@pytest.fixture
def parked(kulanz: Kulanz, database: Database, database_url: str) -> Iterator[Database]:
    """Thousands of parked events, and a note of each that is let go."""
    kulanz.settings["DATABASE_URL"] = database_url
    blob = "CAST('k' || i AS BLOB)" if database.dialect == "sqlite" else "convert_to('k' || i, 'UTF8')"
    with database.write() as tx:
        tx.execute(
            text(
                "INSERT INTO inbox (id, provider, name, state, lane, mode, received_at, attempts, delivery_key, sha256,"
                f" body, reason) SELECT i, 'lemonsqueezy', 'order_created', 'parked', 0, 'live',"
                f" '2026-03-02T10:00:00.000000+00:00', 3, {blob}, {blob}, {blob}, 'x' FROM ({FILL[database.dialect]}) n"
            )
        )
        for statement in NOTED[database.dialect]:
            tx.exec_driver_sql(statement)
    yield database
    with database.write() as tx:
        for statement in FORGOTTEN[database.dialect]:
            tx.exec_driver_sql(statement)


def test_a_run_that_is_killed_goes_on_and_no_row_has_two_turns(kulanz: Kulanz, parked: Database) -> None:
    run = subprocess.Popen(
        [*KULANZ, "events", "retry", "--all", "--yes"], cwd=ROOT, env=kulanz.environ(), stderr=subprocess.DEVNULL
    )
    while not turns(parked) and run.poll() is None:
        time.sleep(0.001)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    first = turns(parked)
    assert 0 < len(first) < ROWS
    fail_again(parked, list(first)[: ROWS_PER_STEP // 2])

    planned = kulanz("events", "retry", "--all", "--dry-run", "--json").document["retried"]
    again = kulanz("events", "retry", "--all", "--yes", "--json")

    assert planned == again.document["retried"] == ROWS - len(first)
    assert f"was stopped after {len(first)}" in again.err
    assert set(turns(parked).values()) == {1}
    assert len(turns(parked)) == ROWS


def test_a_run_that_came_to_its_end_leaves_the_next_one_to_begin_anew(kulanz: Kulanz, parked: Database) -> None:
    assert kulanz("events", "retry", "--all", "--yes", "--json").document["retried"] == ROWS
    fail_again(parked, [1, 2, 3])

    again = kulanz("events", "retry", "--all", "--yes", "--json")

    assert again.document["retried"] == 3
    assert again.err == ""
    assert kulanz("events", "retry", "--all", "--yes", "--json").document["retried"] == 0


def turns(database: Database) -> Counter[int]:
    with database.read() as conn:
        return Counter(conn.exec_driver_sql("SELECT id FROM retried").scalars())


def fail_again(database: Database, events: list[int]) -> None:
    """Park some of those that were let go, as a worker would."""
    with database.write() as tx:
        for event in events:
            tx.execute(text("UPDATE inbox SET state = 'parked', attempts = 1 WHERE id = :id"), {"id": event})
