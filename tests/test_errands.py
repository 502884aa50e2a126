"""Carrying effects out after somebody died at it, on a real database and with a real mail server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app import orders, pipeline
from app.clock import real_now
from app.config import Settings
from app.services import Services, build
from app.store import outbox
from app.store.outbox import EffectRow
from tests.far_ends import Mailbox, a_mailbox


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with a_mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def services(database_url: str, tmp_path: Path, mailbox: Mailbox) -> Iterator[Services]:
    settings = Settings(
        data_dir=tmp_path,
        database_url=database_url,
        encryption_keys=(os.urandom(32),),
        smtp_url=mailbox.url,
        mail_from="billing@shop.example",
        ops_alert_to="ops@shop.example",
    )
    opened = build(settings)
    yield opened
    opened.close()


def leased_by_the_dead(services: Services) -> EffectRow:
    """A mail that somebody took, long enough ago, of whom nobody has heard since."""
    with services.database.write() as tx:
        orders.alert(services, tx, topic="event_parked", subject="evt_1")
    (row,) = outbox.lease(services.database, 10, real_now() + timedelta(seconds=1), -1)
    return row


def stored(services: Services, ident: str) -> EffectRow:
    with services.database.read() as conn:
        row = outbox.get(conn, ident)
    assert row is not None
    return row


def test_a_mail_that_a_dead_worker_had_only_taken_is_sent(services: Services, mailbox: Mailbox) -> None:
    row = leased_by_the_dead(services)

    pipeline.deliver(services)

    assert (stored(services, row.id).state, stored(services, row.id).attempts) == ("done", 1)
    assert mailbox.notices == ["ops_alert"]


def test_a_mail_that_a_dead_worker_had_begun_is_of_unknown_outcome(services: Services, mailbox: Mailbox) -> None:
    row = leased_by_the_dead(services)
    with services.database.write() as tx:
        outbox.begin(tx, row, real_now())

    pipeline.deliver(services)

    assert (stored(services, row.id).state, stored(services, row.id).attempts) == ("unknown", 1)
    assert mailbox.notices == []
