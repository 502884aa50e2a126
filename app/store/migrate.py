"""Bring a database to the shape that this code expects."""

from app.store.database import Database


def upgrade(database: Database) -> None:
    """Apply every migration that is missing; safe to call from several processes at once."""
    raise NotImplementedError


def current(database: Database) -> str | None:
    """Return the revision that the database is at; None before the first."""
    raise NotImplementedError


def head() -> str:
    """Return the newest revision."""
    raise NotImplementedError
