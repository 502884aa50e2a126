from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulanz.policy.calendar.time import Span, aware
from kulanz.policy.effects import SendMail
from kulanz.policy.facts import AddressKnown, OverrideKind
from kulanz.policy.state import Access, CaseState
from tests.policy.stories import DAY, HOUR, MONDAY, a_failure, a_paying_account, an_override, plexo_but, terms

VIENNA, NEW_YORK = "Europe/Vienna", "America/New_York"


@pytest.mark.parametrize(
    ("zone", "failed", "ends"),
    [
        (VIENNA, datetime(2026, 3, 25, 9, tzinfo=UTC), datetime(2026, 4, 1, 8, tzinfo=UTC)),
        (VIENNA, datetime(2026, 10, 21, 8, tzinfo=UTC), datetime(2026, 10, 28, 9, tzinfo=UTC)),
        (NEW_YORK, datetime(2026, 3, 4, 14, tzinfo=UTC), datetime(2026, 3, 11, 13, tzinfo=UTC)),
        (NEW_YORK, datetime(2026, 10, 28, 13, tzinfo=UTC), datetime(2026, 11, 4, 14, tzinfo=UTC)),
    ],
)
def test_daylight_saving_moves_the_instant_and_not_the_wall_time(zone: str, failed: datetime, ends: datetime) -> None:
    account = a_paying_account(terms=terms(zone=zone))

    account.hear(a_failure(failed, created_at=failed), at=failed)

    assert account.case.deadline == ends


@given(
    st.builds(Span, days=st.integers(0, 400), rest=st.timedeltas(timedelta(), timedelta(days=90))),
    st.timedeltas(-3000 * DAY, 3000 * DAY),
)
def test_where_no_clock_changes_a_span_is_as_long_as_by_the_calendar(span: Span, away: timedelta) -> None:
    instant = MONDAY + away

    assert span.after(instant, "UTC") == span.after(instant, "Etc/UTC")
    assert span.before(instant, "UTC") == span.before(instant, "Etc/UTC")


def test_the_accounts_own_zone_goes_before_the_settings() -> None:
    account = a_paying_account(terms=terms(zone=NEW_YORK))
    account.hear(AddressKnown(at=MONDAY, timezone="UTC"))

    account.hear(a_failure(), at=MONDAY)

    assert account.case.deadline == MONDAY + 7 * DAY


def test_a_mail_tells_the_deadline_in_the_zone_that_made_it() -> None:
    account = a_paying_account(terms=terms(zone=NEW_YORK))
    account.hear(AddressKnown(at=MONDAY, timezone=VIENNA))
    account.hear(a_failure(), at=MONDAY)

    account.wait(MONDAY + 3 * DAY)

    (mail,) = [effect for _, effect in account.done if isinstance(effect, SendMail)]
    assert mail.data["timezone"] == VIENNA


@pytest.mark.parametrize("warning", ["48h", "2d"])
@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_over_a_change_of_the_clocks_each_notice_goes_out_once(warning: str, hour: int) -> None:
    failed = datetime(2026, 3, 24, hour, 30, tzinfo=UTC)
    rules = plexo_but(final_warning=warning, warning_notice="24h")
    account = a_paying_account(terms=terms(rules, zone=VIENNA))
    account.hear(a_failure(failed, created_at=failed), at=failed)

    account.wait(failed + 8 * DAY)

    assert account.case.state is CaseState.ON_HOLD
    assert account.mails.count("grace_warning") == 1
    assert account.mails[-1] == "downgraded"


@pytest.mark.parametrize("hour", range(24))
def test_a_catch_up_just_before_the_clocks_change_warns_once(hour: int) -> None:
    failed = datetime(2026, 3, 1, 9, tzinfo=UTC)
    account = a_paying_account(terms=terms(plexo_but(final_warning="2d"), zone=VIENNA))
    account.hear(a_failure(failed, created_at=failed), at=failed)

    account.jump(datetime(2026, 3, 27, hour, 30, tzinfo=UTC))
    account.wait(datetime(2026, 4, 2, tzinfo=UTC))

    assert account.mails == ["grace_warning", "downgraded"]


def test_a_decision_at_an_earlier_time_than_the_last_takes_nothing_back_and_sends_nothing_twice() -> None:
    account = a_paying_account()
    account.hear(a_failure(), at=MONDAY)
    account.wait(MONDAY + 6 * DAY)
    before = list(account.done)

    account.now = MONDAY + 4 * DAY
    decision = account.hear()

    assert account.done == before
    assert account.case.deadline == MONDAY + 7 * DAY
    assert all(timer.due_at > account.now for timer in decision.state.timers)


def test_a_clock_set_back_after_the_hold_keeps_what_was_done() -> None:
    account = a_paying_account()
    account.hear(a_failure(), at=MONDAY)
    account.wait(MONDAY + 8 * DAY)

    account.now = MONDAY + 2 * DAY
    account.hear()

    assert account.case.state is CaseState.ON_HOLD
    assert account.mails.count("downgraded") == 1


def test_a_clock_set_back_behind_the_end_of_an_exception_puts_it_in_force_again_and_says_so() -> None:
    account = a_paying_account(now=MONDAY)
    account.hear(an_override(OverrideKind.SUSPEND, MONDAY, MONDAY + DAY))
    account.wait(MONDAY + 2 * DAY)

    account.now = MONDAY + HOUR
    account.hear()

    assert account.state.access is Access.NONE
    assert account.rules[-1] == ("override.in_force_again", "")


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("7d", Span(days=7)),
        ("48h", Span(rest=timedelta(hours=48))),
        ("1d12h", Span(days=1, rest=timedelta(hours=12))),
        ("90m", Span(rest=timedelta(minutes=90))),
    ],
)
def test_a_span_is_read(text: str, span: Span) -> None:
    assert Span.parse(text) == span


@pytest.mark.parametrize("text", ["", "7", "d", "7 d", "-7d", "12h1d", "1.5d", "7w"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a span"):
        Span.parse(text)


@pytest.mark.parametrize("text", ["0d", "7d", "1d12h", "30m", "1h1s"])
def test_a_span_reads_what_it_writes(text: str) -> None:
    assert str(Span.parse(text)) == text


def test_an_instant_needs_a_zone() -> None:
    assert aware(datetime(2026, 3, 2, 10, tzinfo=UTC)) == MONDAY + HOUR
    with pytest.raises(ValueError, match="naive"):
        aware(datetime(2026, 3, 2))  # noqa: DTZ001 - that is the point
