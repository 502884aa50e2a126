"""Small named values that every process shares: the test clock, the brake, when a part was last seen."""

from typing import Any

from app.store.database import Connection


def get(tx: Connection, name: str) -> Any:
    """Return a value as it was put, or None."""
    raise NotImplementedError


def put(tx: Connection, name: str, value: Any) -> None:
    """Keep a JSON-ready value under a name; None takes it away."""
    raise NotImplementedError
