"""Rows to start a story with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

import msgspec
from sqlalchemy import update

from kulanz.store import inbox, ledger
from kulanz.store.database import Connection, Database
from kulanz.store.inbox import NewEvent, SettledEvent
from kulanz.store.ledger import DecisionRow
from kulanz.store.outbox import EffectRow
from kulanz.store.tables import accounts

NOW = datetime(2026, 3, 1, 14, 8, 20, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
_numbers = count()


def an_event(**changes: object) -> NewEvent:
    number = next(_numbers)
    event = NewEvent(
        provider="lemonsqueezy",
        name="subscription_updated",
        delivery_key=f"delivery {number}".encode(),
        content_key=f"content {number}".encode(),
        lane=number % 256,
        state="received",
        received_at=NOW,
        body=b"sealed",
        sha256=bytes(32),
    )
    return msgspec.structs.replace(event, **changes)


def recorded(database: Database, *events: NewEvent) -> list[int]:
    """Record events and give their ids."""
    with database.write() as tx:
        return [each.id for each in inbox.record(tx, events, NOW)]


def settled(database: Database, state: str, account: str | None, *ids: int, waits_for: str | None = None) -> None:
    with database.write() as tx:
        inbox.settle(tx, [SettledEvent(each, state, account, b"resealed", None, waits_for) for each in ids], NOW)


def an_effect(id_: str, **changes: object) -> EffectRow:
    effect = EffectRow(
        id=id_,
        account="org_1",
        kind="Notify",
        type="account.grace_started",
        subject="case",
        step=0,
        payload=os.urandom(20),
        state="pending",
        attempts=0,
        created_at=NOW,
        next_attempt_at=NOW,
    )
    return msgspec.structs.replace(effect, **changes)


def a_chain(account: str, length: int, rule: str = "dunning.grace_started") -> list[DecisionRow]:
    return list(_chained(account, length, rule))


def _chained(account: str, length: int, rule: str) -> Iterator[DecisionRow]:
    head = b""
    for seq in range(1, length + 1):
        row = DecisionRow(
            account=account,
            seq=seq,
            at=NOW + seq * SECOND,
            cause_kind="event",
            cause_ref=f"evt_{seq}",
            cause_name="subscription_payment_failed",
            rule=rule,
            clause="6.1",
            policy="plexo",
            policy_version=1,
            before={"standing": "good", "plan": "professional"},
            after={"standing": "grace", "ümlaut": [1, 2.5, None]},
            detail={},
            effects=["callback"],
            prev_hash=head,
            hash=b"",
        )
        head = ledger.chain(head, row)
        yield msgspec.structs.replace(row, hash=head)


def states(conn: Connection, ids: Sequence[int]) -> list[str]:
    events = [inbox.get(conn, each) for each in ids]
    return [event.state for event in events if event is not None]


def make_alias(tx: Connection, old: str, new: str) -> None:
    """Let one account answer as another, as versions did that joined accounts by their customer."""
    for condition, value in ((accounts.c.id, old), (accounts.c.alias_of, old)):
        tx.execute(update(accounts).where(condition == value).values(alias_of=new))
    tx.execute(update(accounts).where(accounts.c.id == old).values(book=None))
