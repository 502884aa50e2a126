"""Notices go out in the hours of the policy, never later than was promised, and a reminder on a day of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulanz.errors import PolicyError
from kulanz.policy import document
from kulanz.policy.calendar.hours import SendHours, Window
from kulanz.policy.calendar.time import Span
from kulanz.policy.document.collections import LevelRules
from kulanz.policy.document.rules import NoticeRules
from kulanz.policy.effects import SendMail
from kulanz.policy.facts import DisputeStatus
from kulanz.policy.state import CaseState
from tests.policy.stories import (
    DAY,
    HOUR,
    MONDAY,
    OTHER,
    Stage,
    a_failure,
    a_paying_account,
    a_subscription,
    a_success,
    plexo_but,
    terms,
    told_by_operator,
)

GRACE = 'name = "mine"\n[dunning]\ngrace = "7d"\n'
VIENNA = "Europe/Vienna"
OFFICE = Window.parse("09:00-17:00")


def an_account(*, zone: str = "UTC", dunning: dict[str, Any] | None = None, **rules: Any) -> Stage:
    policy = plexo_but(**{"provider_sends_failure_mail": False, **(dunning or {})})
    return a_paying_account(terms=terms(replace(policy, notices=NoticeRules(**rules)), zone=zone))


def sent(account: Stage) -> list[tuple[str, datetime]]:
    return [(effect.notice, at) for at, effect in account.done if isinstance(effect, SendMail)]


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A time in the week of MONDAY, the 2nd of March."""
    return datetime(2026, 3, 2 + day, hour, minute, tzinfo=UTC)


def test_a_failure_at_night_is_told_of_in_the_morning() -> None:
    account = an_account(send_between=OFFICE, zone=VIENNA)

    account.hear(a_failure(at(0, 22)), at=at(0, 22))
    assert account.mails == []
    assert account.callbacks[-1] == "account.grace_started"
    account.wait(at(1, 12))

    assert sent(account) == [("grace_started", at(1, 8))]  # Nine o'clock in Vienna.


def test_a_failure_in_the_hours_is_told_of_at_once() -> None:
    account = an_account(send_between=OFFICE)

    account.hear(a_failure(at(0, 14)), at=at(0, 14))

    assert sent(account) == [("grace_started", at(0, 14))]


def test_the_provider_that_mails_by_itself_leaves_nothing_to_tell_in_the_morning() -> None:
    account = an_account(send_between=OFFICE, dunning={"provider_sends_failure_mail": True})

    account.hear(a_failure(at(0, 22)), at=at(0, 22))
    account.wait(at(1, 12))

    assert account.mails == []


def test_reminders_wait_for_the_hours_and_the_final_warning_comes_before_its_time() -> None:
    account = an_account(send_between=OFFICE)
    account.hear(a_failure(at(0, 20)), at=at(0, 20))

    account.wait(at(7, 23))

    assert sent(account) == [
        ("grace_started", at(1, 9)),
        ("grace_reminder", at(3, 9)),
        ("grace_reminder", at(5, 9)),
        ("grace_warning", at(5, 16, 59)),
        ("downgraded", at(7, 20)),
    ]
    assert account.case.state is CaseState.ON_HOLD


def test_a_weekend_passes_without_a_notice() -> None:
    account = an_account(weekends=False, dunning={"reminders": document.parse(GRACE).dunning.reminders})
    account.hear(a_failure(at(1, 15)), at=at(1, 15))

    account.wait(at(8, 23))

    # Two days before the deadline is a Sunday.
    assert sent(account) == [
        ("grace_started", at(1, 15)),
        ("grace_warning", at(4, 23, 59)),
        ("downgraded", at(8, 15)),
    ]


def test_a_warning_that_has_no_hours_left_goes_out_all_the_same() -> None:
    account = an_account(send_between=OFFICE, dunning={"grace": "49h"})
    account.hear(a_failure(at(0, 18)), at=at(0, 18))

    account.wait(at(3, 0))

    warned = [moment for notice, moment in sent(account) if notice == "grace_warning"]
    assert warned == [at(0, 18)]
    assert account.case.state is CaseState.ON_HOLD


def test_a_dunning_letter_waits_for_the_hours_and_for_monday() -> None:
    levels = (
        LevelRules(after=Span(days=3), text="reminder", clause="4"),
        LevelRules(after=Span(days=5), text="demand", clause="4"),
    )
    account = an_account(
        send_between=OFFICE, weekends=False, zone=VIENNA, dunning={"levels": levels, "grace": "60d", "reminders": ()}
    )
    account.hear(a_failure(at(0, 20)), at=at(0, 20))

    account.wait(at(20, 0))

    letters = [moment for notice, moment in sent(account) if notice == "dunning_level"]
    assert letters == [at(4, 8), at(7, 8)]  # Friday morning; two days later is a Sunday.


@pytest.mark.parametrize("weekends", [False, True])
def test_the_notices_of_a_deletion_come_no_later_than_was_promised(*, weekends: bool) -> None:
    account = an_account(send_between=OFFICE, weekends=weekends)
    lost_at = at(5, 20)
    account.hear(told_by_operator(DisputeStatus.LOST, lost_at), at=lost_at)
    eligible = account.state.deletion_eligible_at
    assert eligible is not None
    spans = account.terms.current.dispute.deletion_notices

    account.wait(eligible)

    notices = [moment for notice, moment in sent(account) if notice == "data_deletion_notice"]
    promised = [span.before(eligible, "UTC") for span in spans]
    first, *later = zip(notices, promised, strict=True)
    assert first[0] == lost_at  # It is due at once: a promise does not wait for the hours.
    assert all(moment <= wanted < moment + 4 * DAY for moment, wanted in later)
    assert all(9 <= moment.hour < 17 and (weekends or moment.weekday() < 5) for moment, _ in later)


@pytest.mark.parametrize("one_a_day", [False, True])
def test_two_reminders_of_one_day_come_on_two(*, one_a_day: bool) -> None:
    account = an_account(one_a_day=one_a_day)
    account.hear(
        a_subscription(key=OTHER, renews_at=MONDAY),
        a_success(MONDAY - 30 * DAY, key="lemonsqueezy:2200000", subscription=OTHER, created_at=MONDAY - 30 * DAY),
    )
    account.hear(a_failure(), a_failure(key="lemonsqueezy:2200001", subscription=OTHER), at=MONDAY)

    account.wait(MONDAY + 3 * DAY + 12 * HOUR)

    days = [moment.date() - MONDAY.date() for notice, moment in sent(account) if notice == "grace_reminder"]
    assert days == ([2 * DAY, 3 * DAY] if one_a_day else [2 * DAY, 2 * DAY])


def test_a_reminder_gives_way_to_a_final_warning_of_its_day() -> None:
    account = an_account(
        one_a_day=True, dunning={"reminders": tuple(document.parse(f'{GRACE}reminders = ["5d"]').dunning.reminders)}
    )
    account.hear(a_failure(), at=MONDAY)

    account.wait(MONDAY + 6 * DAY + 12 * HOUR)

    assert [notice for notice, _ in sent(account)] == ["grace_started", "grace_warning"]


def test_no_reminder_comes_on_the_day_of_the_final_warning() -> None:
    reminders = tuple(document.parse(f'{GRACE}reminders = ["4d20h"]').dunning.reminders)
    account = an_account(one_a_day=True, dunning={"reminders": reminders})
    account.hear(a_failure(), at=MONDAY)

    account.wait(MONDAY + 6 * DAY)

    assert [notice for notice, _ in sent(account)] == ["grace_started", "grace_warning"]


@pytest.mark.parametrize("same", [False, True])
def test_two_addresses_of_one_account_are_two_recipients(*, same: bool) -> None:
    account = an_account(one_a_day=True)
    own = account.account.book.subscriptions[account.state.grants[0].subscription].seen.email
    told = {"key": OTHER, "renews_at": MONDAY, "email": own if same else "other@bakery.example"}
    paid = {"key": "lemonsqueezy:2200000", "subscription": OTHER, "created_at": MONDAY - 30 * DAY}
    account.hear(a_subscription(**told), a_success(MONDAY - 30 * DAY, **paid))
    account.hear(a_failure(), a_failure(key="lemonsqueezy:2200001", subscription=OTHER), at=MONDAY)

    account.wait(MONDAY + 3 * DAY + 12 * HOUR)

    days = [moment.date() - MONDAY.date() for notice, moment in sent(account) if notice == "grace_reminder"]
    assert days == ([2 * DAY, 3 * DAY] if same else [2 * DAY, 2 * DAY])


INSTANTS = st.integers(0, 2 * 366 * 86400).map(lambda seconds: MONDAY + timedelta(seconds=seconds))
WINDOWS = st.tuples(st.integers(0, 23), st.integers(1, 24)).filter(lambda pair: pair[0] < pair[1])
ZONES = st.sampled_from(["UTC", VIENNA, "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe"])


@given(instant=INSTANTS, window=WINDOWS, weekends=st.booleans(), zone=ZONES)
def test_the_next_and_the_last_of_the_hours_are_hours(
    *, instant: datetime, window: tuple[int, int], weekends: bool, zone: str
) -> None:
    begins, ends = (timedelta(hours=hour) for hour in window)
    hours = SendHours(window=Window(begins=begins, ends=ends), weekends=weekends)

    later, earlier = hours.at_or_after(instant, zone), hours.at_or_before(instant, zone)

    assert earlier <= instant <= later
    assert later - earlier <= timedelta(days=4)
    for moment in (later, earlier):
        assert hours.at_or_after(moment, zone) == moment == hours.at_or_before(moment, zone)
    assert (later == instant) is (earlier == instant)


@pytest.mark.parametrize("text", ["9-17", "09:00", "17:00-09:00", "09:00-09:30", "09:00-24:30", "25:00-26:00", 9])
def test_what_is_no_window_is_refused(text: object) -> None:
    said = f'"{text}"' if isinstance(text, str) else text
    with pytest.raises(PolicyError, match=r"notices\.send_between: line 3: expected a window of the day"):
        document.parse(
            f"[notices]\nsend_between = {said}\n[dunning]\ngrace = '7d'\n".replace("[n", 'name = "a"\n[n', 1)
        )


def test_a_window_is_shown_as_it_is_written() -> None:
    rules = document.parse(f'{GRACE}[notices]\nsend_between = "09:00-24:00"\nweekends = false\n').notices

    assert str(rules.send_between) == "09:00-24:00"
    assert rules.hours == SendHours(window=Window.parse("09:00-24:00"), weekends=False)
