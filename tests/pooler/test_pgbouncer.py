"""Behind a PgBouncer in transaction mode: it is found, nothing is left in its servers, and every process works."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from kulanz.config import load
from kulanz.services import build
from kulanz.store import accounts
from kulanz.store.database import Database
from tests.lemonsqueezy import MONDAY
from tests.workers.instance import KEY, an_unpaid_account

ROOT = Path(__file__).resolve().parents[2]
TIME_OUT = "SELECT current_setting('statement_timeout')"


@pytest.fixture
def pooled_url(postgresql_url: str, pgbouncer: str) -> str:
    return postgresql_url + pgbouncer


@pytest.fixture(params=["", "&pool=transaction"], ids=["found", "named"])
def pooled(request: pytest.FixtureRequest, pooled_url: str) -> Iterator[Database]:
    database = Database(pooled_url + request.param)
    yield database
    database.dispose()


def until(happened: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_statement_that_comes_often_is_not_prepared_on_a_server_that_others_use(pooled: Database) -> None:
    for _ in range(20):
        with pooled.read() as conn:
            prepared = conn.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar()

        assert prepared == 0


@pytest.mark.parametrize(("kind", "synchronous"), [("write", "on"), ("relaxed", "off"), ("read", "on")])
def test_every_transaction_has_its_settings_whatever_another_client_left(
    pooled: Database, pooled_url: str, kind: str, synchronous: str
) -> None:
    with psycopg.connect(pooled_url, prepare_threshold=None, autocommit=True) as other:
        other.execute("SET statement_timeout = '7s'")
        other.execute("SET synchronous_commit = 'local'")
        other.execute("SET default_transaction_isolation = 'serializable'")

        with getattr(pooled, kind)() as tx:
            result = tx.exec_driver_sql(
                "SELECT current_setting('statement_timeout'), current_setting('synchronous_commit'),"
                " current_setting('transaction_isolation')"
            ).one()

        assert tuple(result) == ("1min", synchronous, "read committed")
        assert other.execute(TIME_OUT).fetchone() == ("7s",)
        other.execute("RESET ALL")


def test_nothing_of_ours_is_left_in_the_servers_that_others_use(pooled: Database, pooled_url: str) -> None:
    with ExitStack() as stack:
        others = [stack.enter_context(psycopg.connect(pooled_url, prepare_threshold=None)) for _ in range(2)]
        for other in others:  # Each in a transaction, so that each has a server of its own.
            other.execute("SET statement_timeout = '7s'")
        for other in others:
            other.commit()

        with pooled.write() as first, pooled.relaxed() as second:
            assert [tx.exec_driver_sql(TIME_OUT).scalar() for tx in (first, second)] == ["1min", "1min"]
        pooled.scrub()
        left = [other.execute(TIME_OUT).fetchone() for other in others]

        for other in others:
            other.execute("RESET ALL")
            other.commit()
    assert left == [("7s",), ("7s",)]


def test_destroyed_rows_are_scrubbed(pooled: Database) -> None:
    assert pooled.scrub()


def test_workers_and_clock_go_on_side_by_side(pooled_url: str, tmp_path: Path) -> None:
    settings = {"KULANZ_DATA_DIR": str(tmp_path), "DATABASE_URL": pooled_url, "ENCRYPTION_KEYS": KEY}
    settings |= {"KULANZ_TEST_CLOCK": "1", "LEMONSQUEEZY_MODE": "any"}
    services = build(load(settings))
    services.clock.set(MONDAY + timedelta(hours=1))

    def stands(account: str) -> str | None:
        with services.database.read() as conn:
            row = accounts.get(conn, account)
        return None if row is None else row.standing

    with ExitStack() as stack, (tmp_path / "log").open("ab") as log:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "kulanz_workers", role], env={**os.environ, **settings}, cwd=ROOT, stderr=log
                )
            )
            for role in ("events", "events", "effects", "clock")
        ]
        try:
            for number in (1, 20, 40):
                account = an_unpaid_account(services, number)
                until(lambda account=account: stands(account) == "grace")
            time.sleep(6)  # A statement is prepared when it comes for the fifth time; the clock looks every second.

            assert [process.poll() for process in processes] == [None] * len(processes)
        finally:
            for process in processes:
                process.terminate()
    services.close()

    words = (tmp_path / "log").read_text()
    assert "Traceback" not in words
    assert "worker.failed" not in words
    assert "put_off" not in words
