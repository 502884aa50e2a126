"""Sums of dunning cases by the month in which they began, or by the day of their outcome."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Integer, String, bindparam, case, func, select
from sqlalchemy.engine import Connection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import Column
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from kulanz.store.bulk import AnyRow
from kulanz.store.case_index import CASE, RECOVERED, SETTLED, Sum
from kulanz.store.tables import Instant, matters, timers

LOST, OPEN, DROPPED = "lost", "open", "dropped"
OUTCOMES = (RECOVERED, LOST, OPEN, DROPPED)
"""Outcome of a case: paid, given up, neither yet, or nothing is owed any more (waived, void, explained)."""
DAY, MONTH = len("2026-03-01"), len("2026-03")


class CaseSum(msgspec.Struct, frozen=True):
    """A group of similar cases, with its sums."""

    month: str
    """Month in which the cases began, as in `2026-03`."""
    outcome: str
    step: str | None
    plan: str | None
    currency: str | None
    policy_version: int
    spared: str | None
    number: int
    amount: int


class DaySum(msgspec.Struct, frozen=True):
    """Cases that had an outcome on one day."""

    day: str
    currency: str | None
    number: int
    amount: int


class Wait(msgspec.Struct, frozen=True):
    """Number of cases that took a given number of whole days to be paid."""

    days: int
    number: int


class Deadline(msgspec.Struct, frozen=True):
    """A case whose access is lost, or whose customer is warned, at a time that is near."""

    account: str
    at: datetime
    amount: int
    currency: str | None


class begins(FunctionElement[str]):  # noqa: N801  # Reads as the function that it is.
    """Prefix of a timestamp in UTC, as in `2026-03-01`."""

    type = String()
    inherit_cache = False

    def __init__(self, column: Column[Any], letters: int) -> None:
        super().__init__(column)
        self.letters = letters


class whole_days(FunctionElement[int]):  # noqa: N801
    """Number of whole days between two timestamps."""

    inherit_cache = True

    def __init__(self, since: Column[Any], until: Column[Any]) -> None:
        super().__init__(since, until)


@compiles(begins)
def _begins(element: begins, compiler: SQLCompiler, **options: Any) -> str:
    return f"substr({compiler.process(element.clauses, **options)}, 1, {element.letters})"


@compiles(begins, "postgresql")
def _begins_in_utc(element: begins, compiler: SQLCompiler, **options: Any) -> str:
    form = "YYYY-MM-DD"[: element.letters]
    return f"to_char({compiler.process(element.clauses, **options)} AT TIME ZONE 'UTC', '{form}')"


@compiles(whole_days)
def _whole_days(element: whole_days, compiler: SQLCompiler, **options: Any) -> str:
    since, until = (compiler.process(clause, **options) for clause in element.clauses)
    # Julian days are floating: half a second more keeps a whole day from being a little less.
    return f"CAST(julianday({until}) - julianday({since}) + 0.000005 AS INTEGER)"


@compiles(whole_days, "postgresql")
def _whole_days_of_epoch(element: whole_days, compiler: SQLCompiler, **options: Any) -> str:
    since, until = (compiler.process(clause, **options) for clause in element.clauses)
    return f"CAST(floor(EXTRACT(EPOCH FROM {until} - {since}) / 86400) AS integer)"


_OUTCOME: ColumnElement[str] = case(
    (matters.c.state == RECOVERED, RECOVERED),
    (matters.c.state.in_(SETTLED), DROPPED),
    (matters.c.lost_at.is_not(None), LOST),
    else_=OPEN,
)
_BEGAN = (
    matters.c.kind == CASE,
    matters.c.opened_at >= bindparam("since", type_=Instant),
    matters.c.opened_at < bindparam("until", type_=Instant),
)
_ALIKE = (
    begins(matters.c.opened_at, MONTH),
    _OUTCOME,
    *(matters.c[name] for name in ("step", "plan", "currency", "policy_version", "spared")),
)
_SUMS = select(*_ALIKE, func.count(), func.sum(matters.c.amount)).where(*_BEGAN).group_by(*_ALIKE)
_DAYS_TAKEN = whole_days(matters.c.opened_at, matters.c.closed_at)
_WAITS = (
    select(_DAYS_TAKEN, func.count())
    .where(*_BEGAN, matters.c.state == RECOVERED, matters.c.closed_at.is_not(None))
    .group_by(_DAYS_TAKEN)
)
_SOON = (matters.c.kind == CASE, matters.c.deadline.is_not(None))
_ENDING = (*_SOON, matters.c.deadline < bindparam("until", type_=Instant))
_WARNED = (
    *_SOON,
    timers.c.account == matters.c.account,
    timers.c.kind == "grace_warning",
    timers.c.subject == matters.c.key,
    timers.c.due_at < bindparam("until", type_=Instant),
)


def _soon(at: Column[Any], *conditions: ColumnElement[bool]) -> tuple[Any, Any]:
    """Return the question for the nearest of some cases, and that for the sums of all of them."""
    rows = select(matters.c.account, at, matters.c.amount, matters.c.currency).where(*conditions)
    sums = select(matters.c.currency, func.sum(matters.c.amount), func.count()).where(*conditions)
    return rows.order_by(at).limit(bindparam("limit", type_=Integer)), sums.group_by(matters.c.currency)


_SOONEST = {"losing": _soon(matters.c.deadline, *_ENDING), "warned": _soon(timers.c.due_at, *_WARNED)}


def _by_day(column: Column[Any], *conditions: ColumnElement[bool]) -> Any:
    day = begins(column, DAY)
    return (
        select(day, matters.c.currency, func.count(), func.sum(matters.c.amount))
        .where(
            matters.c.kind == CASE,
            *conditions,
            column.is_not(None),
            column >= bindparam("since", type_=Instant),
            column < bindparam("until", type_=Instant),
        )
        .group_by(day, matters.c.currency)
    )


_DAYS = {
    "failed": _by_day(matters.c.opened_at, _OUTCOME != DROPPED),
    RECOVERED: _by_day(matters.c.closed_at, matters.c.state == RECOVERED),
    LOST: _by_day(matters.c.lost_at),
}
"""Of the failed amounts, dropped cases are left out."""


def sums(conn: Connection, since: datetime, until: datetime) -> list[CaseSum]:
    """Return the cases that began in a period, grouped by equal attributes."""
    rows = conn.execute(_SUMS, {"since": since, "until": until})
    return [_case_sum(row) for row in rows]


def waits(conn: Connection, since: datetime, until: datetime) -> list[Wait]:
    """Return the time to payment of the cases that began in a period."""
    return sorted((Wait(*row) for row in conn.execute(_WAITS, {"since": since, "until": until})), key=lambda w: w.days)


def by_day(conn: Connection, since: datetime, until: datetime) -> dict[str, list[DaySum]]:
    """Return the amounts that failed, were recovered and were lost on each day of a period."""
    bounds = {"since": since, "until": until}
    return {name: list(_day_sums(conn.execute(query, bounds))) for name, query in _DAYS.items()}


def soon(conn: Connection, until: datetime, limit: int) -> dict[str, tuple[list[Deadline], list[Sum]]]:
    """Return accounts that lose access (`losing`) or are `warned` before a given time, soonest first, and all sums.

    Overdue accounts that are held back are included.
    """
    return {
        name: (
            [Deadline(*row) for row in conn.execute(rows, {"until": until, "limit": limit})],
            [
                Sum(currency or "?", int(amount), number)
                for currency, amount, number in conn.execute(sums, {"until": until})
            ],
        )
        for name, (rows, sums) in _SOONEST.items()
    }


def _case_sum(row: AnyRow) -> CaseSum:
    month, outcome, step, plan, currency, version, spared, number, amount = tuple(row)
    return CaseSum(month, outcome, step, plan, currency, version, spared, number, int(amount))


def _day_sums(rows: Iterable[Any]) -> Iterable[DaySum]:
    return (DaySum(day, currency, number, int(amount)) for day, currency, number, amount in rows)
