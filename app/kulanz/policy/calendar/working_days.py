"""Deadlines in working days, by a calendar that is passed in: which days are holidays is no rule of ours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

Calendar = Callable[[str, date], bool]
"""Whether a day is a working day in a country (ISO 3166, two letters). Pure: the same answer every time."""


def weekdays(_country: str, day: date) -> bool:
    """Calendar without holidays: Monday to Friday are working days."""
    return day.isoweekday() <= 5  # noqa: PLR2004 - Friday


def after(instant: datetime, days: int, zone: str, is_working: Callable[[date], bool]) -> datetime:
    """Return the same wall time on the so many-th working day after the day of an instant."""
    local = instant.astimezone(ZoneInfo(zone))
    left, day = days, local
    while left > 0:
        day += timedelta(days=1)
        left -= is_working(day.date())
    return day.astimezone(UTC)


def end_of_period(began: datetime, days: int, zone: str, is_working: Callable[[date], bool]) -> datetime:
    """Return the last second of a statutory period of days: one that ends on a day off runs to the next working day.

    The day on which it begins is not counted (Regulation 1182/71, article 3).
    """
    last = began.astimezone(ZoneInfo(zone)) + timedelta(days=days)
    while not is_working(last.date()):
        last += timedelta(days=1)
    return last.replace(hour=23, minute=59, second=59, microsecond=0).astimezone(UTC)
