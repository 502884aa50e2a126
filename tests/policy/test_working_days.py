"""Deadlines in working days, by the calendars of real countries."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from kulanz.policy.calendar.working_days import after, end_of_period, weekdays
from kulanz.runtime.holidays import is_working_day


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("country", "zone", "began", "days", "due"),
    [
        ("AT", "Europe/Vienna", "2026-03-02T10:00+01:00", 3, "2026-03-05T10:00+01:00"),
        ("AT", "Europe/Vienna", "2026-03-06T10:00+01:00", 3, "2026-03-11T10:00+01:00"),
        ("AT", "Europe/Vienna", "2026-03-07T10:00+01:00", 1, "2026-03-09T10:00+01:00"),
        # Easter Monday, and the clocks go forward before it.
        ("AT", "Europe/Vienna", "2026-03-27T10:00+01:00", 6, "2026-04-07T10:00+02:00"),
        # Germany has Good Friday off, and Austria has not.
        ("DE", "Europe/Berlin", "2026-04-02T10:00+02:00", 1, "2026-04-07T10:00+02:00"),
        ("AT", "Europe/Vienna", "2026-04-02T10:00+02:00", 1, "2026-04-03T10:00+02:00"),
        # Christmas, St. Stephen's, New Year, Epiphany; a year's end.
        ("AT", "Europe/Vienna", "2026-12-23T10:00+01:00", 10, "2027-01-11T10:00+01:00"),
        # Fourth of July 2026 is a Saturday: the Friday before is off.
        ("US", "America/New_York", "2026-07-01T10:00-04:00", 2, "2026-07-06T10:00-04:00"),
        # Friday and Saturday are the weekend.
        ("EG", "Africa/Cairo", "2026-03-12T10:00+02:00", 1, "2026-03-15T10:00+02:00"),
        ("AT", "UTC", "2028-02-28T10:00+00:00", 1, "2028-02-29T10:00+00:00"),
        ("XX", "UTC", "2026-12-24T10:00+00:00", 1, "2026-12-25T10:00+00:00"),
        ("AT", "UTC", "2026-03-02T10:00+00:00", 0, "2026-03-02T10:00+00:00"),
    ],
)
def test_a_deadline_falls_on_the_so_many_th_working_day_at_the_same_wall_time(
    country: str, zone: str, began: str, days: int, due: str
) -> None:
    assert after(at(began), days, zone, lambda day: is_working_day(country, day)) == at(due)


def test_a_request_late_in_the_evening_counts_from_its_own_day_in_its_own_zone() -> None:
    # Monday in New York, Tuesday in UTC.
    due = after(at("2026-03-02T22:00-05:00"), 1, "America/New_York", lambda day: weekdays("", day))

    assert due == at("2026-03-03T22:00-05:00")


@pytest.mark.parametrize(
    ("began", "until"),
    [
        ("2026-03-02T10:00+01:00", "2026-03-16T23:59:59+01:00"),
        # The fourteenth day is a Saturday, the Monday after it is Easter Monday.
        ("2026-03-21T10:00+01:00", "2026-04-07T23:59:59+02:00"),
    ],
)
def test_a_statutory_period_ends_with_its_last_day_or_the_next_working_day(began: str, until: str) -> None:
    assert end_of_period(at(began), 14, "Europe/Vienna", lambda day: is_working_day("AT", day)) == at(until)


def test_a_country_that_nobody_knows_has_weekends() -> None:
    assert is_working_day("XX", date(2026, 12, 25))
    assert not is_working_day("XX", date(2026, 12, 26))
