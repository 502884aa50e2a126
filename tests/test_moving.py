"""A move to another database copies everything, goes on after an interruption, and refuses what it cannot vouch for."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from kulanz.errors import RefusedError
from kulanz.privacy import audit, moving
from kulanz.queries.replay.replay import replay
from kulanz.runtime.clock import real_now
from kulanz.services import Services, build
from kulanz.store import copying, migrate, tables
from tests.cli.conftest import Kulanz, kulanz
from tests.days import days_go_by, settings_of, settle
from tests.lemonsqueezy import MONDAY, subscription_created
from tests.retelling import Retelling
from tests.servers import PostgreSQL
from tests.workers.instance import an_unpaid_account, receive

__all__ = ["kulanz"]
QUIET = timedelta(0)


def accounts_of_every_kind(services: Services) -> None:
    for number in (1, 5):
        an_unpaid_account(services, number)
    days_go_by(services, 3)
    for number, name in enumerate(("Org_b", "org-c", "ärger", "org a", "ORG_A"), 20):
        receive(services, subscription_created(account=name, subscription=number * 10, customer=number))
    settle(services)


@pytest.fixture
def services(tmp_path: Path, database_url: str, retelling: Retelling) -> Iterator[Services]:
    """Accounts with decisions, timers, and outgoing actions that wait; names that languages sort otherwise."""
    settings = settings_of(tmp_path, database_url, test_clock=True)
    with retelling.told(settings, accounts_of_every_kind, at=MONDAY) as (services, _):
        yield services


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(
    request: pytest.FixtureRequest, tmp_path: Path, postgresql: PostgreSQL, services: Services
) -> Iterator[Services]:
    """The same installation with a database that has no tables yet."""
    if request.param == "sqlite":
        opened = build(replace(services.settings, database_url=f"sqlite:///{tmp_path}/new.db"))
        yield opened
        opened.close()
        return
    with postgresql.a_database() as url:
        opened = build(replace(services.settings, database_url=url))
        yield opened
        opened.close()


def everything(services: Services) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but the log, to which a move adds a line."""
    with services.database.read() as conn:
        return {
            table.name: sorted((tuple(row) for row in conn.execute(select(table))), key=repr)
            for table in tables.metadata.sorted_tables
            if table.name != "acts"
        }


def test_everything_moves_to_either_database_and_work_goes_on_there(services: Services, elsewhere: Services) -> None:
    before = everything(services)

    moved = moving.move(services, elsewhere, actor="anna", at_rest=QUIET)

    assert everything(elsewhere) == before == everything(services)
    assert (moved.accounts, moved.written) == (len(before["accounts"]), moved.rows)
    assert [each for each in audit.verify(elsewhere) if each.flaw] == []
    assert [each for each in replay(elsewhere) if each.differs] == []
    receive(elsewhere, subscription_created(account="org_7", subscription=70, customer=71))
    settle(elsewhere)
    assert "org_7" in {each.account for each in audit.verify(elsewhere)}


def test_a_move_that_was_interrupted_writes_only_what_is_not_there_yet(services: Services, elsewhere: Services) -> None:
    migrate.upgrade(elsewhere.database)
    with services.database.snapshot() as old, elsewhere.database.snapshot() as new:
        first = list(copying.differences(old, new))[:40]
    with elsewhere.database.write() as tx:
        copying.begin(tx, services.vault.signer.public.hex())
        copying.write(tx, first)
    receive(services, subscription_created(account="org_8", subscription=80, customer=81))
    settle(services)

    moved = moving.move(services, elsewhere, actor="anna", at_rest=QUIET)

    assert everything(elsewhere) == everything(services)
    assert moved.rows - 40 <= moved.written < moved.rows


def test_rows_that_changed_or_went_between_two_moves_are_changed_and_gone_in_the_copy(
    services: Services, elsewhere: Services
) -> None:
    migrate.upgrade(elsewhere.database)
    with elsewhere.database.write() as tx:
        copying.begin(tx, services.vault.signer.public.hex())
    with services.database.snapshot() as old:
        copying.make_alike(old, elsewhere.database)
    with services.database.write() as tx:
        tx.execute(update(tables.effects).values(attempts=9))
        tx.execute(tables.timers.delete())

    moving.move(services, elsewhere, actor="anna", at_rest=QUIET)

    assert everything(elsewhere) == everything(services)


def test_a_database_that_holds_something_else_is_never_written_to(services: Services, elsewhere: Services) -> None:
    moving.move(services, elsewhere, actor="anna", at_rest=QUIET)
    receive(elsewhere, subscription_created(account="org_7", subscription=70, customer=71))
    before = everything(elsewhere)

    with pytest.raises(RefusedError, match="not empty"):
        moving.move(services, elsewhere, actor="anna", at_rest=QUIET)
    with pytest.raises(RefusedError, match="not empty"):
        moving.move(services, services, actor="anna", at_rest=QUIET)

    assert everything(elsewhere) == before


def test_the_unfinished_copy_of_another_installation_is_not_continued(services: Services, elsewhere: Services) -> None:
    migrate.upgrade(elsewhere.database)
    with elsewhere.database.write() as tx:
        copying.begin(tx, "00" * 32)

    with pytest.raises(RefusedError, match="another installation"):
        moving.move(services, elsewhere, actor="anna", at_rest=QUIET)


def test_a_move_is_not_finished_while_somebody_works_on_the_old_database(
    services: Services, elsewhere: Services
) -> None:
    beat = subprocess.Popen([sys.executable, "-c", BEAT, services.settings.database_url])
    try:
        deadline = time.monotonic() + 20
        while not _reports(services):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with pytest.raises(RefusedError, match="still run"):
            moving.move(services, elsewhere, actor="anna", at_rest=timedelta(seconds=2))
    finally:
        beat.send_signal(signal.SIGKILL)
        beat.wait()

    moving.move(services, elsewhere, actor="anna", at_rest=timedelta(seconds=2))
    assert everything(elsewhere) == everything(services)


def test_what_differs_after_the_copy_is_named_by_its_account(services: Services, elsewhere: Services) -> None:
    moving.move(services, elsewhere, actor="anna", at_rest=QUIET)
    with elsewhere.database.write() as tx:
        tx.execute(update(tables.timers).where(tables.timers.c.account == "org_1").values(due_at=real_now()))

    with services.database.snapshot() as old, elsewhere.database.snapshot() as new:
        found = {(each.table, each.account) for each in copying.differences(old, new) if each.table != "acts"}
    assert found == {("timers", "org_1")}


def test_the_command_moves_by_one_line_and_says_what_comes_next(
    kulanz: Kulanz, sqlite_url: str, postgresql: PostgreSQL
) -> None:
    kulanz.settings["DATABASE_URL"] = sqlite_url
    with postgresql.a_database() as url:
        foreseen = kulanz("migrate", "--to", url, "--dry-run")
        done = kulanz("migrate", "--to", url)
        again = kulanz("migrate", "--to", url)
        wrong = kulanz("migrate", "--to", "mysql://localhost/kulanz")

    assert (foreseen.code, done.code) == (0, 0), (foreseen.err, done.err)
    assert "would move" in foreseen.out
    assert "Set DATABASE_URL" in done.out
    assert (again.code, wrong.code) == (1, 1)
    assert "not empty" in again.err
    assert "DATABASE_URL" in wrong.err


def _reports(services: Services) -> bool:
    with services.database.read() as conn:
        return any(row.id == "test" for row in conn.execute(select(tables.receivers)))


BEAT = """
import sys, time
from kulanz.runtime.clock import real_now
from kulanz.store import receivers
from kulanz.store.database import Database
database = Database(sys.argv[1])
while True:
    with database.relaxed() as tx:
        receivers.report(tx, "test", real_now(), lambda: True)
    time.sleep(0.2)
"""
