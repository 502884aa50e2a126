"""Every decision, chained by hashes so that a change of the past shows."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, select
from sqlalchemy.engine import Connection

from app.store import bulk
from app.store.bulk import AnyRow
from app.store.tables import Instant, accounts, as_text, decisions


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


_COLUMNS = DecisionRow.__struct_fields__
_JSON = slice(_COLUMNS.index("before"), _COLUMNS.index("effects") + 1)
_PAGE = 500
_EMPTY = b""
_canonical = msgspec.json.Encoder(order="sorted").encode
_OF_ACCOUNT = (
    select(*(decisions.c[name] for name in _COLUMNS))
    .where(decisions.c.account == bindparam("account"), decisions.c.seq > bindparam("after"))
    .order_by(decisions.c.seq)
    .limit(bindparam("limit"))
)
_HEAD = select(accounts.c.seq, accounts.c.head).where(accounts.c.id == bindparam("account"))
_PLACED = select(func.count(decisions.c.account.distinct())).where(
    decisions.c.rule == bindparam("rule"), decisions.c.at >= bindparam("since", type_=Instant)
)


def chain(prev: bytes, row: DecisionRow) -> bytes:
    """Return the hash of a decision: SHA-256 over the previous one and its canonical JSON, its own hashes left out."""
    return _hash(prev, _as_stored(row))


def append(tx: Connection, rows: Sequence[DecisionRow]) -> None:
    """Record decisions whose hashes are set."""
    bulk.insert(tx, decisions, _COLUMNS, [_as_stored(row) for row in rows])


def of_account(conn: Connection, account: str, after_seq: int, limit: int) -> list[DecisionRow]:
    """Return decisions of an account in order, those after `after_seq`."""
    return [_as_read(row) for row in _stored(conn, account, after_seq, limit)]


def verify(conn: Connection, account: str) -> int | None:
    """Return the number of the first decision that is missing or not as it was written; None: the chain is whole.

    The account's row says where the chain ends, so that a missing end shows as well.
    """
    seq, head = 0, _EMPTY
    while page := _stored(conn, account, seq, _PAGE):
        for row in page:
            seq += 1
            if row.seq != seq or row.prev_hash != head or row.hash != _hash(head, tuple(row)):
                return seq
            head = row.hash
    end = conn.execute(_HEAD, {"account": account}).one_or_none()
    return None if (tuple(end) if end is not None else (0, _EMPTY)) == (seq, head) else seq + 1


def placed_since(tx: Connection, rule: str, since: datetime) -> int:
    """Return about how many accounts a rule has decided since an instant (for the brake)."""
    return tx.execute(_PLACED, {"rule": rule, "since": since}).scalar_one()


def _stored(conn: Connection, account: str, after: int, limit: int) -> Sequence[AnyRow]:
    return conn.execute(_OF_ACCOUNT, {"account": account, "after": after, "limit": limit}).all()


def _as_stored(row: DecisionRow) -> tuple[Any, ...]:
    values = list(msgspec.structs.astuple(row))
    values[_JSON] = [_canonical(value).decode() for value in values[_JSON]]
    return tuple(values)


def _as_read(row: AnyRow) -> DecisionRow:
    values = list(row)
    values[_JSON] = [msgspec.json.decode(value) for value in values[_JSON]]
    return DecisionRow(*values)


def _hash(prev: bytes, stored: tuple[Any, ...]) -> bytes:
    """Hash a row as it is stored, its two hashes being the last columns."""
    account, seq, at, *rest = stored[:-2]
    return sha256(prev + _canonical([account, seq, as_text(at), *rest])).digest()
