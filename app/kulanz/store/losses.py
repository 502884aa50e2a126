"""Accounts that lost access within the last hour, counted by all workers together."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.prepared import Prepared
from kulanz.store.tables import Instant, losses

DUNNING = "dunning"
EXPIRED = "expired"
"""The provider ended the subscription of an account in good standing."""
_ONE_AT_A_TIME = 0x6B756C63
_COUNT = Prepared(
    select(func.count())
    .select_from(losses)
    .where(losses.c.cause == bindparam("cause"), losses.c.at >= bindparam("since", type_=Instant))
)
_FORGET = delete(losses).where(losses.c.cause == bindparam("cause_"), losses.c.at < bindparam("before", type_=Instant))
_AGAIN = "ON CONFLICT (cause, account) DO UPDATE SET at = excluded.at"


def lock(tx: Connection) -> None:
    """Keep other workers from counting until `tx` ends. SQLite has one writer anyway."""
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})")


def count(tx: Connection, cause: str, since: datetime) -> int:
    """Return the number of accounts that lost access by a cause at or after a given time."""
    number: int = _COUNT.scalar(tx, cause=cause, since=since)
    return number


def add(tx: Connection, cause: str, accounts: Collection[str], at: datetime, since: datetime) -> None:
    """Record accounts that lost access now, and delete those of before `since`."""
    tx.execute(_FORGET, {"cause_": cause, "before": since})
    rows = [(cause, account, at) for account in sorted(accounts)]
    bulk.insert(tx, losses, ("cause", "account", "at"), rows, conflict=_AGAIN)
