"""Dunning cases and disputes of all accounts: lists, sums and charts without opening a single book."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import bindparam, delete, func, select, text, tuple_
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.bulk import among
from kulanz.store.tables import matters

CASE, DISPUTE, WARNING, REFUND, COLLECTION = "case", "dispute", "warning", "refund", "collection"
RECOVERED = "recovered"
SETTLED = (RECOVERED, "settled", "void", "explained")
"""States of a case that asks for no money."""
NOBODY = ""
"""The account of cases whose account's data were destroyed."""


class CaseRow(msgspec.Struct, frozen=True):
    """A dunning case or dispute as of the last decision about its account."""

    account: str
    kind: str
    key: str
    state: str
    """State of the case: also `recovered` and `settled`, which the book does not keep."""
    opened_at: datetime
    closed_at: datetime | None
    amount: int
    """Minor units."""
    currency: str | None
    policy_version: int
    stage: str | None = None
    """For a recovered case: its state at recovery."""
    cause: str | None = None
    """For a recovered case: the evidence of payment."""
    plan: str | None = None
    """For a dunning case: the plan of its subscription."""
    step: str | None = None
    """For a dunning case: the dunning step reached, in the words of `kulanz.policy.areas.dunning.steps`."""
    spared: str | None = None
    """For a recovered case: the reason why access was kept, `limit` or `look`."""
    deadline: datetime | None = None
    """For a case in grace that is not paused: the time at which access is lost. For a dispute: of its answer.
    For a refund: of the next step."""
    lost_at: datetime | None = None
    """For a case: the time since which no money is expected any more."""


class CaseCount(msgspec.Struct, frozen=True):
    """Number and common attributes of a group of similar cases."""

    kind: str
    state: str
    is_open: bool
    policy_version: int
    currency: str | None
    stage: str | None
    cause: str | None
    is_lost: bool
    number: int
    amount: int


class Sum(msgspec.Struct, frozen=True):
    """An amount of money and the number of cases in it."""

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
    " stage = excluded.stage, cause = excluded.cause, step = excluded.step, spared = excluded.spared,"
    " deadline = excluded.deadline, plan = coalesce(excluded.plan, matters.plan),"
    " lost_at = CASE WHEN excluded.lost_at IS NULL THEN NULL ELSE coalesce(matters.lost_at, excluded.lost_at) END,"
    " closed_at = CASE WHEN excluded.closed_at IS NULL THEN NULL"
    " ELSE coalesce(matters.closed_at, excluded.closed_at) END"
)
_SUMS = select(matters.c.currency, func.sum(matters.c.amount), func.count()).group_by(matters.c.currency)
_AT_RISK = _SUMS.where(matters.c.kind == bindparam("kind"), matters.c.closed_at.is_(None), matters.c.lost_at.is_(None))
_NUMBER_OPEN = (
    select(func.count()).select_from(matters).where(matters.c.kind == bindparam("kind"), matters.c.closed_at.is_(None))
)
_ALIKE = (
    matters.c.kind,
    matters.c.state,
    matters.c.closed_at.is_(None),
    matters.c.policy_version,
    matters.c.currency,
    matters.c.stage,
    matters.c.cause,
    matters.c.lost_at.is_not(None),
)
_TALES = select(*_ALIKE, func.count(), func.sum(matters.c.amount)).group_by(*_ALIKE)
_OWING = (
    select(matters.c.account)
    .where(matters.c.kind == CASE, matters.c.state.not_in(SETTLED), matters.c.account != bindparam("here"))
    .where(matters.c.key.like(bindparam("ending"), escape="/"))
    .order_by(matters.c.account)
    .limit(1)
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
_GIVE = text(
    "UPDATE matters SET account = :target WHERE account = :of AND kind = :kind AND key = :key AND NOT EXISTS"
    " (SELECT 1 FROM matters AS theirs WHERE theirs.account = :target AND theirs.kind = :kind AND theirs.key = :key)"
)
_CASES_OF = _ROW.where(among(matters.c.account, "accounts"), matters.c.kind == CASE)
_OF_ACCOUNT = select(matters.c.kind, matters.c.key, matters.c.state).where(matters.c.account == bindparam("of"))


def keep_without_names(tx: Connection, accounts: Sequence[str], now: datetime) -> None:
    """Keep the dunning cases of accounts for sums only: by the day, under no account and no name of the provider's.

    Mark open cases as lost: their account was erased.
    """
    today = _day(now)
    rows = [CaseRow(*row) for row in tx.execute(_CASES_OF, {"accounts": list(accounts)})]
    put(
        tx,
        [
            msgspec.structs.replace(
                row,
                account=NOBODY,
                key=secrets.token_hex(16),
                opened_at=_day(row.opened_at),
                closed_at=_day(row.closed_at) if row.closed_at is not None else today,
                deadline=None,
                lost_at=_day(row.lost_at) if row.lost_at is not None else None if row.state in SETTLED else today,
            )
            for row in rows
        ],
    )


def owing(conn: Connection, number: str, here: str) -> str | None:
    """Return another account that owes for an invoice with this number of the provider's."""
    ending = "%:" + number.replace("/", "//").replace("_", "/_").replace("%", "/%")
    account: str | None = conn.execute(_OWING, {"ending": ending, "here": here}).scalar()
    return account


def find(conn: Connection, account: str, kind: str, key: str) -> CaseRow | None:
    """Return one case of an account; None if there is none."""
    row = conn.execute(_ONE, {"of": account, "kind": kind, "key": key}).first()
    return None if row is None else CaseRow(*row)


def put(tx: Connection, rows: Sequence[CaseRow]) -> None:
    """Write the cases of locked accounts; a closed case keeps its closing time unless it is open again."""
    bulk.insert(tx, matters, _COLUMNS, [msgspec.structs.astuple(row) for row in rows], conflict=_WRITE)


def drop(tx: Connection, account: str, kind: str, key: str) -> None:
    """Delete a case that turned out to be another."""
    tx.execute(_MERGED, {"of": account, "kind": kind, "merged": key})


def give(tx: Connection, account: str, target: str, kind: str, key: str) -> None:
    """Give one to another account, unless it has it already."""
    tx.execute(_GIVE, {"of": account, "target": target, "kind": kind, "key": key})


def of_account(conn: Connection, account: str) -> list[tuple[str, str, str]]:
    """Return the kind, key and state of each of an account's cases."""
    return [(row.kind, row.key, row.state) for row in conn.execute(_OF_ACCOUNT, {"of": account})]


def page(
    conn: Connection,
    kind: str,
    *,
    only_open: bool,
    after: tuple[datetime, str, str] | None,
    limit: int,
    state: str | None = None,
) -> list[CaseRow]:
    """Return cases, newest first; `after` is the cursor: time, account and key of the previous page's last case."""
    query = _ROW.where(matters.c.kind == kind).order_by(*_NEWEST_FIRST).limit(limit)
    if only_open:
        query = query.where(matters.c.closed_at.is_(None))
    if state is not None:
        query = query.where(matters.c.state == state)
    if after is not None:
        place = tuple_(matters.c.opened_at, matters.c.account, matters.c.key)
        query = query.where(place < after)
    return [CaseRow(*row) for row in conn.execute(query)]


def soonest_due(conn: Connection, kind: str, limit: int) -> list[CaseRow]:
    """Return open matters that have a deadline, the soonest first."""
    query = _ROW.where(matters.c.kind == kind, matters.c.closed_at.is_(None), matters.c.deadline.is_not(None))
    return [CaseRow(*row) for row in conn.execute(query.order_by(matters.c.deadline).limit(limit))]


def accounts_with_open(conn: Connection, *, but: int, after: str, limit: int) -> list[str]:
    """Return accounts after `after` that have something open under another version of the policy than `but`."""
    return list(conn.execute(_OPEN_ACCOUNTS, {"version": but, "after": after, "limit": limit}).scalars())


def at_risk(conn: Connection) -> list[Sum]:
    """Return the debts in open dunning cases that may still be paid."""
    return _sums(conn.execute(_AT_RISK, {"kind": CASE}).all())


def number_open(conn: Connection, kind: str) -> int:
    """Return the number of open cases of a kind."""
    return conn.execute(_NUMBER_OPEN, {"kind": kind}).scalar_one()


def told(conn: Connection) -> list[CaseCount]:
    """Return all cases ever recorded, grouped by equal attributes; reads the whole table."""
    return [
        CaseCount(kind, state, bool(is_open), version, currency, stage, cause, bool(is_lost), number, int(amount))
        for kind, state, is_open, version, currency, stage, cause, is_lost, number, amount in conn.execute(_TALES)
    ]


def _day(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _sums(rows: Sequence[bulk.AnyRow]) -> list[Sum]:
    sums = [Sum(currency or "?", int(amount), number) for currency, amount, number in rows]
    return sorted(sums, key=lambda other_sum: -other_sum.amount)
