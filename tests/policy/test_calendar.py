"""Deadlines by table: daylight saving, leap day, ends of months and years, and a clock that jumps forty days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kulanz.policy.calendar.time import Span
from kulanz.policy.state import CaseState
from tests.policy.stories import DAY, Stage, a_failure, a_subscription, plexo_but, terms

VIENNA, NEW_YORK = "Europe/Vienna", "America/New_York"


@pytest.mark.parametrize(
    ("zone", "failed", "grace", "ends", "hours"),
    [
        (VIENNA, "2026-03-25 09:00", "7d", "2026-04-01 09:00", 167),
        (VIENNA, "2026-10-22 09:00", "7d", "2026-10-29 09:00", 169),
        (VIENNA, "2026-03-22 02:30", "7d", "2026-03-29 03:30", 168),
        (VIENNA, "2026-10-18 02:30", "7d", "2026-10-25 02:30", 168),
        (VIENNA, "2026-03-25 09:00", "168h", "2026-04-01 10:00", 168),
        (VIENNA, "2026-10-22 09:00", "168h", "2026-10-29 08:00", 168),
        (NEW_YORK, "2026-03-05 09:00", "7d", "2026-03-12 09:00", 167),
        (NEW_YORK, "2026-10-29 09:00", "7d", "2026-11-05 09:00", 169),
        (NEW_YORK, "2026-03-01 02:30", "7d", "2026-03-08 03:30", 168),
        (NEW_YORK, "2026-10-25 01:30", "7d", "2026-11-01 01:30", 168),
        (NEW_YORK, "2026-03-05 09:00", "6d24h", "2026-03-12 09:00", 167),
        (VIENNA, "2028-02-25 09:00", "7d", "2028-03-03 09:00", 168),
        (VIENNA, "2026-02-25 09:00", "7d", "2026-03-04 09:00", 168),
        (VIENNA, "2028-02-29 23:59", "7d", "2028-03-07 23:59", 168),
        (VIENNA, "2028-02-29 09:00", "366d", "2029-03-01 09:00", 366 * 24),
        (NEW_YORK, "2026-04-28 09:00", "7d", "2026-05-05 09:00", 168),
        (NEW_YORK, "2026-01-31 09:00", "30d", "2026-03-02 09:00", 720),
        (VIENNA, "2026-12-29 09:00", "7d", "2027-01-05 09:00", 168),
        (NEW_YORK, "2026-12-31 23:30", "1d", "2027-01-01 23:30", 24),
        ("UTC", "2026-12-31 23:59", "7d", "2027-01-07 23:59", 168),
    ],
)
def test_grace_ends_by_the_calendar_of_the_account(zone: str, failed: str, grace: str, ends: str, hours: int) -> None:
    begun = at(failed, zone)
    account = a_paying_account(begun, zone, grace)

    account.hear(a_failure(begun, created_at=begun))

    assert account.case.deadline == at(ends, zone)
    assert account.case.deadline - begun == timedelta(hours=hours)
    account.wait(account.case.deadline)
    assert account.case.state is CaseState.ON_HOLD
    assert account.now == at(ends, zone)


@pytest.mark.parametrize(
    ("zone", "end", "span", "warned"),
    [
        (VIENNA, "2026-03-29 12:00", "2d", "2026-03-27 12:00"),
        (VIENNA, "2026-03-29 12:00", "48h", "2026-03-27 11:00"),
        (VIENNA, "2026-10-25 12:00", "48h", "2026-10-23 13:00"),
        (NEW_YORK, "2026-03-08 12:00", "2d", "2026-03-06 12:00"),
        (NEW_YORK, "2026-11-01 12:00", "48h", "2026-10-30 13:00"),
        (VIENNA, "2028-03-01 09:00", "1d", "2028-02-29 09:00"),
        (VIENNA, "2026-03-01 09:00", "1d", "2026-02-28 09:00"),
        (VIENNA, "2027-01-01 00:30", "2d", "2026-12-30 00:30"),
    ],
)
def test_what_comes_before_a_deadline_is_counted_by_the_same_calendar(
    zone: str, end: str, span: str, warned: str
) -> None:
    assert Span.parse(span).before(at(end, zone), zone) == at(warned, zone)


@pytest.mark.parametrize("zone", [VIENNA, NEW_YORK, "UTC"])
@pytest.mark.parametrize("jumped", ["2026-03-01 09:00", "2026-10-20 09:00", "2028-02-20 09:00", "2026-12-20 09:00"])
def test_a_clock_that_jumps_forty_days_warns_once_and_gives_the_promised_notice(zone: str, jumped: str) -> None:
    begun = at(jumped, zone)
    account = a_paying_account(begun, zone, "7d")
    account.hear(a_failure(begun, created_at=begun))

    account.jump(begun + 40 * DAY)
    promised = account.case.deadline
    account.wait(begun + 45 * DAY)

    assert promised >= begun + 40 * DAY + 24 * timedelta(hours=1)
    assert account.mails.count("grace_warning") == 1
    assert account.mails.count("grace_reminder") == 0
    assert account.case.state is CaseState.ON_HOLD
    assert account.case.held_at is not None
    assert account.case.held_at >= promised


@pytest.mark.parametrize("zone", [VIENNA, NEW_YORK])
def test_a_clock_that_jumps_over_a_hold_and_its_end_gives_the_case_up(zone: str) -> None:
    begun = at("2026-02-01 09:00", zone)
    account = a_paying_account(begun, zone, "7d")
    account.hear(a_failure(begun, created_at=begun))
    account.wait(begun + 8 * DAY)

    account.jump(begun + 48 * DAY)

    assert account.case.state is CaseState.EXHAUSTED
    assert account.state.plan == "free"


def at(wall: str, zone: str) -> datetime:
    """An instant by the clock on the wall of a zone."""
    return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def a_paying_account(begun: datetime, zone: str, grace: str) -> Stage:
    account = Stage(terms=terms(plexo_but(grace=grace), zone=zone), now=begun - DAY)
    account.hear(a_subscription(at=begun - 30 * DAY, renews_at=begun))
    account.wait(begun)
    return account
