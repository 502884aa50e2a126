"""Every subscription ends: one that is cancelled without a date, and one of which nothing is heard."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from kulanz.policy.effects import LookUpSubscription
from kulanz.policy.facts import BillingReason, OverrideKind, Status
from kulanz.policy.state import FREE
from tests.policy.stories import (
    DAY,
    LONG_AGO,
    MONDAY,
    Stage,
    a_failure,
    a_paying_account,
    a_subscription,
    a_success,
    an_override,
    terms,
)

CANCELLED = MONDAY - 20 * DAY


def ends_at(account: Stage) -> datetime | None:
    return next((grant.until for grant in account.state.grants), None)


def test_a_cancellation_without_an_end_ends_with_the_last_renewal_that_was_told() -> None:
    account = a_paying_account(now=LONG_AGO)

    account.hear(a_subscription(Status.CANCELLED, CANCELLED), at=CANCELLED)

    assert ends_at(account) == MONDAY
    account.wait(MONDAY)
    assert account.state.plan == FREE


def test_a_cancellation_without_any_date_ends_with_the_last_paid_period() -> None:
    account = Stage(now=LONG_AGO)
    paid = a_success(LONG_AGO, key="lemonsqueezy:1", reason=BillingReason.INITIAL, created_at=LONG_AGO)
    account.hear(a_subscription(), paid)

    account.hear(a_subscription(Status.CANCELLED, CANCELLED), at=CANCELLED)

    assert ends_at(account) == LONG_AGO + 30 * DAY


def test_a_cancellation_of_what_was_never_paid_ends_at_once() -> None:
    account = Stage(now=LONG_AGO)
    account.hear(a_subscription())

    account.hear(a_subscription(Status.CANCELLED, CANCELLED), at=CANCELLED)

    assert account.state.plan == FREE


@pytest.mark.parametrize(
    ("told", "plan"),
    [
        ({}, FREE),
        ({"ends_at": MONDAY}, "professional"),
        ({"ends_at": MONDAY + 30 * DAY}, FREE),
    ],
    ids=["no end", "an end that is paid for", "an end that is not"],
)
def test_a_cancellation_after_a_pause_gives_no_more_than_is_paid_for(told: dict[str, Any], plan: str) -> None:
    account = a_paying_account(now=LONG_AGO)
    account.hear(a_subscription(Status.PAUSED, CANCELLED - DAY, pause_mode="void"), at=CANCELLED - DAY)
    assert account.state.plan == FREE

    account.hear(a_subscription(Status.CANCELLED, CANCELLED, **told), at=CANCELLED)

    assert account.state.plan == plan


def test_a_renewal_that_nothing_is_heard_of_is_looked_up_and_the_plan_stays() -> None:
    account = a_paying_account(terms=terms(api_key=True), answer=Status.ACTIVE)

    account.wait(MONDAY + 20 * DAY)

    assert account.times(LookUpSubscription) == [MONDAY + 7 * DAY, MONDAY + 14 * DAY]
    assert account.state.plan == "professional"
    assert account.alerts == ["renewal_overdue"]


def test_without_a_key_a_renewal_that_nothing_is_heard_of_is_shown_to_operators() -> None:
    account = a_paying_account()

    account.wait(MONDAY + 7 * DAY)

    assert (account.alerts, account.times(LookUpSubscription)) == (["renewal_overdue"], [])


def test_a_renewal_that_was_waived_and_is_never_heard_of_again_is_shown_to_operators() -> None:
    account = a_paying_account()
    account.hear(a_failure(MONDAY), at=MONDAY)
    account.hear(an_override(OverrideKind.WAIVE, MONDAY + DAY), at=MONDAY + DAY)

    account.wait(MONDAY + 7 * DAY)

    assert account.state.plan == "professional"
    assert account.alerts == ["renewal_overdue"]


def test_invoices_by_hand_have_longer() -> None:
    account = Stage(now=LONG_AGO)
    account.hear(a_subscription(renews_at=MONDAY, by_hand=True))

    account.wait(MONDAY + 44 * DAY)
    assert account.alerts == []
    account.wait(MONDAY + 45 * DAY)

    assert account.alerts == ["renewal_overdue"]


def test_a_renewal_that_was_told_is_not_overdue() -> None:
    account = a_paying_account()

    account.hear(a_subscription(at=MONDAY, renews_at=MONDAY + 30 * DAY), at=MONDAY)
    account.wait(MONDAY + 30 * DAY)

    assert account.alerts == []
