"""Transactions, durability, taking turns, and what an unreachable database is called."""

import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError, StatementError

from kulanz.errors import ConfigurationError, StorageUnavailableError
from kulanz.store import shared_values, tables
from kulanz.store.database import Connection, Database
from tests.servers import end_connections
from tests.store import processes
from tests.store.rows import NOW, an_event, recorded


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Database]:
    database = Database(sqlite_url)
    yield database
    database.dispose()


@pytest.fixture
def postgres(postgresql_url: str) -> Iterator[Database]:
    database = Database(postgresql_url)
    yield database
    database.dispose()


@pytest.mark.parametrize(("kind", "synchronous"), [("write", 2), ("relaxed", 1), ("read", 2)])
def test_sqlite_syncs_every_commit_but_a_relaxed_one(sqlite: Database, kind: str, synchronous: int) -> None:
    with getattr(sqlite, kind)() as tx:
        document = {
            name: tx.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("synchronous", "journal_mode", "foreign_keys", "secure_delete")
        }

    assert document == {"synchronous": synchronous, "journal_mode": "wal", "foreign_keys": 1, "secure_delete": 1}


def test_postgresql_syncs_every_commit_but_a_relaxed_one_whatever_the_role_prefers(postgres: Database) -> None:
    with postgres.write() as tx:
        tx.exec_driver_sql("ALTER ROLE postgres SET synchronous_commit = off")
    postgres.dispose()

    try:
        with postgres.write() as tx:
            assert tx.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        with postgres.relaxed() as tx:
            assert tx.exec_driver_sql("SHOW synchronous_commit").scalar() == "off"
        with postgres.write() as tx:
            assert tx.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    finally:
        with postgres.write() as tx:
            tx.exec_driver_sql("ALTER ROLE postgres RESET synchronous_commit")


@pytest.mark.parametrize(
    ("pool", "outside", "prepares"),
    [("", "1min", True), ("&pool=session", "1min", True), ("&pool=transaction", "0", False)],
)
def test_a_session_is_configured_unless_a_pooler_shares_it(
    postgresql_url: str, pool: str, outside: str, *, prepares: bool
) -> None:
    database = Database(postgresql_url + pool)

    for _ in range(10):
        with database.read() as tx:
            inside = tx.exec_driver_sql("SHOW statement_timeout").scalar()
            prepared = tx.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar_one()
            driver = tx.connection.driver_connection
    assert driver is not None
    shown = driver.execute("SHOW statement_timeout").fetchone()
    database.dispose()

    assert (inside, shown, prepared > 0) == ("1min", (outside,), prepares)


def test_every_file_of_the_database_is_private(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new.db'}")
    with database.write() as tx:
        tx.exec_driver_sql("CREATE TABLE t (x)")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}

    assert {"new.db", "new.db-wal", "new.db-shm"} <= modes.keys()
    assert set(modes.values()) == {0o600}
    database.dispose()


@pytest.mark.parametrize("kind", ["write", "relaxed", "read"])
def test_a_connection_in_use_when_its_database_is_disposed_of_is_closed_when_it_is_given_back(
    database: Database, kind: str
) -> None:
    with getattr(database, kind)() as before:
        driver = before.connection.driver_connection
        database.dispose()
        assert before.execute(select(1)).scalar() == 1

    with pytest.raises(Exception, match="closed"):
        driver.execute("SELECT 1")
    with getattr(database, kind)() as after:
        assert after.execute(select(1)).scalar() == 1


def test_an_instant_comes_back_aware_and_in_utc(database: Database) -> None:
    vienna = timezone(timedelta(hours=1))
    (event,) = recorded(database, an_event(received_at=datetime(2026, 3, 1, 15, 8, 20, 5, tzinfo=vienna)))

    with database.read() as conn:
        result = conn.execute(select(tables.inbox.c.received_at).where(tables.inbox.c.id == event)).scalar_one()

    assert result == datetime(2026, 3, 1, 14, 8, 20, 5, tzinfo=UTC)
    assert result.tzinfo is UTC


def test_a_naive_instant_is_refused(database: Database) -> None:
    naive = datetime(2026, 3, 1)  # noqa: DTZ001

    with pytest.raises(ValueError, match="without a time zone"):
        recorded(database, an_event(received_at=naive))
    with pytest.raises(StatementError, match="without a time zone"), database.read() as conn:
        conn.execute(select(tables.inbox.c.id).where(tables.inbox.c.received_at < naive))


def test_an_error_undoes_the_whole_transaction(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as tx:
        shared_values.put(tx, "a", 1 / (shared_values.put(tx, "b", 2) or 0))

    with database.read() as conn:
        assert shared_values.get(conn, "b") is None


def test_a_reader_is_not_kept_waiting_by_a_writer(database: Database) -> None:
    with database.write() as tx:
        shared_values.put(tx, "a", 1)

        begun = time.monotonic()
        with database.read() as conn:
            assert shared_values.get(conn, "a") is None
        assert time.monotonic() - begun < 1


def test_read_and_write_in_one_transaction_loses_no_update(sqlite_url: str, sqlite: Database) -> None:
    with processes.started(processes.count_up, sqlite_url, 50, copies=3) as (_, reports):
        assert [reports.get(timeout=60) for _ in range(3)] == ["done"] * 3

    with sqlite.read() as conn:
        assert shared_values.get(conn, "number") == 150


def test_another_process_that_closes_the_database_takes_no_later_commit_with_it(
    sqlite_url: str, sqlite: Database
) -> None:
    with sqlite.write() as tx:
        shared_values.put(tx, "first", True)
    with sqlite.read() as conn:  # A second connection of this process: it must not cost the first one its locks.
        assert shared_values.get(conn, "first")

    with processes.started(processes.write_and_close, sqlite_url, "third") as (_, reports):
        reports.get(timeout=30)
    with sqlite.write() as tx:
        shared_values.put(tx, "second", True)

    with processes.started(processes.write_and_close, sqlite_url, "third") as (_, reports):
        assert reports.get(timeout=30) == {"first", "second", "third"}


def test_a_writer_that_never_rests_does_not_starve_another_process(sqlite_url: str, sqlite: Database) -> None:
    with processes.started(processes.write_all_the_time, sqlite_url, 10.0) as (_, reports):
        reports.get(timeout=30)
        waits = []
        for number in range(20):
            begun = time.monotonic()
            with sqlite.write() as tx:
                shared_values.put(tx, "mine", number)
            waits.append(time.monotonic() - begun)

    assert sum(waits) / len(waits) < 0.5


def test_one_drain_at_a_time_on_sqlite(sqlite_url: str, sqlite: Database) -> None:
    other = Database(sqlite_url)

    with (
        sqlite.drain_lock(),
        pytest.raises(StorageUnavailableError, match="another process"),
        other.drain_lock(wait=0.05),
    ):
        pass
    with other.drain_lock(wait=0.05):
        pass


def test_drains_run_side_by_side_on_postgresql(postgresql_url: str, postgres: Database) -> None:
    with postgres.drain_lock(), Database(postgresql_url).drain_lock():
        pass


def test_a_killed_process_leaves_no_lock_behind(sqlite_url: str, sqlite: Database) -> None:
    recorded(sqlite, an_event())
    with processes.started(processes.die_at_work, sqlite_url, "w1", 10) as (_, reports):
        reports.get(timeout=30)

    with sqlite.drain_lock(wait=1), sqlite.write() as tx:
        shared_values.put(tx, "a", 1)


@pytest.mark.parametrize(
    "url",
    ["postgresql://postgres@127.0.0.1:1/none", "postgresql://postgres@/none?host=/nowhere", "sqlite:////nowhere/k.db"],
)
def test_an_unreachable_database_is_unavailable_at_once(url: str) -> None:
    database = Database(url)

    for kind in ("write", "relaxed", "read"):
        begun = time.monotonic()
        with pytest.raises(StorageUnavailableError), getattr(database, kind)():
            pass
        assert time.monotonic() - begun < 1


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "k.db"
    path.write_text("this is no database, whatever its name says\n" * 100)

    with pytest.raises(StorageUnavailableError, match="not a database"), Database(f"sqlite:///{path}").write():
        pass


def test_a_sqlite_that_somebody_else_keeps_locked_is_unavailable_in_the_end(sqlite_url: str, sqlite: Database) -> None:
    holder = Database(sqlite_url)

    with holder.write():
        begun = time.monotonic()
        with pytest.raises(StorageUnavailableError), sqlite.write():
            pass
        assert 3 < time.monotonic() - begun < 8
    holder.dispose()


def test_a_lost_connection_is_unavailable_once_and_then_made_anew(postgresql_url: str, postgres: Database) -> None:
    with pytest.raises(StorageUnavailableError), postgres.write() as tx:
        _written_without_a_server(tx, postgresql_url)

    with postgres.write() as tx:
        shared_values.put(tx, "a", 2)


def test_a_connection_that_died_while_it_lay_idle_is_made_anew(postgresql_url: str, postgres: Database) -> None:
    with postgres.write() as tx:
        shared_values.put(tx, "a", 1)
    _age_idle_connections(postgres)
    end_connections(postgresql_url)

    with postgres.write() as tx:
        shared_values.put(tx, "a", 2)


def test_a_pool_that_is_used_up_is_unavailable_in_the_end(postgres: Database) -> None:
    many = [postgres.read() for _ in range(15)]
    for each in many:
        each.__enter__()
    try:
        with pytest.raises(StorageUnavailableError, match="became free"), postgres.read():
            pass
    finally:
        for each in many:
            each.__exit__(None, None, None)


@pytest.mark.parametrize(
    "statement", ["SELECT * FROM not_yet", "SELECT not_yet FROM marks", "UPDATE marks SET not_yet = 1"]
)
def test_a_table_or_column_that_is_missing_names_its_remedy(database: Database, statement: str) -> None:
    with pytest.raises(StorageUnavailableError, match=r"not_yet.*: run `kulanz migrate`"), database.write() as tx:
        tx.exec_driver_sql(statement)


def test_a_role_without_rights_is_told_which_it_needs(postgres: Database) -> None:
    with pytest.raises(StorageUnavailableError, match="marks: let the role of DATABASE_URL"), postgres.write() as tx:
        _read_without_rights(tx)


def test_the_parameters_of_a_statement_are_in_no_error(database: Database) -> None:
    twice = [{"name": "a", "value": "of a person"}] * 2

    with pytest.raises(IntegrityError) as refused, database.write() as tx:
        tx.execute(insert(tables.marks), twice)

    assert "of a person" not in str(refused.value)


def test_a_mistake_of_the_program_keeps_its_name(database: Database) -> None:
    row = {"version": 1, "name": "p", "document": "", "sha256": "", "effective_from": NOW, "activated_at": NOW}

    with pytest.raises(IntegrityError), database.write() as tx:
        tx.execute(insert(tables.policies).values(**row))


@pytest.mark.parametrize(
    "url", ["mysql://x/y", "sqlite://", "sqlite:///:memory:", "nonsense", "", "postgresql://h/d?pool=statement"]
)
def test_another_kind_of_url_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL"):
        Database(url)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_usual_scheme_of_postgresql_is_understood(postgresql_url: str, scheme: str) -> None:
    database = Database(postgresql_url.replace("postgresql", scheme, 1))

    with database.read() as conn:
        assert conn.exec_driver_sql("SELECT 1").scalar() == 1
    assert database.dialect == "postgresql"
    database.dispose()


def test_many_threads_may_make_the_first_connection_to_a_new_file(tmp_path: Path) -> None:
    failures: list[Exception] = []

    def connect() -> None:
        database = Database(f"sqlite:///{tmp_path / 'new.db'}")
        try:
            with database.write() as tx:
                tx.exec_driver_sql("CREATE TABLE IF NOT EXISTS t (x)")
        except StorageUnavailableError as error:
            failures.append(error)
        database.dispose()

    threads = [Thread(target=connect) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


def _written_without_a_server(tx: Connection, url: str) -> None:
    end_connections(url)
    shared_values.put(tx, "a", 1)


def _read_without_rights(tx: Connection) -> None:
    tx.exec_driver_sql("SET LOCAL ROLE pg_monitor")
    shared_values.get(tx, "a")


def _age_idle_connections(database: Database) -> None:
    """Let the pool believe that its connections have lain idle for long."""
    with database.read() as conn:
        record = conn.connection._connection_record
    assert record is not None
    record.info["at"] -= 3600
