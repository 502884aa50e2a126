"""Connections of discarded pools: each is closed when it is returned."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

_POOL = "pool"


class Disposal:
    """Counts the pools of one database. SQLAlchemy would leave such a connection open until it is collected."""

    def __init__(self) -> None:
        self._pools = 0

    def watch(self, engine: Engine) -> None:
        """Close a returned connection whose pool no longer exists."""
        event.listen(engine, "connect", self._note_the_pool)
        event.listen(engine, "checkin", self._close_if_late)

    def dispose(self, *engines: Engine) -> None:
        """Close every idle connection now, and those in use when they are given back."""
        self._pools += 1
        for engine in engines:
            engine.dispose()

    def _note_the_pool(self, _connection: Any, record: Any) -> None:
        record.info[_POOL] = self._pools

    def _close_if_late(self, _connection: Any, record: Any) -> None:
        if record.info.get(_POOL) != self._pools:
            record.invalidate()
