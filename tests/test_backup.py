"""A backup holds everything but the keys, and comes back on either database; what was waiting is held."""

from __future__ import annotations

import os
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import inspect, select, update

from kulanz import pipeline
from kulanz.errors import ConfigurationError, RefusedError, UnreadableError
from kulanz.ingest.receiver import Receiver
from kulanz.privacy import after_restore, audit, backup, ledger_head
from kulanz.queries.replay.replay import replay
from kulanz.services import Services, build
from kulanz.store import dump, migrate, outbox, tables
from kulanz.store.database import Database
from kulanz.store.spool import Spool
from tests.cli.conftest import Kulanz, kulanz
from tests.days import days_go_by, settings_of, settle
from tests.lemonsqueezy import MONDAY, delivery, subscription_created, subscription_payment_success
from tests.retelling import Retelling
from tests.servers import PostgreSQL
from tests.workers.instance import an_unpaid_account, receive

__all__ = ["kulanz"]
ORG = "org_1"


def much_that_waits(services: Services) -> None:
    for number in (1, 5):
        an_unpaid_account(services, number)
    days_go_by(services, 3)
    receive(services, subscription_payment_success(account=None, subscription=1, customer=2, invoice=3))
    an_unpaid_account(services, 13)
    for day in (4, 8):
        services.clock.set(MONDAY + timedelta(days=day))
        pipeline.process(services)
    away = replace(services, database=Database("sqlite:////proc/nowhere/kulanz.db"))
    with closing(Receiver(away)) as receiver:
        body, headers = delivery(subscription_created(account="org_9", subscription=9, customer=10))
        assert receiver.accept("lemonsqueezy", headers, body).status == 200


@pytest.fixture
def services(tmp_path: Path, database_url: str, retelling: Retelling) -> Iterator[Services]:
    """Two accounts, outgoing actions that wait, and a delivery in the spool."""
    settings = settings_of(tmp_path, database_url, test_clock=True, spool=1)
    with retelling.told(settings, much_that_waits, at=MONDAY) as (services, _):
        yield services


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(
    request: pytest.FixtureRequest, tmp_path: Path, postgresql: PostgreSQL, services: Services
) -> Iterator[Services]:
    """The same settings on another host, with a database that has no tables yet."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    if request.param == "sqlite":
        opened = build(replace(services.settings, data_dir=folder, database_url=f"sqlite:///{folder}/kulanz.db"))
        yield opened
        opened.close()
        return
    with postgresql.a_database() as url:
        opened = build(replace(services.settings, data_dir=folder, database_url=url))
        yield opened
        opened.close()


def everything(services: Services) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but those that a restore writes itself."""
    with services.database.read() as conn:
        return {
            table.name: sorted((tuple(row) for row in conn.execute(select(table))), key=repr)
            for table in tables.metadata.sorted_tables
            if table.name not in {"acts", "effects"}
        }


def test_what_was_backed_up_comes_back_whole_on_either_database(
    services: Services, elsewhere: Services, tmp_path: Path
) -> None:
    file = tmp_path / "monday.kulanz"
    before = everything(services)

    written = backup.write(services, file)
    restored = backup.restore(elsewhere, file, actor="anna")

    assert restored == written
    assert everything(elsewhere) == before
    assert [result.differs for result in replay(elsewhere) if result.differs] == []
    known = ledger_head.parse(zipfile.ZipFile(file).read(backup.HEAD), file)
    assert [result for result in audit.verify(elsewhere, None, known) if result.flaw] == []


def test_after_a_restore_work_goes_on_with_the_spool_and_new_numbers(
    services: Services, elsewhere: Services, tmp_path: Path
) -> None:
    backup.write(services, tmp_path / "monday.kulanz")
    backup.restore(elsewhere, tmp_path / "monday.kulanz", actor="anna")

    with closing(Receiver(elsewhere)) as receiver:
        receiver.begin()
        deadline = time.monotonic() + 20
        while Spool(elsewhere.settings.data_dir / "spool", 1).size():
            assert time.monotonic() < deadline
            time.sleep(0.02)
    receive(elsewhere, subscription_created(account="org_7", subscription=70, customer=71))
    settle(elsewhere)

    assert {result.account for result in audit.verify(elsewhere)} == {ORG, "org_5", "org_7", "org_9", "org_13"}
    assert [result for result in audit.verify(elsewhere) if result.flaw] == []


def test_what_was_waiting_is_held_until_a_person_releases_it(
    services: Services, elsewhere: Services, tmp_path: Path
) -> None:
    with services.database.read() as conn:
        waiting = {row.id for row in outbox.listing(conn, "pending", limit=500)}
    backup.write(services, tmp_path / "monday.kulanz")

    backup.restore(elsewhere, tmp_path / "monday.kulanz", actor="anna")
    pipeline.deliver(elsewhere)

    with elsewhere.database.read() as conn:
        held = {row.id: row.error for row in outbox.listing(conn, "parked", limit=500)}
    assert waiting
    assert {ident for ident, reason in held.items() if reason == after_restore.HELD} == waiting


def test_a_backup_holds_no_key_and_nothing_personal(services: Services, tmp_path: Path) -> None:
    file = tmp_path / "monday.kulanz"
    backup.write(services, file)

    with zipfile.ZipFile(file) as members:
        contents = b"".join(members.read(name) for name in members.namelist())

    assert services.settings.encryption_keys[0] not in contents
    assert b"anne@bakery.example" not in contents
    assert file.stat().st_mode & 0o077 == 0


def test_without_its_keys_a_backup_is_refused_by_their_ids(services: Services, tmp_path: Path) -> None:
    file = tmp_path / "monday.kulanz"
    manifest = backup.write(services, file)
    stranger = build(
        replace(
            services.settings,
            data_dir=tmp_path / "stranger",
            database_url=f"sqlite:///{tmp_path}/stranger.db",
            encryption_keys=(os.urandom(32),),
        )
    )

    with pytest.raises(ConfigurationError) as refused:
        backup.restore(stranger, file, actor="anna")

    assert manifest.keys[0] in refused.value.problems[0]
    stranger.close()


def test_a_database_that_is_not_empty_is_left_alone(services: Services, elsewhere: Services, tmp_path: Path) -> None:
    backup.write(services, tmp_path / "monday.kulanz")
    migrate.upgrade(elsewhere.database)
    receive(elsewhere, subscription_created(account="org_7", subscription=70, customer=71))

    with pytest.raises(RefusedError, match="database is not empty"):
        backup.restore(elsewhere, tmp_path / "monday.kulanz", actor="anna")


def test_deliveries_that_wait_in_the_spool_are_left_alone(services: Services, tmp_path: Path) -> None:
    backup.write(services, tmp_path / "monday.kulanz")
    beside = build(replace(services.settings, database_url=f"sqlite:///{tmp_path}/beside.db"))

    with pytest.raises(RefusedError, match="spool is not empty"):
        backup.restore(beside, tmp_path / "monday.kulanz", actor="anna")

    beside.close()


def test_a_list_of_contents_that_was_changed_to_fit_is_refused(services: Services, tmp_path: Path) -> None:
    file = tmp_path / "monday.kulanz"
    manifest = backup.write(services, file)
    forged = msgspec.structs.replace(manifest, accounts=manifest.accounts - 1)
    with zipfile.ZipFile(file) as members:
        signature = members.read(backup.SIGNATURE)

    changed = with_members(
        file, {backup.MANIFEST: msgspec.json.encode(forged, order="sorted"), backup.SIGNATURE: signature}
    )

    with pytest.raises(UnreadableError, match="not as it was signed"):
        backup.read(changed)


@pytest.mark.parametrize("member", ["tables/accounts", "tables/decisions", "manifest.json", "ledger.head"])
def test_a_backup_in_which_a_byte_was_changed_is_refused(services: Services, tmp_path: Path, member: str) -> None:
    file, changed = tmp_path / "monday.kulanz", tmp_path / "changed.kulanz"
    backup.write(services, file)
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            data = bytearray(old.read(name))
            data[len(data) // 2] ^= name == member
            new.writestr(name, bytes(data))

    with pytest.raises(UnreadableError):
        backup.read(changed)


def test_a_drill_finds_a_ledger_that_was_not_whole_when_it_was_backed_up(services: Services, tmp_path: Path) -> None:
    with services.database.write() as tx:
        tx.execute(update(tables.accounts).where(tables.accounts.c.id == ORG).values(plan="enterprise"))
    backup.write(services, tmp_path / "monday.kulanz")

    with pytest.raises(RefusedError, match="org_1: forged"):
        backup.drill(services, tmp_path / "monday.kulanz")

    assert sorted(path.name for path in tmp_path.glob(".kulanz-drill-*")) == []


def test_a_backup_of_an_earlier_shape_is_restored_and_migrated(
    services: Services, elsewhere: Services, tmp_path: Path
) -> None:
    backup.write(services, tmp_path / "monday.kulanz")
    former = migrate.revisions()[-2]

    restored = backup.restore(elsewhere, of_shape(services, tmp_path / "monday.kulanz", former), actor="anna")

    assert restored.revision == former
    assert migrate.current(elsewhere.database) == migrate.head()
    assert {result.account for result in audit.verify(elsewhere)} >= {ORG, "org_5", "org_13"}


def test_a_backup_of_a_newer_version_is_refused(services: Services, tmp_path: Path) -> None:
    elder = build(replace(services.settings, data_dir=tmp_path / "e", database_url=f"sqlite:///{tmp_path}/elder.db"))

    with pytest.raises(RefusedError, match="newer version"):
        migrate.reach(elder.database, "9999")

    elder.close()


def of_shape(services: Services, file: Path, revision: str) -> Path:
    """Return a copy of a backup as the version with an earlier shape would have written it."""
    with tempfile.TemporaryDirectory() as folder:
        former = Database(f"sqlite:///{folder}/former.db")
        migrate.reach(former, revision)
        with former.read() as conn:
            inspector = inspect(conn)
            shape = {
                name: {each["name"] for each in inspector.get_columns(name)} for name in inspector.get_table_names()
            }
        former.dispose()
    manifest = backup.read(file)
    members: dict[str, bytes] = {}
    with zipfile.ZipFile(file) as old:
        for name in manifest.tables.keys() & shape:
            columns, *rows = dump.read([old.read(f"tables/{name}")])
            kept = [place for place, column in enumerate(columns) if column in shape[name]]
            members[f"tables/{name}"] = b"".join(
                len(data).to_bytes(4) + data
                for data in (msgspec.msgpack.encode([values[place] for place in kept]) for values in (columns, *rows))
            )
    digests = manifest.digests | {name: sha256(data).hexdigest() for name, data in members.items()}
    gone = {f"tables/{name}" for name in manifest.tables.keys() - shape}
    earlier = msgspec.structs.replace(
        manifest,
        revision=revision,
        tables={name: number for name, number in manifest.tables.items() if name in shape},
        digests={name: digest for name, digest in digests.items() if name not in gone},
    )
    line = msgspec.json.encode(earlier, order="sorted")
    signature = services.vault.signer.sign(b"kulanz backup 1\n" + line).hex().encode()
    return with_members(file, members | {backup.MANIFEST: line, backup.SIGNATURE: signature})


def with_members(file: Path, members: dict[str, bytes]) -> Path:
    """Return a copy of a backup in which some members are others."""
    changed = file.with_name("changed.kulanz")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            new.writestr(name, members.get(name, old.read(name)))
    return changed


def test_the_commands_write_a_backup_try_it_and_restore_it(kulanz: Kulanz, sqlite_url: str, tmp_path: Path) -> None:
    with kulanz.services(sqlite_url, at=MONDAY) as services:
        for number in (1, 5):
            an_unpaid_account(services, number)
        settle(services)
    file = tmp_path / "monday.kulanz"

    written = kulanz("backup", str(file), "--json").document
    again = kulanz("backup", str(file))
    elsewhere = {"DATABASE_URL": f"sqlite:///{tmp_path}/new.db", "KULANZ_DATA_DIR": str(tmp_path / "new")}
    tried = kulanz("restore", str(file), "--dry-run", "--json", **elsewhere)
    assert (tried.code, tried.document["accounts"], tried.document["dry_run"]) == (0, 2, True)
    assert not Path(elsewhere["DATABASE_URL"].removeprefix("sqlite:///")).exists()
    unasked = kulanz("restore", str(file), **elsewhere)
    restored = kulanz("restore", str(file), "--yes", "--json", **elsewhere)

    assert (written["accounts"], written["drill"]) == (2, True)
    assert (again.code, "is there already" in again.err) == (1, True)
    assert unasked.code == 1
    assert (restored.code, restored.document["accounts"]) == (0, 2)
    assert kulanz("ledger", "verify", **elsewhere).code == 0
    assert kulanz("account", "show", "org_1", **elsewhere).code == 0
