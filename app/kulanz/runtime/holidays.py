"""Working days by country: weekends and public holidays, from the `holidays` package."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import TYPE_CHECKING

from kulanz.policy.calendar.working_days import weekdays

if TYPE_CHECKING:
    from holidays import HolidayBase


def is_working_day(country: str, day: date) -> bool:
    """Whether a day is a working day in a country; a country without known holidays has weekends only."""
    calendar = _holidays_of(country)
    return weekdays(country, day) if calendar is None else calendar.is_working_day(day)


@cache
def _holidays_of(country: str) -> HolidayBase | None:
    """Load the holidays at the first deadline in working days."""
    from holidays import country_holidays  # noqa: PLC0415

    try:
        return country_holidays(country)
    except NotImplementedError:
        return None
