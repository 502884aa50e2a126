"""The moments at which the policy looks again."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from app.store.database import Connection


class TimerRow(msgspec.Struct, frozen=True):
    """One timer; an account has at most one of a kind for a subject."""

    account: str
    kind: str
    subject: str
    due_at: datetime


def replace(tx: Connection, wanted: Mapping[str, Sequence[TimerRow]]) -> None:
    """Make the timers of each account exactly these, writing only what differs."""
    raise NotImplementedError


def due(tx: Connection, now: datetime, limit: int) -> list[TimerRow]:
    """Return timers that are due, oldest first; the accounts are yet to be locked, and the timers looked at again."""
    raise NotImplementedError


def next_due(conn: Connection) -> datetime | None:
    """Return when the next timer is due."""
    raise NotImplementedError


def of_account(conn: Connection, account: str) -> list[TimerRow]:
    """Return the timers of an account in the order of their times."""
    raise NotImplementedError
