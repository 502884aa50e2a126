"""Which account a provider's object belongs to; keys like `lemonsqueezy:customer:3083767`."""

from collections.abc import Collection, Mapping

from app.store.database import Connection


def find(tx: Connection, keys: Collection[str]) -> dict[str, str]:
    """Return the account of every key that has one."""
    raise NotImplementedError


def bind(tx: Connection, pairs: Mapping[str, str]) -> None:
    """Bind keys to accounts; a key that is bound already stays where it is."""
    raise NotImplementedError


def move(tx: Connection, old: str, new: str) -> int:
    """Give everything that is bound to one account to another."""
    raise NotImplementedError
