"""Ledger: every decision, chained by hashes so that a change of the past is detected."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import String, bindparam, select, update
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.accounts import AccountRow
from kulanz.store.bulk import AnyRow
from kulanz.store.tables import accounts, as_text, decisions


class Flaw(msgspec.Struct, frozen=True):
    """The first decision of an account at which its chain fails verification."""

    seq: int
    what: str
    """`changed`, `missing`, `added`, or `redacted` although the account was not erased."""


class DecisionRow(msgspec.Struct, frozen=True):
    """A decision about one account; the JSON columns hold no personal data."""

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


class Chained(NamedTuple):
    """A decision in its hashed and stored form, computed only once because that is expensive."""

    stored: tuple[Any, ...]

    @property
    def hash(self) -> bytes:
        """The hash of the previous decision, on which the next one builds."""
        own: bytes = self.stored[-1]
        return own


_COLUMNS = DecisionRow.__struct_fields__
_JSON = slice(_COLUMNS.index("before"), _COLUMNS.index("effects") + 1)
_PLAIN = ("id", "standing", "plan", "access", "version", "seq", "alias_of")
_TIMES = ("grace_ends_at", "deletion_eligible_at", "decided_at")
_PAGE = 500
_DETAIL = _COLUMNS.index("detail") - len(("account", "seq", "at"))
_HEX_DIGITS = 64
_EMPTY = b""
_canonical = msgspec.json.Encoder(order="sorted").encode
_OF_ACCOUNT = (
    select(*(decisions.c[name] for name in _COLUMNS))
    .where(decisions.c.account == bindparam("account"), decisions.c.seq > bindparam("after"))
    .order_by(decisions.c.seq)
    .limit(bindparam("limit"))
)
_HEAD = select(accounts.c.seq, accounts.c.head, accounts.c.key.is_(None)).where(accounts.c.id == bindparam("account"))
_ORPHANS = (
    select(decisions.c.account)
    .where(decisions.c.seq > 0, ~select(accounts.c.id).where(accounts.c.id == decisions.c.account).exists())
    .distinct()
    .order_by(decisions.c.account)
)
_HASH = select(decisions.c.hash).where(decisions.c.account == bindparam("account"), decisions.c.seq == bindparam("seq"))
_CAUSE = select(decisions.c.cause_kind, decisions.c.cause_name, decisions.c.cause_ref).where(
    decisions.c.account == bindparam("account"), decisions.c.seq == bindparam("seq")
)
_RULES = select(decisions.c.rule).where(decisions.c.account == bindparam("account")).distinct()
_REDACTED = '{"redacted":"'
_DETAILS = select(decisions.c.seq, decisions.c.detail).where(decisions.c.account == bindparam("account"))
_REDACT = (
    update(decisions)
    .where(decisions.c.account == bindparam("of"), decisions.c.seq == bindparam("number"))
    .values(detail=bindparam("new", type_=String))
)


def chain(prev: bytes, row: DecisionRow) -> bytes:
    """Return the hash of a decision: SHA-256 over the previous one and its canonical JSON, its own hashes left out.

    Of the detail it takes the digest alone, so that an erasure can take the detail and leave the chain whole.
    """
    return _hash(prev, _as_stored(row))


def chained(row: DecisionRow) -> Chained:
    """Return a decision as stored, with its hash, chained to the decision with the hash `prev_hash`."""
    stored = _as_stored(row)
    return Chained((*stored[:-1], _hash(row.prev_hash, stored)))


def write(tx: Connection, rows: Iterable[Chained]) -> None:
    """Record chained decisions."""
    bulk.insert(tx, decisions, _COLUMNS, [row.stored for row in rows])


def of_account(conn: Connection, account: str, after_seq: int, limit: int) -> list[DecisionRow]:
    """Return decisions of an account in order, those after `after_seq`."""
    return [_as_read(row) for row in _stored(conn, account, after_seq, limit)]


def statement(account: str, seq: int, head: bytes) -> bytes:
    """Return the signed statement: the number of an account's decisions, and the last hash."""
    return _canonical(["kulanz ledger head", 1, account, seq, head.hex()])


def row_statement(row: AccountRow) -> bytes:
    """Return the content that the MAC of an account's row covers: every plain column, and the encrypted book."""
    book = sha256(row.book).hexdigest() if row.book is not None else None
    plain = [getattr(row, name) for name in _PLAIN]
    times = [as_text(at) if (at := getattr(row, name)) is not None else None for name in _TIMES]
    return _canonical(["kulanz account", 2, *plain, *times, row.head.hex(), book, row.key is None])


def verify(conn: Connection, account: str) -> int | None:
    """Return the number of the first missing or changed decision; None: the chain is complete."""
    stored_flaw = flaw(conn, account)
    return stored_flaw.seq if stored_flaw is not None else None


def flaw(conn: Connection, account: str) -> Flaw | None:
    """Return the first flaw of an account's chain; the account's row names its end, so a missing end is found, too."""
    end = conn.execute(_HEAD, {"account": account}).one_or_none()
    last, end_head, erased = end if end is not None else (0, _EMPTY, False)
    seq, head = 0, _EMPTY
    while page := _stored(conn, account, seq, _PAGE):
        for row in page:
            seq += 1
            wrong = _wrong(row, seq, last, head, erased=erased)
            if wrong is not None:
                return Flaw(seq, wrong)
            head = row.hash
    if seq < last:
        return Flaw(seq + 1, "missing")
    return None if head == end_head else Flaw(seq + 1, "missing")


def hash_at(conn: Connection, account: str, seq: int) -> bytes | None:
    """Return the hash of one decision, None if it is missing."""
    value: bytes | None = conn.execute(_HASH, {"account": account, "seq": seq}).scalar()
    return value


def cause(conn: Connection, account: str, seq: int | None) -> str | None:
    """Return a decision's cause, as named in logs: the id of its event, or another cause."""
    row = conn.execute(_CAUSE, {"account": account, "seq": seq}).one_or_none()
    if row is None:
        return None
    return row.cause_ref if row.cause_kind == "event" else f"{row.cause_kind}:{row.cause_name}"


def rules(conn: Connection, account: str) -> list[str]:
    """Return the rules that have decided about an account, each once."""
    return list(conn.execute(_RULES, {"account": account}).scalars())


def orphans(conn: Connection) -> list[str]:
    """Return the accounts with decisions but without a row."""
    return list(conn.execute(_ORPHANS).scalars())


def redact(tx: Connection, account: str, but: int | None = None) -> int:
    """Delete the details of an account's decisions, which may name people; the digests stay. Returns how many.

    `but` is the number of one decision that keeps its detail.
    """
    stored_rows = [row for row in tx.execute(_DETAILS, {"account": account}) if row.seq != but]
    rows = [row for row in stored_rows if not row.detail.startswith(_REDACTED)]
    taken = [{"of": account, "number": row.seq, "new": _redacted(row.detail)} for row in rows]
    if taken:
        tx.execute(_REDACT, taken)
    return len(taken)


def _wrong(row: AnyRow, seq: int, last: int, head: bytes, *, erased: bool) -> str | None:
    if row.seq != seq:
        return "missing"
    if row.prev_hash != head or row.hash != _hash(head, tuple(row)):
        return "changed"
    if seq > last:
        return "added"
    return "redacted" if row.detail.startswith(_REDACTED) and not erased else None


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
    """Hash a stored row, whose last two columns are its hashes."""
    account, seq, at, *rest = stored[:-2]
    rest[_DETAIL] = _digest(rest[_DETAIL])
    return sha256(prev + _canonical([account, seq, as_text(at), *rest])).digest()


def _digest(detail: str) -> str:
    if detail.startswith(_REDACTED):
        return detail[len(_REDACTED) : len(_REDACTED) + _HEX_DIGITS]
    return sha256(detail.encode()).hexdigest()


def _redacted(detail: str) -> str:
    return f'{_REDACTED}{_digest(detail)}"}}'
