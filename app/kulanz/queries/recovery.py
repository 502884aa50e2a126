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
from fractions import Fraction

from kulanz.documents.reports import DaysToRecovery, PaidWithin, Recovery, RecoveryFigures
from kulanz.errors import InvalidInputError
from kulanz.policy.areas.dunning.steps import order
from kulanz.services import Services
from kulanz.store import recovery
from kulanz.store.case_index import RECOVERED
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


def report(services: Services, first: str | None = None, last: str | None = None) -> Recovery:
    """Return the report of some months, both with them: the last twelve where none is named.

    InvalidInputError for months that are none.
    """
    with services.database.read() as conn:
        begin, end = _months(services.clock.now(conn), first, last)
        found = recovery.sums(conn, _began(begin), _began(end + 1))
        waits = recovery.waits(conn, _began(begin), _began(end + 1))
    versions = _figures(found, lambda each: str(each.policy_version))
    steps = _figures(found, lambda each: each.step or UNKNOWN)
    return Recovery(
        first=_name(begin),
        to=_name(end),
        totals=_figures(found, lambda _: None),
        months=_figures(found, lambda each: each.month),
        plans=_figures(found, lambda each: each.plan or UNKNOWN),
        policy_versions=tuple(sorted(versions, key=lambda row: (int(row.key or 0), row.currency))),
        steps=tuple(sorted(steps, key=lambda row: (*order(row.key or ""), row.currency))),
        spared=_figures([each for each in found if each.spared], lambda each: each.spared),
        days_to_recovery=_time_to_recovery(waits),
    )


def sums(services: Services, first: str | None = None, last: str | None = None) -> list[CaseSum]:
    """Return the groups of equal cases of which the report is made."""
    with services.database.read() as conn:
        begin, end = _months(services.clock.now(conn), first, last)
        return recovery.sums(conn, _began(begin), _began(end + 1))


def share(result: Recovery, row: RecoveryFigures) -> float | None:
    """Return which share of all recovered money of its currency a row has."""
    whole = sum(total.recovered_amount for total in result.totals if total.currency == row.currency)
    return row.recovered_amount / whole if whole else None


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


def gains(versions: Iterable[RecoveryFigures]) -> list[Gain]:
    """Return the difference of each version to the one before it, in each currency; versions in their order."""
    found, latest = [], dict[str, RecoveryFigures]()
    for row in versions:
        settled = row.recovered_amount + row.lost_amount
        before = latest.get(row.currency)
        if not settled:
            continue
        if before is not None:
            usual = Fraction(before.recovered_amount, before.recovered_amount + before.lost_amount)
            gain = Gain(
                version=row.key or "",
                before=before.key or "",
                currency=row.currency,
                amount=row.recovered_amount - round(settled * usual),
                open_amount=row.open_amount,
            )
            found.append(gain)
        latest[row.currency] = row
    return found


def as_csv(found: Iterable[CaseSum]) -> str:
    """Return groups of equal cases as lines of CSV, which a spreadsheet sums up by any column."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    writer.writerows(sorted(map(_line, found)))
    return text.getvalue()


def currency_of(code: str | None) -> str:
    """Return a currency's code; a provider may say anything, or nothing."""
    return code if code and _CURRENCY.fullmatch(code) else "other"


def rate(recovered: int, lost: int) -> float | None:
    """Return the share of the money that came back."""
    return recovered / (recovered + lost) if recovered + lost else None


def _time_to_recovery(waits: Sequence[Wait]) -> DaysToRecovery:
    def within(days: int) -> int:
        return sum(wait.number for wait in waits if wait.days <= days)

    paid = sum(wait.number for wait in waits)
    return DaysToRecovery(
        cases=paid,
        median=next((wait.days for wait in waits if 2 * within(wait.days) >= paid), None),
        within=tuple(PaidWithin(days=days, cases=within(days)) for days in WITHIN),
    )


def _figures(found: Iterable[CaseSum], key: Callable[[CaseSum], str | None]) -> tuple[RecoveryFigures, ...]:
    groups: dict[tuple[str | None, str], list[CaseSum]] = {}
    for each in found:
        groups.setdefault((key(each), currency_of(each.currency)), []).append(each)
    return tuple(_figure(*name, groups[name]) for name in sorted(groups))


def _figure(key: str | None, currency: str, alike: Sequence[CaseSum]) -> RecoveryFigures:
    def of(outcome: str) -> tuple[int, int]:
        found = [each for each in alike if each.outcome == outcome]
        return sum(each.number for each in found), sum(each.amount for each in found)

    (recovered, brought), (lost, gone), (still, owed), (dropped, let) = map(of, (RECOVERED, LOST, OPEN, DROPPED))
    part = rate(brought, gone)
    return RecoveryFigures(
        key=key,
        currency=currency,
        cases=sum(each.number for each in alike),
        amount=sum(each.amount for each in alike),
        recovered=recovered,
        recovered_amount=brought,
        lost=lost,
        lost_amount=gone,
        open=still,
        open_amount=owed,
        dropped=dropped,
        dropped_amount=let,
        rate=None if part is None else round(part, 4),
    )


def _line(each: CaseSum) -> tuple[str, ...]:
    values = (
        *(each.month, currency_of(each.currency), each.plan or UNKNOWN, each.policy_version),
        *(each.outcome, each.step or UNKNOWN, each.spared or "", each.number, each.amount),
    )
    return tuple(map(str, values))


def _months(now: datetime, first: str | None, last: str | None) -> tuple[int, int]:
    """Return the first and the last month as numbers."""
    end = _number(last if last is not None else f"{now.astimezone(UTC):%Y-%m}", "to")
    begin = _number(first, "from") if first is not None else end - MONTHS + 1
    if not 0 <= end - begin < MOST_MONTHS:
        raise InvalidInputError(f"from, to: from the earlier month to the later one, at most {MOST_MONTHS}")
    return begin, end


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
