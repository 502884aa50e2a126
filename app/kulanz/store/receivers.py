"""Reports of each receiver about its spool, where deliveries lie while the database is away."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import msgspec
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.engine import Connection

from kulanz.store import bulk, shared_values
from kulanz.store.bulk import among
from kulanz.store.prepared import Prepared
from kulanz.store.tables import Instant, receivers

REPORTS_WITHIN = timedelta(seconds=3)
"""Maximum age of a report; receivers report every second."""
FORGOTTEN_AFTER = timedelta(hours=1)
"""Grace period before an outage: the report of a receiver last seen earlier than this is not waited for."""


class ReceiverRow(msgspec.Struct, frozen=True):
    """A spool, as last reported by its receiver."""

    id: str
    seen_at: datetime
    empty_since: datetime | None
    missed_since: datetime | None
    """Since when dunning has missed the report that the spool is empty."""
    answered: str | None
    """The question that the report answers; empty for none, None for a receiver of an earlier version."""


_QUESTION = "spool_question"

_COLUMNS = ReceiverRow.__struct_fields__
_ROW = select(*(receivers.c[name] for name in _COLUMNS))
_ONE = Prepared(_ROW.where(receivers.c.id == bindparam("receiver")))
_ALL = Prepared(_ROW)
_DROP = delete(receivers).where(receivers.c.id == bindparam("receiver"))
_FORGET = delete(receivers).where(receivers.c.seen_at < bindparam("before", type_=Instant))
_MISS = (
    update(receivers)
    .where(among(receivers.c.id, "silent"), receivers.c.missed_since.is_(None))
    .values(missed_since=bindparam("at", type_=Instant))
)
_AGAIN = """ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, empty_since = excluded.empty_since,
    missed_since = excluded.missed_since, answered = excluded.answered"""


def report(tx: Connection, receiver: str, now_real: datetime, is_empty: Callable[[], bool]) -> bool:
    """Record a receiver's report of its spool; delete receivers that were not seen in the last hour.

    The spool is checked after the question is read, so the answer is newer than the question by causality. Returns
    whether a question is answered for the first time.
    """
    question = shared_values.get(tx, _QUESTION) or ""
    empty = is_empty()
    before = next((ReceiverRow(*row) for row in _ONE.rows(tx, receiver=receiver)), None)
    since = (before.empty_since if before else None) or now_real
    missed = before.missed_since if before and not empty else None
    row = (receiver, now_real, since if empty else None, missed, question)
    bulk.insert(tx, receivers, _COLUMNS, [row], conflict=_AGAIN)
    if before is not None:
        tx.execute(_FORGET, {"before": before.seen_at - FORGOTTEN_AFTER})
    return empty and bool(question) and (before is None or before.answered != question)


def ask(tx: Connection) -> str:
    """Ask every receiver whether its spool is empty, and return the question."""
    question = uuid4().hex
    shared_values.put(tx, _QUESTION, question)
    return question


def known(conn: Connection) -> list[ReceiverRow]:
    """Return every receiver with an expected report."""
    return [ReceiverRow(*row) for row in _ALL.rows(conn)]


def leave(tx: Connection, receiver: str) -> None:
    """Expect no report of a receiver any more: it has ended, and its spool is empty."""
    tx.execute(_DROP, {"receiver": receiver})


def is_silent(row: ReceiverRow, now_real: datetime) -> bool:
    """Whether a receiver has not just reported an empty spool."""
    return row.empty_since is None or row.seen_at < now_real - REPORTS_WITHIN


def miss(tx: Connection, silent: list[str], now_real: datetime) -> None:
    """Note since when the reports of these receivers have been missed."""
    tx.execute(_MISS, {"silent": silent, "at": now_real})
