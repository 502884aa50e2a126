"""Migrations: the way up, the way down, and that they lead to what the code expects."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, NullPool, create_engine, inspect

from kulanz.runtime.request_note import RequestNote
from kulanz.store import migrate, outbox
from kulanz.store.database import Database
from kulanz.store.tables import metadata
from tests.servers import PostgreSQL
from tests.store.rows import NOW, an_effect


def test_a_migrated_database_has_exactly_the_tables_of_the_code(database_url: str) -> None:
    with _plainly(database_url) as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True})

        assert compare_metadata(context, metadata) == []


def test_a_migrated_database_has_the_same_indexes_as_one_made_from_the_code(
    database_url: str, tmp_path: Path, postgresql: PostgreSQL
) -> None:
    with postgresql.a_database() as empty_url:
        target = empty_url if "postgresql" in database_url else f"sqlite:///{tmp_path / 'made.db'}"
        expected = _shape_of_new(target)

    with _plainly(database_url) as migrated:
        assert _shape(migrated) == expected


def test_the_newest_revision_is_reached_and_a_second_upgrade_changes_nothing(database: Database) -> None:
    migrate.upgrade(database)

    assert migrate.current(database) == migrate.head()


def test_an_upgrade_can_be_taken_back(tmp_path: Path, postgresql: PostgreSQL) -> None:
    with postgresql.a_database() as url:
        for target in (url, f"sqlite:///{tmp_path / 'new.db'}"):
            database = Database(target)
            migrate.upgrade(database)

            migrate.downgrade(database, "base")

            assert migrate.current(database) is None
            migrate.upgrade(database)
            assert migrate.current(database) == migrate.head()
            database.dispose()


def test_several_processes_may_upgrade_at_once(tmp_path: Path, postgresql: PostgreSQL) -> None:
    with postgresql.a_database() as url:
        for target in (url, f"sqlite:///{tmp_path / 'new.db'}"):
            databases = [Database(target) for _ in range(4)]
            threads = [Thread(target=migrate.upgrade, args=(each,)) for each in databases]

            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

            assert {migrate.current(each) for each in databases} == {migrate.head()}
            for each in databases:
                each.dispose()


def _shape_of_new(url: str) -> dict[str, object]:
    with _plainly(url) as made:
        metadata.create_all(made)
        return _shape(made)


@contextmanager
def _plainly(url: str) -> Iterator[Connection]:
    """Connect without our own settings: SQLAlchemy reads PostgreSQL's catalogue as text only."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    with engine.begin() as conn:
        yield conn


def _shape(conn: object) -> dict[str, object]:
    inspector = inspect(conn)
    return {
        table: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)],
            inspector.get_pk_constraint(table)["constrained_columns"],
            sorted((i["name"], tuple(i["column_names"]), _options(i)) for i in inspector.get_indexes(table)),
        )
        for table in metadata.tables
    }


def _options(index: Any) -> str:
    return str({name: str(value) for name, value in index["dialect_options"].items()})


def test_a_version_before_goes_on_beside_the_newest(database_url: str, tmp_path: Path, postgresql: PostgreSQL) -> None:
    """An old worker still writes: what a migration adds must not be missed by it, and nothing that it uses may go."""
    with postgresql.a_database() as empty_url:
        database = Database(empty_url if "postgresql" in database_url else f"sqlite:///{tmp_path / 'old.db'}")
        migrate.upgrade(database)

        newer = _columns(database)
        for revision in [f"{number:04}" for number in range(int(migrate.head()) - 1, 0, -1)]:
            migrate.downgrade(database, revision)
            older = _columns(database)
            gone = older.keys() - newer.keys()
            missed = {name for name in newer.keys() - older.keys() if name[0] in _tables(older) and not newer[name]}
            assert (revision, gone, missed) == (revision, set(), set())
            newer = older
        database.dispose()


def test_a_refund_that_an_older_version_has_begun_is_noted_as_one_whose_sender_is_never_proved_gone(
    database_url: str, tmp_path: Path, postgresql: PostgreSQL
) -> None:
    with postgresql.a_database() as empty_url:
        database = Database(empty_url if "postgresql" in database_url else f"sqlite:///{tmp_path / 'old.db'}")
        migrate.upgrade(database)
        begun = an_effect("begun", kind="RefundPayment", begun_at=NOW)
        lost = an_effect("lost", kind="RefundPayment", error="the provider's answer was lost; it will be read")
        untouched = (an_effect("due", kind="RefundPayment"), an_effect("mail", kind="SendMail", begun_at=NOW))
        with database.write() as tx:
            outbox.add(tx, [begun, lost, *untouched])
        migrate.downgrade(database, "0010")

        migrate.upgrade(database)

        with database.read() as conn:
            notes = {row.id: row.request_note for row in outbox.listing(conn)}
        database.dispose()
    assert (notes.pop("due"), notes.pop("mail")) == (None, None)
    read = {name: RequestNote.read(note or "") for name, note in notes.items()}
    assert [note.process.is_gone for note in read.values()] == [False, False]
    assert read["begun"].at == NOW
    assert all(note.age(NOW + timedelta(days=1)) >= timedelta(days=1) for note in read.values())


def _columns(database: Database) -> dict[tuple[str, str], bool]:
    """Every column by its table and name, and whether a row may be written without it.

    SQLAlchemy takes a default of PostgreSQL 18's for a computed value.
    """
    with database.read() as conn:
        result = inspect(conn)
        return {
            (table, column["name"]): column["nullable"] or column["default"] is not None or "computed" in column
            for table in result.get_table_names()
            for column in result.get_columns(table)
        }


def _tables(columns: dict[tuple[str, str], bool]) -> set[str]:
    return {table for table, _ in columns}
