"""Wrapped keys that belong to the whole installation."""

from collections.abc import Callable

from sqlalchemy import bindparam, select

from kulanz.store import bulk
from kulanz.store.database import Database
from kulanz.store.tables import keyring

_FIND = select(keyring.c.wrapped).where(keyring.c.name == bindparam("key"))
_ALL = select(keyring.c.name, keyring.c.wrapped)


class Keyring:
    """Stored keys by name, from which `kulanz.crypto.vault.Vault` takes its index key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def wrapped(self, name: str, new: Callable[[], bytes]) -> bytes:
        """Return the wrapped key of that name, making it the first time; every process gets the same one."""
        with self._database.read() as conn:
            value: bytes | None = conn.execute(_FIND, {"key": name}).scalar()
        return self._make(name, new()) if value is None else value

    def rewrap(self, rewrapped: Callable[[bytes], bytes]) -> None:
        """Wrap every key again, as after a rotation."""
        with self._database.write() as tx:
            rows = [(row.name, rewrapped(row.wrapped)) for row in tx.execute(_ALL)]
            bulk.update(tx, keyring, ("name", "wrapped"), rows)

    def _make(self, name: str, wrapped: bytes) -> bytes:
        with self._database.write() as tx:
            bulk.insert(tx, keyring, ("name", "wrapped"), [(name, wrapped)], conflict=bulk.ON_CONFLICT_DO_NOTHING)
            kept: bytes = tx.execute(_FIND, {"key": name}).scalar_one()
        return kept
