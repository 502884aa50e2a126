"""Dunning cases and disputes of all accounts: lists, sums and charts without opening a single book."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, delete, func, select, tuple_
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.tables import Instant, matters

CASE, DISPUTE, WARNING, REFUND, COLLECTION = "case", "dispute", "warning", "refund", "collection"


class CaseRow(msgspec.Struct, frozen=True):
    """One dunning case or dispute as of the last decision about its account."""

    account: str
    kind: str
    key: str
    state: str
    """Of a case also `recovered` and `settled`, which no book keeps."""
    opened_at: datetime
    closed_at: datetime | None
    amount: int
    """Minor units."""
    currency: str | None
    policy_version: int
    stage: str | None = None
    """Of a recovered case: its state when it was."""
    cause: str | None = None
    """Of a recovered case: what showed it."""


class CaseCount(msgspec.Struct, frozen=True):
    """How many matters are alike, and what they are about together."""

    kind: str
    state: str
    is_open: bool
    policy_version: int
    currency: str | None
    stage: str | None
    cause: str | None
    number: int
    amount: int


class Sum(msgspec.Struct, frozen=True):
    """An amount of money and how many matters it is made of."""

    currency: str
    amount: int
    number: int


_COLUMNS = CaseRow.__struct_fields__
_ROW = select(*(matters.c[name] for name in _COLUMNS))
_ONE = _ROW.where(
    matters.c.account == bindparam("of"), matters.c.kind == bindparam("kind"), matters.c.key == bindparam("key")
)
_NEWEST_FIRST = (matters.c.opened_at.desc(), matters.c.account.desc(), matters.c.key.desc())
_WRITE = (
    "ON CONFLICT (account, kind, key) DO UPDATE SET state = excluded.state, opened_at = excluded.opened_at,"
    " amount = excluded.amount, currency = excluded.currency, policy_version = excluded.policy_version,"
    " stage = excluded.stage, cause = excluded.cause,"
    " closed_at = CASE WHEN excluded.closed_at IS NULL THEN NULL"
    " ELSE coalesce(matters.closed_at, excluded.closed_at) END"
)
_SUMS = select(matters.c.currency, func.sum(matters.c.amount), func.count()).group_by(matters.c.currency)
_AT_RISK = _SUMS.where(matters.c.kind == bindparam("kind"), matters.c.closed_at.is_(None))
_NUMBER_OPEN = (
    select(func.count()).select_from(matters).where(matters.c.kind == bindparam("kind"), matters.c.closed_at.is_(None))
)
_CLOSED = _SUMS.where(
    matters.c.kind == bindparam("kind"),
    matters.c.state == bindparam("state"),
    matters.c.closed_at.is_not(None),
    matters.c.closed_at >= bindparam("since", type_=Instant),
)
_ALIKE = (
    matters.c.kind,
    matters.c.state,
    matters.c.closed_at.is_(None),
    matters.c.policy_version,
    matters.c.currency,
    matters.c.stage,
    matters.c.cause,
)
_TALES = select(*_ALIKE, func.count(), func.sum(matters.c.amount)).group_by(*_ALIKE)
_SETTLED = ("recovered", "settled", "void")
_OWING = (
    select(matters.c.account)
    .where(matters.c.kind == CASE, matters.c.state.not_in(_SETTLED), matters.c.account != bindparam("here"))
    .where(matters.c.key.like(bindparam("ending"), escape="/"))
    .order_by(matters.c.account)
    .limit(1)
)
_OPENED_AT = select(matters.c.opened_at).where(
    matters.c.kind == bindparam("kind"), matters.c.opened_at >= bindparam("since", type_=Instant)
)
_CLOSED_AT = select(matters.c.closed_at).where(
    matters.c.kind == bindparam("kind"),
    matters.c.state == bindparam("state"),
    matters.c.closed_at.is_not(None),
    matters.c.closed_at >= bindparam("since", type_=Instant),
)
_OPEN_ACCOUNTS = (
    select(matters.c.account)
    .where(
        matters.c.closed_at.is_(None),
        matters.c.policy_version != bindparam("version"),
        matters.c.account > bindparam("after"),
    )
    .distinct()
    .order_by(matters.c.account)
    .limit(bindparam("limit"))
)
_MERGED = delete(matters).where(
    matters.c.account == bindparam("of"), matters.c.kind == bindparam("kind"), matters.c.key == bindparam("merged")
)
_OF_ACCOUNT = select(matters.c.kind, matters.c.key).where(matters.c.account == bindparam("of"))


def owing(conn: Connection, number: str, here: str) -> str | None:
    """Return another account that owes for an invoice with this number of the provider's."""
    ending = "%:" + number.replace("/", "//").replace("_", "/_").replace("%", "/%")
    account: str | None = conn.execute(_OWING, {"ending": ending, "here": here}).scalar()
    return account


def find(conn: Connection, account: str, kind: str, key: str) -> CaseRow | None:
    """Return one matter of an account; None where it never had it."""
    row = conn.execute(_ONE, {"of": account, "kind": kind, "key": key}).first()
    return None if row is None else CaseRow(*row)


def put(tx: Connection, rows: Sequence[CaseRow]) -> None:
    """Write matters of locked accounts; one that was closed keeps the time of that, unless it is open again."""
    bulk.insert(tx, matters, _COLUMNS, [msgspec.structs.astuple(row) for row in rows], conflict=_WRITE)


def drop(tx: Connection, account: str, kind: str, key: str) -> None:
    """Forget one that turned out to be another."""
    tx.execute(_MERGED, {"of": account, "kind": kind, "merged": key})


def of_account(conn: Connection, account: str) -> list[tuple[str, str]]:
    """Return the kind and key of each of an account's matters."""
    return [(row.kind, row.key) for row in conn.execute(_OF_ACCOUNT, {"of": account})]


def page(
    conn: Connection,
    kind: str,
    *,
    only_open: bool,
    after: tuple[datetime, str, str] | None,
    limit: int,
    state: str | None = None,
) -> list[CaseRow]:
    """Return matters, newest first; `after` is the time, account and key of the last one of the page before."""
    query = _ROW.where(matters.c.kind == kind).order_by(*_NEWEST_FIRST).limit(limit)
    if only_open:
        query = query.where(matters.c.closed_at.is_(None))
    if state is not None:
        query = query.where(matters.c.state == state)
    if after is not None:
        place = tuple_(matters.c.opened_at, matters.c.account, matters.c.key)
        query = query.where(place < after)
    return [CaseRow(*row) for row in conn.execute(query)]


def accounts_with_open(conn: Connection, *, but: int, after: str, limit: int) -> list[str]:
    """Return accounts after `after` that have something open under another version of the policy than `but`."""
    return list(conn.execute(_OPEN_ACCOUNTS, {"version": but, "after": after, "limit": limit}).scalars())


def at_risk(conn: Connection) -> list[Sum]:
    """Return what is owed in open dunning cases."""
    return _sums(conn.execute(_AT_RISK, {"kind": CASE}).all())


def number_open(conn: Connection, kind: str) -> int:
    """Return how many matters of a kind are open."""
    return conn.execute(_NUMBER_OPEN, {"kind": kind}).scalar_one()


def recovered(conn: Connection, since: datetime) -> list[Sum]:
    """Return what was paid after all in dunning cases since an instant."""
    return _sums(conn.execute(_CLOSED, {"kind": CASE, "state": "recovered", "since": since}).all())


def told(conn: Connection) -> list[CaseCount]:
    """Return all matters there ever were, those that are alike as one; it reads the whole table."""
    return [
        CaseCount(kind, state, bool(is_open), version, currency, stage, cause, number, int(amount))
        for kind, state, is_open, version, currency, stage, cause, number, amount in conn.execute(_TALES)
    ]


def opened_at(conn: Connection, since: datetime) -> list[datetime]:
    """Return when each dunning case since an instant was opened."""
    return list(conn.execute(_OPENED_AT, {"kind": CASE, "since": since}).scalars())


def recovered_at(conn: Connection, since: datetime) -> list[datetime]:
    """Return when each dunning case that was recovered since an instant was."""
    result = conn.execute(_CLOSED_AT, {"kind": CASE, "state": "recovered", "since": since}).scalars()
    return [at for at in result if at is not None]


def _sums(rows: Sequence[bulk.AnyRow]) -> list[Sum]:
    sums = [Sum(currency or "?", int(amount), number) for currency, amount, number in rows]
    return sorted(sums, key=lambda other_sum: -other_sum.amount)
