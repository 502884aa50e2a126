"""Real databases, fresh for every test, and a real Redis; the servers live as long as the test session."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from hypothesis import HealthCheck, settings

from kulanz.store import migrate
from kulanz.store.database import Database
from kulanz.store.tables import metadata
from tests.memory import in_memory
from tests.retelling import Retelling
from tests.servers import PostgreSQL, Sweeper, a_pgbouncer, a_postgresql, a_redis

# Hundreds of processes start while the tests run: where bytecode is not kept, each compiles the whole project again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# No test of this folder is about what a disk keeps when its power fails.
if (memory := in_memory()) is not None:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", memory)

# A busy machine is no reason for a property to fail. `--hypothesis-profile thorough` tries every property more often.
settings.register_profile("kulanz", max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("kulanz"), max_examples=200)
settings.load_profile("kulanz")


HERE = Path(__file__).parent
ON_ONE_DATABASE = (
    *("cli", "console", "reconcile", "refunds", "web", "workers"),
    *("test_audit.py", "test_evidence.py", "test_mails_off.py", "test_recovery.py", "test_released.py"),
    *("test_silent_orders.py", "test_simulation.py", "test_todo.py", "test_tracing.py", "test_versions.py"),
    *("test_waits.py", "test_whole_ledger.py", "test_words_kept.py"),
)
"""Tests that `.ci/nightly` runs on PostgreSQL, and the README's command on SQLite only.

They are of what is above the store. The store has all the SQL, and its own tests always run on both.
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--second-database",
        action="store_true",
        help="Run on PostgreSQL what otherwise runs on SQLite only, and nothing else.",
    )
    parser.addoption(
        "--presets-on",
        choices=["sqlite", "postgresql", "pgbouncer"],
        default="sqlite",
        help="The database of the instances on which the stories of one preset each are told.",
    )


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Start two workers more than there are cores, if no number is given: many tests wait for other processes."""
    return None if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else (os.cpu_count() or 1) + 2


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave one database to `--second-database` where two say nothing more."""
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        (kept if _is_second(item) == config.getoption("--second-database") else left_out).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)


def _is_second(item: pytest.Item) -> bool:
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    on_postgresql = any(str(value).startswith("postgresql") for value in parameters)
    return on_postgresql and item.path.relative_to(HERE).parts[0] in ON_ONE_DATABASE


def pytest_collection_finish() -> None:
    """Leave what lasts as long as the session out of garbage collections: each would walk through every test."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A running PostgreSQL server."""
    with a_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def pgbouncer(postgresql: PostgreSQL) -> Iterator[str]:
    """What is added to a URL of that server so that it leads through a PgBouncer in transaction mode."""
    with a_pgbouncer(postgresql) as through:
        yield through


@pytest.fixture(scope="session")
def postgresql_template(postgresql: PostgreSQL) -> Iterator[str]:
    """The name of a migrated database that is only copied."""
    with postgresql.a_database() as url:
        database = Database(url)
        migrate.upgrade(database)
        database.dispose()
        yield urlsplit(url).path.removeprefix("/")


@pytest.fixture(scope="session")
def _sweeper(postgresql: PostgreSQL, postgresql_template: str) -> Iterator[Sweeper]:
    with postgresql.a_database(postgresql_template) as url, closing(Sweeper(url, metadata.tables)) as sweeper:
        yield sweeper


@pytest.fixture
def postgresql_url(_sweeper: Sweeper) -> Iterator[str]:
    """A migrated, empty PostgreSQL database; a test that changes its shape makes one with `postgresql.a_database`."""
    yield _sweeper.url
    _sweeper.sweep()


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = Database(f"sqlite:///{path}")
    migrate.upgrade(database)
    database.dispose()
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, _sqlite_template: Path) -> str:
    """A migrated SQLite database of the test's own."""
    path = tmp_path / "kulanz.db"
    shutil.copyfile(_sqlite_template, path)
    path.chmod(0o600)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """One migrated database after the other: the test runs on both."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The same, opened."""
    database = Database(database_url)
    yield database
    database.dispose()


@pytest.fixture(scope="session")
def retelling(tmp_path_factory: pytest.TempPathFactory) -> Retelling:
    """Give what a story left behind without telling it again."""
    return Retelling(tmp_path_factory.mktemp("told"))


@pytest.fixture(scope="session")
def _redis_server() -> Iterator[str]:
    with a_redis() as url:
        yield url


@pytest.fixture
def redis_url(_redis_server: str) -> str:
    """An empty Redis on a unix socket. A test that kills its Redis starts one with `tests.servers.a_redis`."""
    with redis.Redis.from_url(_redis_server) as client:
        client.flushall()
    return _redis_server
