"""Migrations: bring a database to the schema of this version."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from kulanz.errors import RefusedError
from kulanz.store.database import Connection, Database

OWNERS = "0013"
"""The revision that introduced one owner for every purchase."""
_ONE_AT_A_TIME = 0x6B756C61


def upgrade(database: Database) -> None:
    """Apply all missing migrations, all or none; safe to call from several processes at once."""
    reach(database, head())


def reach(database: Database, revision: str) -> None:
    """Migrate up or down to a revision; RefusedError for an unknown one."""
    at, known = current(database), revisions()
    for each in (revision, at):
        if each is not None and each not in known:
            raise RefusedError(f"revision {each} of the database is of a newer version of Kulanz")
    if at is not None and known.index(at) > known.index(revision):
        downgrade(database, revision)
    elif at != revision:
        with database.write() as tx:
            _keep_others_out(tx)
            command.upgrade(_config(tx), revision)


def downgrade(database: Database, revision: str) -> None:
    """Downgrade to a revision, `base` for an empty database. The data of the removed columns is lost."""
    with database.write() as tx:
        _keep_others_out(tx)
        command.downgrade(_config(tx), revision)


def current(database: Database) -> str | None:
    """Return the database's revision; None before the first."""
    with database.read() as conn:
        return MigrationContext.configure(conn).get_current_revision()


def head() -> str:
    """Return the newest revision."""
    revision = ScriptDirectory.from_config(_config(None)).get_current_head()
    if revision is None:
        raise LookupError("the installation has no migrations")
    return revision


def revisions() -> list[str]:
    """Return the revisions, oldest first."""
    scripts = ScriptDirectory.from_config(_config(None))
    return [script.revision for script in scripts.walk_revisions()][::-1]


def _keep_others_out(tx: Connection) -> None:
    """Wait for another migration; it may take longer than other statements."""
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql("SET LOCAL statement_timeout = 0")
        tx.exec_driver_sql("SET LOCAL lock_timeout = 0")
        tx.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})")


def _config(tx: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = tx
    return config
