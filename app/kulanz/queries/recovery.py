"""Report of recovery: outcomes of failed payments, by month of failure, step, plan and policy version.

Every figure that the console, the command line and the API show of recovered money is computed here, from the case
index; docs/operations.md defines each.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from kulanz.errors import InvalidInputError
from kulanz.policy.areas.dunning.steps import order
from kulanz.queries.views import JsonDocument
from kulanz.services import Services
from kulanz.store import recovery
from kulanz.store.case_index import RECOVERED
from kulanz.store.database import Connection
from kulanz.store.recovery import DROPPED, LOST, OPEN, CaseSum, Wait

MONTHS = 12
"""Number of months shown by default, the present one included."""
MOST_MONTHS = 120
WITHIN = (1, 3, 7, 14, 30)
"""Days within which payments are counted."""
UNKNOWN = "unknown"
"""Value of fields that earlier versions did not record."""
CSV_COLUMNS = (
    *("month", "currency", "plan", "policy_version", "outcome", "step", "spared"),
    *("cases", "amount_minor_units"),
)
_CURRENCY = re.compile(r"[A-Z]{3}")
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_YEAR, _LAST_YEAR = 12, 9998


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Sums of cases of one currency that share an attribute."""

    key: str
    """The shared attribute: month, plan, step or policy version; empty: all cases."""
    currency: str
    cases: int
    amount: int
    recovered: int
    recovered_amount: int
    lost: int
    lost_amount: int
    open: int
    open_amount: int
    dropped: int
    dropped_amount: int

    @property
    def rate(self) -> float | None:
        """The recovered share of the recovered and lost money; None while no case is settled."""
        settled = self.recovered_amount + self.lost_amount
        return self.recovered_amount / settled if settled else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Difference in money between two policy versions, over the settled cases of the later one."""

    version: str
    before: str
    currency: str
    amount: int
    """Recovered beyond what the rate of the version before would have brought; negative: less."""
    open_amount: int
    """Money of the version's open cases, which is in neither rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The failed payments of some months, and their outcomes."""

    first: str
    last: str
    at: datetime
    """Policy time."""
    sums: tuple[CaseSum, ...]
    waits: tuple[Wait, ...]

    @property
    def totals(self) -> list[Figures]:
        """All of them, by currency."""
        return self._by(lambda _: "")

    @property
    def months(self) -> list[Figures]:
        """By the month in which they failed first."""
        return self._by(lambda each: each.month)

    @property
    def plans(self) -> list[Figures]:
        """By the plan of the subscription."""
        return self._by(lambda each: each.plan or UNKNOWN)

    @property
    def versions(self) -> list[Figures]:
        """By the version of the policy that they are under."""
        rows = self._by(lambda each: str(each.policy_version))
        return sorted(rows, key=lambda row: (int(row.key), row.currency))

    @property
    def gains(self) -> list[Gain]:
        """Difference of each version to the one before it, in each currency."""
        gains, latest = [], dict[str, Figures]()
        for row in self.versions:
            before, share = latest.get(row.currency), row.rate
            if before is not None and before.rate is not None and share is not None:
                settled = row.recovered_amount + row.lost_amount
                more = row.recovered_amount - round(settled * before.rate)
                names = {"version": row.key, "before": before.key, "currency": row.currency}
                gains.append(Gain(**names, amount=more, open_amount=row.open_amount))
            latest[row.currency] = row if share is not None else latest.get(row.currency, row)
        return gains

    @property
    def steps(self) -> list[Figures]:
        """By the last step of dunning before the money came, was given up, or until now."""
        rows = self._by(lambda each: each.step or UNKNOWN)
        return sorted(rows, key=lambda row: (*order(row.key), row.currency))

    def share(self, row: Figures) -> float | None:
        """Return which share of all recovered money of its currency a row has."""
        whole = sum(total.recovered_amount for total in self.totals if total.currency == row.currency)
        return row.recovered_amount / whole if whole else None

    @property
    def spared(self) -> list[Figures]:
        """Payments after the end of grace: the limit or the re-check had kept access."""
        return _figures([each for each in self.sums if each.spared], lambda each: each.spared or "")

    @property
    def paid(self) -> int:
        """Number of payments."""
        return sum(wait.number for wait in self.waits)

    @property
    def median_days(self) -> int | None:
        """The whole days within which half of those that were paid were."""
        return next((wait.days for wait in self.waits if 2 * self.paid_within(wait.days) >= self.paid), None)

    def paid_within(self, days: int) -> int:
        """Return how many were paid within so many whole days."""
        return sum(wait.number for wait in self.waits if wait.days <= days)

    def _by(self, key: Callable[[CaseSum], str]) -> list[Figures]:
        return _figures(self.sums, key)


def report(services: Services, first: str | None = None, last: str | None = None) -> Report:
    """Return the report of some months, both with them: the last twelve where none is named."""
    with services.database.read() as conn:
        return report_in(conn, services.clock.now(conn), first, last)


def report_in(conn: Connection, now: datetime, first: str | None = None, last: str | None = None) -> Report:
    """Return the report as an open transaction sees it; InvalidInputError for months that are none."""
    end = _number(last, "to") if last is not None else _number(f"{now.astimezone(UTC):%Y-%m}", "to")
    begin = _number(first, "from") if first is not None else end - MONTHS + 1
    if not 0 <= end - begin < MOST_MONTHS:
        raise InvalidInputError(f"from, to: from the earlier month to the later one, at most {MOST_MONTHS}")
    since, until = _began(begin), _began(end + 1)
    return Report(
        first=_name(begin),
        last=_name(end),
        at=now,
        sums=tuple(recovery.sums(conn, since, until)),
        waits=tuple(recovery.waits(conn, since, until)),
    )


def document(result: Report) -> JsonDocument:
    """Return a report as the API answers it."""
    return {
        "from": result.first,
        "to": result.last,
        "totals": [_document(row) for row in result.totals],
        "months": [_document(row) for row in result.months],
        "plans": [_document(row) for row in result.plans],
        "policy_versions": [_document(row) for row in result.versions],
        "steps": [_document(row) for row in result.steps],
        "spared": [_document(row) for row in result.spared],
        "days_to_recovery": {
            "cases": result.paid,
            "median": result.median_days,
            "within": [{"days": days, "cases": result.paid_within(days)} for days in WITHIN],
        },
    }


def as_csv(result: Report) -> str:
    """Return a report as CSV: a line for each group of equal cases, which a spreadsheet sums up by any column."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    writer.writerows(sorted(_line(each) for each in result.sums))
    return text.getvalue()


def currency_of(code: str | None) -> str:
    """Return a currency's code; a provider may say anything, or nothing."""
    return code if code and _CURRENCY.fullmatch(code) else "other"


def rate(recovered: int, lost: int) -> float | None:
    """Return the share of the money that came back."""
    return recovered / (recovered + lost) if recovered + lost else None


def _figures(sums: Iterable[CaseSum], key: Callable[[CaseSum], str]) -> list[Figures]:
    groups: dict[tuple[str, str], list[CaseSum]] = {}
    for each in sums:
        groups.setdefault((key(each), currency_of(each.currency)), []).append(each)
    return [_figure(*name, groups[name]) for name in sorted(groups)]


def _figure(key: str, currency: str, sums: Sequence[CaseSum]) -> Figures:
    def of(outcome: str) -> tuple[int, int]:
        alike = [each for each in sums if each.outcome == outcome]
        return sum(each.number for each in alike), sum(each.amount for each in alike)

    (recovered, brought), (lost, gone), (still, owed), (dropped, let) = map(of, (RECOVERED, LOST, OPEN, DROPPED))
    return Figures(
        key=key,
        currency=currency,
        cases=sum(each.number for each in sums),
        amount=sum(each.amount for each in sums),
        recovered=recovered,
        recovered_amount=brought,
        lost=lost,
        lost_amount=gone,
        open=still,
        open_amount=owed,
        dropped=dropped,
        dropped_amount=let,
    )


def _document(row: Figures) -> JsonDocument:
    names = [name for name in Figures.__dataclass_fields__ if name != "key"]
    share = row.rate
    return {
        "key": row.key or None,
        **{name: getattr(row, name) for name in names},
        "rate": None if share is None else round(share, 4),
    }


def _line(each: CaseSum) -> tuple[str, ...]:
    values = (
        *(each.month, currency_of(each.currency), each.plan or UNKNOWN, each.policy_version),
        *(each.outcome, each.step or UNKNOWN, each.spared or "", each.number, each.amount),
    )
    return tuple(map(str, values))


def _number(month: str, name: str) -> int:
    """Return a month as its number, so that months can be counted."""
    match = _MONTH.fullmatch(month)
    if match is None or not 1 <= int(match[1]) <= _LAST_YEAR:
        raise InvalidInputError(f"{name}: a month such as 2026-03")
    return int(match[1]) * _YEAR + int(match[2]) - 1


def _name(number: int) -> str:
    return f"{number // _YEAR:04}-{number % _YEAR + 1:02}"


def _began(number: int) -> datetime:
    return datetime(max(number // _YEAR, 1), number % _YEAR + 1, 1, tzinfo=UTC)
