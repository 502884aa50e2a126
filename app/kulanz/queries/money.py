"""Money of failed payments over time: at risk now, failed, recovered and lost by day, and the next days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from kulanz.queries.recovery import currency_of, rate
from kulanz.store import case_index, recovery
from kulanz.store.case_index import RECOVERED, Sum
from kulanz.store.database import Connection
from kulanz.store.recovery import LOST, DaySum, Deadline

FAILED = "failed"
FLOWS = (FAILED, RECOVERED, LOST)
PERIODS: Mapping[str, int] = {"day": 30, "week": 26, "month": 12, "year": 5}
"""Number of periods shown, the present one included."""
AHEAD = timedelta(days=7)
MOST_LISTED = 500
_A_DAY = timedelta(days=1)
_MONTHS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Money of failed payments in one period, in one currency, by outcome."""

    failed: Sum
    recovered: Sum
    lost: Sum

    @property
    def rate(self) -> float | None:
        """Share of the recovered amount in the recovered and lost amounts of that time."""
        return rate(self.recovered.amount, self.lost.amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """One currency: money at risk now, and this month beside the last one."""

    currency: str
    at_risk: Sum
    this_month: Flow
    last_month: Flow


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Failed, recovered and lost money of one currency, period by period."""

    currency: str
    values: Mapping[str, Sequence[int]]
    """By `failed`, `recovered` and `lost`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Soon:
    """Cases to which something happens soon unless they are paid."""

    rows: Sequence[Deadline]
    """The nearest, at most `MOST_LISTED`."""
    sums: Sequence[Sum]
    """All of them, by currency."""

    @property
    def number(self) -> int:
        """Number of cases."""
        return sum(each.number for each in self.sums)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Accounts that get the final warning, or lose access, within the next days unless they pay."""

    until: datetime
    warned: Soon
    losing: Soon
    """Also accounts whose deadline has passed: the limit or a parked event holds the loss back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """All figures at one time (policy time)."""

    at: datetime
    by: str
    labels: Sequence[str]
    """Periods, the present one last."""
    currencies: Sequence[Beside]
    """Currencies, the one with the most money first."""
    courses: Sequence[Course]
    outlook: Outlook


def money(conn: Connection, now: datetime, by: str) -> Money:
    """Return the figures, with courses by `day`, `week`, `month` or `year`."""
    present = now.astimezone(UTC)
    this_month = f"{present:%Y-%m}"
    last_month = f"{present.replace(day=1) - _A_DAY:%Y-%m}"
    labels = _labels(present.date(), by)
    since = min(_begin(labels[0], by), _begin(last_month, "month"))
    days = recovery.by_day(conn, since, now + _A_DAY)
    at_risk = {each.currency: each for each in _by_currency(case_index.at_risk(conn))}
    currencies = sorted(
        {currency_of(each.currency) for several in days.values() for each in several} | at_risk.keys(),
        key=lambda currency: (-_weight(days, currency) - at_risk.get(currency, Sum(currency, 0, 0)).amount, currency),
    )
    return Money(
        at=now,
        by=by,
        labels=labels,
        currencies=[
            Beside(
                currency=currency,
                at_risk=at_risk.get(currency, Sum(currency, 0, 0)),
                this_month=_flow(days, currency, this_month),
                last_month=_flow(days, currency, last_month),
            )
            for currency in currencies
        ],
        courses=[_course(days, currency, labels, by) for currency in currencies],
        outlook=outlook(conn, now),
    )


def outlook(conn: Connection, now: datetime) -> Outlook:
    """Return the outlook for the next seven days."""
    until = now + AHEAD
    found = {
        name: Soon(rows=rows, sums=_by_currency(sums))
        for name, (rows, sums) in recovery.soon(conn, until, MOST_LISTED).items()
    }
    return Outlook(until=until, warned=found["warned"], losing=found["losing"])


def _labels(today: date, by: str) -> list[str]:
    if by == "month":
        number = today.year * _MONTHS + today.month - 1
        numbers = range(number - PERIODS[by] + 1, number + 1)
        return [f"{each // _MONTHS:04}-{each % _MONTHS + 1:02}" for each in numbers]
    if by == "year":
        return [f"{today.year - back:04}" for back in reversed(range(PERIODS[by]))]
    length = 7 if by == "week" else 1
    last = date.fromisoformat(_label(today.isoformat(), by))
    return [(last - timedelta(days=length * back)).isoformat() for back in reversed(range(PERIODS[by]))]


def _label(day: str, by: str) -> str:
    """Return the period of a day: a week is called by its Monday."""
    if by == "week":
        at = date.fromisoformat(day)
        return (at - timedelta(days=at.weekday())).isoformat()
    return day[: {"day": recovery.DAY, "month": recovery.MONTH, "year": len("2026")}[by]]


def _begin(label: str, by: str) -> datetime:
    day = {"month": f"{label}-01", "year": f"{label}-01-01"}.get(by, label)
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def _flow(days: Mapping[str, Iterable[DaySum]], currency: str, month: str) -> Flow:
    sums = {name: next(iter(_summed(_of(days[name], currency, month))), Sum(currency, 0, 0)) for name in FLOWS}
    return Flow(failed=sums[FAILED], recovered=sums[RECOVERED], lost=sums[LOST])


def _of(days: Iterable[DaySum], currency: str, month: str) -> Iterable[tuple[str, int, int]]:
    return (
        (currency, each.amount, each.number)
        for each in days
        if each.day.startswith(month) and currency_of(each.currency) == currency
    )


def _course(days: Mapping[str, Iterable[DaySum]], currency: str, labels: Sequence[str], by: str) -> Course:
    values: dict[str, list[int]] = {}
    for name in FLOWS:
        sums = dict.fromkeys(labels, 0)
        for each in days[name]:
            label = _label(each.day, by)
            if label in sums and currency_of(each.currency) == currency:
                sums[label] += each.amount
        values[name] = list(sums.values())
    return Course(currency=currency, values=values)


def _weight(days: Mapping[str, Iterable[DaySum]], currency: str) -> int:
    return sum(each.amount for several in days.values() for each in several if currency_of(each.currency) == currency)


def _by_currency(sums: Iterable[Sum]) -> list[Sum]:
    return _summed((currency_of(each.currency), each.amount, each.number) for each in sums)


def _summed(parts: Iterable[tuple[str, int, int]]) -> list[Sum]:
    sums: dict[str, Sum] = {}
    for currency, amount, number in parts:
        before = sums.get(currency, Sum(currency, 0, 0))
        sums[currency] = Sum(currency, before.amount + amount, before.number + number)
    return sorted(sums.values(), key=lambda each: -each.amount)
