"""Pro rata prices by the days that are left: exact, and rounded once, half a minor unit upwards."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

from kulanz.policy.calendar.time import days_between, months_after

_LONGEST_MONTH = 32
"""Days that a month may have: 31, and one that has begun where daylight saving begins in it."""


def months_left(at: datetime, ends_at: datetime, zone: str, began: datetime | None = None) -> Fraction:
    """Return how many months are left from `at` to the end of a period, to the day; a day that has begun counts.

    Months are counted back from the end, and the one that has begun by its days. What is no longer than a month is
    never more than one: where the period's beginning is known, a period of such a length is a month of so many days.
    """
    if at >= ends_at:
        return Fraction(0)
    left = days_between(at, ends_at, zone)
    if began is not None and began <= at:
        period = days_between(began, ends_at, zone)
        if period <= _LONGEST_MONTH:
            return Fraction(left, period)
    result = _by_calendar(at, ends_at, zone)
    return min(result, Fraction(1)) if left <= _LONGEST_MONTH else result


def share_left(at: datetime, began: datetime, ends_at: datetime, zone: str) -> Fraction:
    """Return the part of a whole period that is left, by its days; a day that has begun counts as left."""
    whole = days_between(began, ends_at, zone)
    return min(Fraction(days_between(at, ends_at, zone), whole), Fraction(1)) if whole else Fraction(0)


def rounded(amount: Fraction) -> int:
    """Return whole minor units; half a unit is rounded up, away from zero."""
    halves = (abs(amount) * 2 + 1) // 2
    return int(halves if amount >= 0 else -halves)


def _by_calendar(at: datetime, ends_at: datetime, zone: str) -> Fraction:
    months = 0
    while months_after(ends_at, -months - 1, zone) >= at:
        months += 1
    boundary = months_after(ends_at, -months, zone)
    month = days_between(months_after(ends_at, -months - 1, zone), boundary, zone)
    return months + Fraction(days_between(at, boundary, zone), month)
