"""Encryption keys are changed online; without them a copy of the database shows nobody's mail address."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from kulanz import pipeline
from kulanz.commands import execute
from kulanz.commands.commands import EraseAccount
from kulanz.config import Settings
from kulanz.crypto import places
from kulanz.crypto.vault import Vault
from kulanz.errors import UnreadableError
from kulanz.privacy import audit, erasure, rotation
from kulanz.queries.replay.replay import replay
from kulanz.services import Services, build
from kulanz.store import archive, inbox, outbox, tables
from kulanz.store.spool import Spool
from tests.days import product
from tests.lemonsqueezy import MONDAY, subscription_created, subscription_payment_failed
from tests.workers.instance import an_unpaid_account, receive

OLD, NEW = os.urandom(32), os.urandom(32)
MAIL = b"anne@bakery.example"
DAY = timedelta(days=1)


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(
        data_dir=tmp_path,
        database_url=database_url,
        encryption_keys=(OLD,),
        test_clock=True,
        lemonsqueezy_mode="any",
        callback_url="http://127.0.0.1:9/nobody",
        callback_secret="whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0",
        ops_alert_to="ops@shop.example",
    )


@pytest.fixture
def old(settings: Settings) -> Iterator[Services]:
    """A year of a shop under one key: accounts, an erased one, an event that waits, alerts, callbacks on the way."""
    with product(settings, at=MONDAY) as services:
        for number in range(1, 40, 5):
            an_unpaid_account(services, number)
        pipeline.process(services)
        services.clock.set(MONDAY + 8 * DAY)
        pipeline.process(services)
        execute.command(services, "org_1", EraseAccount(reason="Art. 17"), "anna")
        receive(services, subscription_payment_failed(account=None, subscription=900, invoice=901))
        pipeline.process(services)
        receive(services, subscription_created(account="org_99", subscription=990, customer=991))
        yield services


def under(services: Services, *keys: bytes) -> Services:
    return build(replace(services.settings, encryption_keys=keys))


def test_the_old_key_protects_everything_before_and_nothing_after(old: Services) -> None:
    both = under(old, NEW, OLD)

    before = rotation.status(both)
    moved: list[int] = []
    done = rotation.rotate(both, moved.append, batch=3)
    after = rotation.status(both)

    assert not before.keys[1].safe_to_retire
    assert set(before.keys[1].protects) == {
        "data keys of accounts",
        "keys of archived records",
        "keys of the installation",
        "events of no account yet",
        "effects of no account",
    }
    assert done == sum(moved) == before.to_do > 15
    assert after.to_do == 0
    assert after.keys[1].safe_to_retire
    assert not after.keys[0].safe_to_retire
    assert after.lost == {}
    both.close()


def test_with_the_new_key_alone_everything_is_as_it_was(old: Services) -> None:
    both = under(old, NEW, OLD)
    rotation.rotate(both, lambda _: None, batch=4)

    alone = under(old, NEW)

    assert [item.account for item in replay(alone) if item.differs] == []
    assert [item.flaw for item in audit.verify(alone) if item.flaw] == []
    assert alone.vault.signer.public == old.vault.signer.public
    assert alone.vault.fingerprint("mail:x") == old.vault.fingerprint("mail:x")
    with alone.database.read() as conn:
        waiting = inbox.listing(conn, "waiting", None, 10)
        assert [
            alone.vault.open(event.body, places.event(event.provider, event.delivery_key))[:1] for event in waiting
        ] == [b"{"]
        (kept,) = archive.of_account(conn, "org_1")
        assert erasure.opened(alone.vault, kept)
        on_the_way = [row for row in outbox.listing(conn, "pending", limit=500) if alone.vault.has_sealed(row.payload)]
        assert on_the_way
        assert all(alone.vault.open(effect.payload, places.effect(effect.account, effect.id)) for effect in on_the_way)
    assert pipeline.process(alone).events == 1
    both.close()
    alone.close()


def test_a_rotation_that_was_stopped_goes_on_where_it_was(old: Services) -> None:
    both = under(old, NEW, OLD)
    total = rotation.status(both).to_do

    class KilledError(Exception):
        pass

    def dies(number: int) -> None:
        raise KilledError

    with pytest.raises(KilledError):
        rotation.rotate(both, dies, batch=3)
    assert rotation.status(both).to_do == total - 3
    assert not rotation.status(both).keys[1].safe_to_retire

    assert rotation.rotate(both, lambda _: None) == total - 3
    assert rotation.rotate(both, lambda _: None) == 0
    both.close()


def test_work_goes_on_between_the_batches(old: Services) -> None:
    both = under(old, NEW, OLD)
    numbers = iter(range(1000, 2000, 5))

    def goes_on(_: int) -> None:
        an_unpaid_account(both, next(numbers))
        pipeline.process(both)

    rotation.rotate(both, goes_on, batch=3)
    rotation.rotate(both, lambda _: None)

    assert rotation.status(both).to_do == 0
    assert [replay_result.account for replay_result in replay(both) if replay_result.differs] == []
    both.close()


def test_a_key_that_still_protects_one_thing_is_not_safe_to_retire(old: Services) -> None:
    both = under(old, NEW, OLD)
    rotation.rotate(both, lambda _: None)
    late = under(old, OLD, NEW)
    receive(late, subscription_created(account="org_98", subscription=980, customer=981))

    rotation_status = rotation.status(both)

    assert rotation_status.keys[1].protects == {"events of no account yet": 1}
    assert not rotation_status.keys[1].safe_to_retire
    both.close()
    late.close()


def test_deliveries_that_wait_in_the_spool_keep_the_old_key(old: Services, tmp_path: Path) -> None:
    both = under(old, NEW, OLD)
    rotation.rotate(both, lambda _: None)
    spool = Spool(tmp_path / "spool", 1024 * 1024)
    spool.append([old.vault.seal(b"a delivery", places.SPOOL)])
    spool.close()

    spooled = rotation.status(both).keys[1]

    assert list(spooled.protects) == ["bytes in the spool"]
    assert not spooled.safe_to_retire
    both.close()


def test_what_no_key_opens_is_named_and_left_alone(old: Services) -> None:
    stranger = under(old, NEW)

    rotation_status = rotation.status(stranger)

    assert sum(rotation_status.lost.values()) > 15
    assert rotation.rotate(stranger, lambda _: None) == 0
    with pytest.raises(UnreadableError), stranger.database.read() as conn:
        Vault([NEW]).open(next(iter(conn.execute(select(tables.effects.c.payload)).scalars())), b"")
    stranger.close()


def test_a_copy_of_the_database_without_keys_shows_no_mail_address(old: Services) -> None:
    assert MAIL not in everything(old)
    assert b"anne" not in everything(old)


def test_after_an_erasure_not_even_the_sealed_bytes_are_left(old: Services) -> None:
    with old.database.read() as conn:
        (wrapped,) = conn.execute(select(tables.accounts.c.key).where(tables.accounts.c.id == "org_6")).scalars()
        bodies = list(conn.execute(select(tables.inbox.c.body).where(tables.inbox.c.account == "org_6")).scalars())
    assert bytes(wrapped) in files(old) or old.database.dialect == "postgresql"

    execute.command(old, "org_6", EraseAccount(reason="Art. 17"), "anna")
    old.database.scrub()

    left = files(old)
    assert bytes(wrapped) not in left
    assert not [body for body in bodies if bytes(body) in left]


def everything(services: Services) -> bytes:
    """What whoever steals the database holds: its files, or every value of every table."""
    if services.database.dialect == "sqlite":
        return files(services)
    with services.database.read() as conn:
        rows = [row for table in tables.metadata.sorted_tables for row in conn.execute(select(table))]
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)


def files(services: Services) -> bytes:
    """The database's files with its log; of PostgreSQL every value."""
    if services.database.dialect == "postgresql":
        return everything(services)
    path = services.settings.database_url.removeprefix("sqlite:///")
    return b"".join(Path(path + end).read_bytes() for end in ("", "-wal") if Path(path + end).exists())
