"""Sums of all processes' counters: one row for each sample, under the metric's own name."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.tables import tallies

_ALL = select(tallies.c.sample, tallies.c.value)
_ADD = "ON CONFLICT (sample) DO UPDATE SET value = tallies.value + excluded.value"


def add(tx: Connection, grown: Sequence[tuple[str, float]]) -> None:
    """Add to each sample; give them in the order of their names, so that two processes never wait for each other."""
    bulk.insert(tx, tallies, ("sample", "value"), grown, conflict=_ADD)


def all(conn: Connection) -> dict[str, float]:  # noqa: A001
    """Return every sample."""
    return {row.sample: row.value for row in conn.execute(_ALL)}
