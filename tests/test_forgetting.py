"""What was destroyed stays nowhere: not in files that were under way, nor in what the database has overwritten."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Lock

import pytest
from sqlalchemy import select

from kulanz import pipeline
from kulanz.commands import execute
from kulanz.commands.commands import EraseAccount
from kulanz.config import Settings
from kulanz.privacy import vacuum
from kulanz.services import Services
from kulanz.store import outbox, tables
from kulanz_workers.scheduler import Scheduler
from tests.days import product
from tests.faults.failpoints import Points, with_points
from tests.lemonsqueezy import MONDAY
from tests.workers.instance import an_unpaid_account

ORG = "org_1"
BEGUN = "dispatcher._begin_attempt: committed"


@dataclass(slots=True)
class Meanwhile(Points):
    """Does something between the beginning of an attempt and its end."""

    do: Callable[[], None] = field(default=lambda: None)

    def pass_by(self, name: str) -> None:
        if name == BEGUN:
            self.do()


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(
        data_dir=tmp_path,
        database_url=database_url,
        encryption_keys=(os.urandom(32),),
        test_clock=True,
        lemonsqueezy_mode="any",
    )


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """Two accounts that did not pay, and whose reminders are to be sent."""
    with product(settings, at=MONDAY) as services:
        for number in (1, 5):
            an_unpaid_account(services, number)
        for day in (0, 4):
            services.clock.set(MONDAY + timedelta(days=day))
            while pipeline.process(services).moved:
                pass
        yield services


def test_a_mail_that_is_under_way_while_its_account_is_destroyed_leaves_no_file(services: Services) -> None:
    erased: list[str] = []
    one_after_the_other = Lock()

    def erase_once() -> None:
        with one_after_the_other:
            if not erased and a_mail_has_begun(services):
                erased.append(ORG)
                execute.command(services, ORG, EraseAccount(reason="Art. 17"), "anna")

    worker = with_points(services.settings, Meanwhile(do=erase_once))
    pipeline.deliver(worker)
    worker.close()

    assert erased == [ORG]
    assert {mail.read_bytes().count(b"X-Kulanz-Account: org_5") for mail in mails(services)} == {1}
    with services.database.read() as conn:
        letters = [effect for effect in outbox.of_account(conn, ORG) if effect.kind == "SendMail"]
    assert letters
    assert {effect.state for effect in letters} <= {"done", "withdrawn"}


def test_the_clock_lets_the_database_forget_what_somebody_destroyed(services: Services) -> None:
    bodies = sealed_bodies(services)
    execute.command(services, ORG, EraseAccount(reason="Art. 17"), "anna")
    clock = Scheduler(services)

    clock.tick()
    clock.vacuum_loop.wait()

    if services.database.dialect == "sqlite":
        left = b"".join(path.read_bytes() for path in database_files(services))
        assert not [body for body in bodies if body in left]
    with services.database.read() as conn:
        assert vacuum.wanted(conn) is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # Nobody who reads keeps PostgreSQL from it.
def test_who_reads_for_long_puts_it_off_and_it_is_done_later(services: Services) -> None:
    with services.database.read() as conn:
        conn.execute(select(tables.inbox.c.id)).all()
        execute.command(services, ORG, EraseAccount(reason="Art. 17"), "anna")

        assert vacuum.vacuum(services) is False
        with services.database.read() as other:
            assert vacuum.wanted(other) is not None

    assert vacuum.vacuum(services) is True


def a_mail_has_begun(services: Services) -> bool:
    with services.database.read() as conn:
        rows = outbox.of_account(conn, ORG)
        return any(effect.kind == "SendMail" and effect.begun_at is not None for effect in rows)


def mails(services: Services) -> list[Path]:
    return list((services.settings.data_dir / "mail").iterdir())


def sealed_bodies(services: Services) -> list[bytes]:
    with services.database.read() as conn:
        return list(conn.execute(select(tables.inbox.c.body).where(tables.inbox.c.account == ORG)).scalars())


def database_files(services: Services) -> list[Path]:
    path = services.settings.database_url.removeprefix("sqlite:///")
    return [Path(path + end) for end in ("", "-wal") if Path(path + end).exists()]
