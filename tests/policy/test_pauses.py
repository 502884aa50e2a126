"""Pauses of a subscription: dunning rests in them and keeps the remaining time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kulanz.policy.facts import DisputeStatus, Status
from kulanz.policy.state import CaseState
from tests.policy.stories import DAY, MONDAY, Stage, a_dispute, a_subscription, in_grace, on_hold

PAUSED = MONDAY + DAY


def paused(mode: str, resumes_at: object = None) -> Stage:
    """An account whose subscription is paused on the second day of grace."""
    account = in_grace()
    account.hear(a_subscription(Status.PAUSED, PAUSED, pause_mode=mode, pause_resumes_at=resumes_at), at=PAUSED)
    return account


@pytest.mark.parametrize(("mode", "plan"), [("free", "professional"), ("void", "free")])
def test_dunning_rests_in_a_pause_and_the_mode_says_what_is_given(mode: str, plan: str) -> None:
    account = paused(mode)

    account.wait(MONDAY + 60 * DAY)

    assert (account.case.state, account.case.paused, account.state.plan) == (CaseState.GRACE, True, plan)
    assert (account.mails, account.cancelled) == ([], [])


@pytest.mark.parametrize("mode", ["free", "void"])
def test_a_case_goes_on_with_its_remaining_time_when_the_subscription_runs_again(mode: str) -> None:
    account = paused(mode)

    account.hear(a_subscription(at=PAUSED + 20 * DAY), at=PAUSED + 20 * DAY)

    assert account.case.frozen_since is None
    assert account.case.deadline == MONDAY + 27 * DAY
    assert [rule for rule, _ in account.rules if rule.startswith("dunning.") and "pause" in rule] == [
        "dunning.paused",
        "dunning.unpaused",
    ]
    account.wait(MONDAY + 27 * DAY)
    assert account.case.state is CaseState.ON_HOLD


@pytest.mark.parametrize("mode", ["free", "void"])
def test_a_case_goes_on_after_a_pause_also_where_the_providers_clock_is_ahead(mode: str) -> None:
    account = paused(mode)

    account.hear(a_subscription(at=PAUSED + 20 * DAY), at=PAUSED + 20 * DAY - timedelta(seconds=5))

    account.wait(MONDAY + 27 * DAY)
    assert account.case.state is CaseState.ON_HOLD


def test_a_pause_that_is_told_after_its_end_gives_the_remaining_time_too() -> None:
    account = in_grace()

    account.hear(
        a_subscription(at=PAUSED + 3 * DAY),
        a_subscription(Status.PAUSED, PAUSED, pause_mode="void"),
        at=PAUSED + 3 * DAY,
    )

    assert account.case.deadline == MONDAY + 10 * DAY


def test_a_free_pause_ends_when_it_is_told_to_end() -> None:
    account = paused("free", resumes_at=PAUSED + 10 * DAY)

    account.wait(PAUSED + 10 * DAY)

    assert (account.case.frozen_since, account.case.deadline) == (None, MONDAY + 17 * DAY)


def test_after_ninety_days_of_a_free_pause_without_an_end_operators_are_asked_and_nothing_is_taken() -> None:
    account = paused("free")
    account.wait(PAUSED + 90 * DAY - timedelta(minutes=1))
    assert "pause_has_no_end" not in account.alerts

    account.wait(PAUSED + 100 * DAY)

    assert account.alerts.count("pause_has_no_end") == 1
    assert (account.state.plan, account.mails, account.cancelled) == ("professional", [], [])


def test_a_hold_keeps_its_remaining_time_in_a_pause() -> None:
    account = on_hold()
    ends = account.case.hold_ends_at
    account.hear(a_subscription(Status.PAUSED, MONDAY + 8 * DAY, pause_mode="void"), at=MONDAY + 8 * DAY)

    account.hear(a_subscription(Status.PAST_DUE, MONDAY + 18 * DAY), at=MONDAY + 18 * DAY)

    assert ends is not None
    assert account.case.hold_ends_at == ends + 10 * DAY


def test_a_dispute_that_outlasts_a_pause_keeps_the_time_of_both() -> None:
    account = paused("free")
    account.hear(a_dispute(DisputeStatus.UNDER_REVIEW, PAUSED + DAY), at=PAUSED + DAY)
    account.hear(a_subscription(Status.PAST_DUE, PAUSED + 3 * DAY), at=PAUSED + 3 * DAY)

    account.hear(a_dispute(DisputeStatus.WON, PAUSED + 5 * DAY), at=PAUSED + 5 * DAY)

    assert account.case.deadline >= MONDAY + 12 * DAY
