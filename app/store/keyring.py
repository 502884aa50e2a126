"""Wrapped keys that belong to the whole installation."""

from collections.abc import Callable

from app.store.database import Database


class Keyring:
    """The stored keys by name: what `app.vault.Vault` takes its index key from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def wrapped(self, name: str, new: Callable[[], bytes]) -> bytes:
        """Return the wrapped key of that name, making it the first time; every process gets the same one."""
        raise NotImplementedError
