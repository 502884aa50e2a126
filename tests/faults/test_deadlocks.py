"""PostgreSQL may undo any transaction, for a deadlock or a conflict: it is done again, and counts against nobody."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import func, select

from kulanz import pipeline
from kulanz.config import Settings
from kulanz.errors import StorageUnavailableError
from kulanz.ingest.receiver import Receiver
from kulanz.privacy import audit
from kulanz.queries.replay.replay import replay
from kulanz.runtime.clock import real_now
from kulanz.services import Services, build
from kulanz.store import migrate
from kulanz.store.database import Database
from kulanz.store.spool import Spool
from kulanz.store.tables import effects, inbox
from tests.fake_servers import Mailbox, a_mailbox
from tests.lemonsqueezy import (
    SECRET,
    Payload,
    Purchase,
    a_buyer,
    delivery,
    dispute_created,
    subscription_created,
    subscription_updated,
)
from tests.servers import PostgreSQL

PATIENCE = 20.0
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
CONFLICT = """
CREATE SEQUENCE met_{table};
CREATE FUNCTION conflict_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF nextval('met_{table}') <= {times} THEN
    RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '{code}';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER conflict AFTER {event} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION conflict_{table}();
"""
"""A sequence goes on counting where its transaction is undone."""
PLACES = {
    "inbox": "INSERT OR UPDATE",
    "accounts": "UPDATE",
    "decisions": "INSERT",
    "journal": "INSERT",
    "timers": "INSERT",
    "claims": "INSERT OR UPDATE",
    "effects": "INSERT OR UPDATE",
}


@dataclass(frozen=True, slots=True)
class House:
    """An instance on a PostgreSQL database of its own, and where its mails go."""

    services: Services
    mailbox: Mailbox


@pytest.fixture
def instance(postgresql: PostgreSQL, tmp_path: Path) -> Iterator[House]:
    with postgresql.a_database() as url, a_mailbox() as mailbox:
        database = Database(url)
        migrate.upgrade(database)
        database.dispose()
        services = build(
            Settings(
                data_dir=tmp_path,
                database_url=url,
                encryption_keys=(os.urandom(32),),
                lemonsqueezy_webhook_secrets=(SECRET,),
                smtp_url=mailbox.url,
                mail_from="billing@shop.example",
                ops_alert_to="ops@shop.example",
            )
        )
        with services.database.write() as tx:
            services.adopt_policy(tx)
        yield House(services, mailbox)
        services.close()


def test_a_drain_that_is_the_victim_of_a_deadlock_is_done_again_and_counts_against_nobody(instance: House) -> None:
    services = instance.services
    two_accounts(services)
    settle(services)
    now = real_now()
    assert told(services, [subscription_updated(at=now, purchase=a_purchase(n, now)) for n in (1, 2)]) == {200}

    with psycopg.connect(services.settings.database_url) as other, ThreadPoolExecutor(1) as thread:
        other.execute("SET deadlock_timeout = '60s'")
        other.execute("SELECT 1 FROM accounts WHERE id = 'org_2' FOR UPDATE")
        drain = thread.submit(pipeline.process, services)
        await_a_waiting_one(services)
        other.execute("SELECT 1 FROM accounts WHERE id = 'org_1' FOR UPDATE")
        error = drain.exception(PATIENCE)
        other.rollback()

    assert isinstance(error, StorageUnavailableError)
    assert "deadlock detected" in error.detail
    assert_nothing_held_against_any(services)
    settle(services)
    assert_handled(services, 6)


@pytest.mark.parametrize("code", ["40001", "40P01"])
def test_conflicts_at_every_place_lose_nothing_repeat_nothing_and_are_no_attempts(instance: House, code: str) -> None:
    services = instance.services
    with psycopg.connect(services.settings.database_url, autocommit=True) as connection:
        for table, event in PLACES.items():
            connection.execute(CONFLICT.format(table=table, event=event, times=2, code=code).encode())

    two_accounts(services)
    settle(services)

    with psycopg.connect(services.settings.database_url, autocommit=True) as connection:
        for table in PLACES:
            row = connection.execute(f"SELECT last_value FROM met_{table}".encode()).fetchone()
            assert row is not None
            assert row[0] > 2, f"{table} met none"
    assert_handled(services, 4)
    with services.database.read() as conn:
        done = conn.execute(select(effects.c.kind, effects.c.state, effects.c.attempts)).all()
    assert {(row.state, row.attempts) for row in done} <= {("done", 1), ("todo", 1), ("skipped", 1)}
    assert len(instance.mailbox.accepted) == [row.kind for row in done].count("SendMail") > 2


def two_accounts(services: Services) -> None:
    """Take in two purchases and a chargeback of each, all of which are answered with 200."""
    now = real_now()
    bought = [a_purchase(number, now) for number in (1, 2)]
    created = [subscription_created(at=purchase.began, purchase=purchase) for purchase in bought]
    assert told(services, [*created, *(dispute_created(at=now, purchase=purchase) for purchase in bought)]) == {200}


def a_purchase(number: int, now: datetime) -> Purchase:
    return a_buyer(number, began=(now - timedelta(days=30)).replace(microsecond=0))


def told(services: Services, payloads: list[Payload]) -> set[int]:
    receiver = Receiver(services)
    statuses = {receiver.accept("lemonsqueezy", headers, body).status for body, headers in map(delivery, payloads)}
    receiver.begin()
    deadline = time.monotonic() + PATIENCE
    while Spool(services.settings.data_dir / "spool", 1).size():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    receiver.close()
    return statuses


def settle(services: Services) -> None:
    """Work as a worker does: a step that the database refuses is done again."""
    deadline, idle = time.monotonic() + PATIENCE, 0
    while idle < 3:
        assert time.monotonic() < deadline
        try:
            moved = pipeline.process(services).moved | pipeline.deliver(services).moved
        except StorageUnavailableError:
            moved = True
        idle = 0 if moved else idle + 1


def await_a_waiting_one(services: Services) -> None:
    deadline = time.monotonic() + PATIENCE
    with psycopg.connect(services.settings.database_url, autocommit=True) as connection:
        while connection.execute(WAITING).fetchone() == (0,):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def assert_nothing_held_against_any(services: Services) -> None:
    with services.database.read() as conn:
        events = conn.execute(select(inbox.c.state, inbox.c.attempts, inbox.c.reason)).all()
    assert {(row.attempts, row.reason) for row in events} == {(0, None)}
    assert {row.state for row in events} <= {"handled", "received"}


def assert_handled(services: Services, number: int) -> None:
    """All are, none at a second attempt, and what is stored is what they say."""
    assert_nothing_held_against_any(services)
    with services.database.read() as conn:
        assert conn.execute(select(func.count()).where(inbox.c.state == "handled")).scalar_one() == number
    assert [item.account for item in replay(services) if item.differs] == []
    assert [item.flaw for item in audit.verify(services) if item.flaw] == []
