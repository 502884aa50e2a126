"""Every decision, chained by hashes so that a change of the past shows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from app.store.database import Connection


class DecisionRow(msgspec.Struct, frozen=True):
    """One decision about one account; the JSON columns hold no personal data."""

    account: str
    seq: int
    at: datetime
    cause_kind: str
    cause_ref: str | None
    cause_name: str
    rule: str
    clause: str | None
    policy: str
    policy_version: int
    before: dict[str, Any]
    after: dict[str, Any]
    detail: dict[str, Any]
    effects: list[Any]
    prev_hash: bytes
    hash: bytes


def chain(prev: bytes, row: DecisionRow) -> bytes:
    """Return the hash of a decision: SHA-256 over the previous one and its canonical JSON, its own hashes left out."""
    raise NotImplementedError


def append(tx: Connection, rows: Sequence[DecisionRow]) -> None:
    """Record decisions whose hashes are set."""
    raise NotImplementedError


def of_account(conn: Connection, account: str, after_seq: int, limit: int) -> list[DecisionRow]:
    """Return decisions of an account in order, those after `after_seq`."""
    raise NotImplementedError


def verify(conn: Connection, account: str) -> int | None:
    """Return the number of the first decision that is missing or not as it was written; None: the chain is whole."""
    raise NotImplementedError


def placed_since(tx: Connection, rule: str, since: datetime) -> int:
    """Return about how many accounts a rule has decided since an instant (for the brake)."""
    raise NotImplementedError
