"""A database without its tables is waited for, as one that is away is; who migrates it need start nothing again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kulanz.config import load
from kulanz.services import Services, build
from kulanz.store import migrate, policies
from tests.servers import PostgreSQL
from tests.workers.instance import an_unpaid_account
from tests.workers.test_worker import ROOT, stands, until

REMEDY = "run `kulanz migrate`"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without a table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    with server.a_database() as url:
        yield url


@pytest.fixture
def services(settings: dict[str, str]) -> Iterator[Services]:
    services = build(load(settings))
    yield services
    services.close()


def test_workers_and_clock_wait_for_the_tables_and_then_work(
    services: Services, settings: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with ExitStack() as stack, log.open("ab") as output:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "kulanz_workers", role],
                    env={**os.environ, **settings},
                    cwd=ROOT,
                    stderr=output,
                )
            )
            for role in ("events", "effects", "clock")
        ]
        try:
            until(lambda: log.read_text().count("start.put_off") == len(processes))
            time.sleep(6)  # Every five seconds a thread hands in what was counted.
            assert [process.poll() for process in processes] == [None] * len(processes)

            migrate.upgrade(services.database)
            account = an_unpaid_account(services, 1)

            until(lambda: stands(services, account) == "grace")
            assert [process.poll() for process in processes] == [None] * len(processes)
        finally:
            for process in processes:
                process.terminate()

    words = log.read_text()
    assert REMEDY in words
    assert "Traceback" not in words
    with services.database.read() as conn:
        assert policies.newest(conn) == 1


def test_a_burst_ends_with_the_remedy_in_one_line(settings: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kulanz_workers", "burst"],
        env={**os.environ, **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert REMEDY in done.stderr
