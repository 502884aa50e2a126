import pytest

from kulanz.policy.facts import OverrideKind, Status
from kulanz.policy.state import CaseState, Standing
from tests.policy.stories import (
    DAY,
    HOUR,
    MONDAY,
    SUB,
    a_failure,
    a_paying_account,
    a_subscription,
    a_success,
    an_override,
    in_grace,
)


@pytest.mark.parametrize("status", [Status.PAST_DUE, Status.UNPAID])
def test_a_snapshot_stands_in_for_a_failure_that_was_lost(status: Status) -> None:
    account = a_paying_account()

    account.hear(a_subscription(status, MONDAY), at=MONDAY)

    assert account.case.invoice is None
    assert account.case.deadline == MONDAY + 7 * DAY


@pytest.mark.parametrize("late", [-DAY, DAY], ids=["older than the snapshot", "newer than the snapshot"])
def test_the_late_failure_joins_the_case_that_a_snapshot_opened_and_the_later_deadline_holds(late) -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.PAST_DUE, MONDAY), at=MONDAY)

    account.hear(a_failure(MONDAY + late), at=MONDAY + 2 * DAY)

    assert account.case.invoice is not None
    assert account.case.deadline == MONDAY + 7 * DAY + max(late, 0 * DAY)
    assert account.callbacks.count("account.grace_started") == 1


def test_a_reminder_sent_for_the_snapshots_case_is_not_sent_again_for_the_invoices() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.PAST_DUE, MONDAY), at=MONDAY)
    account.wait(MONDAY + 2 * DAY)

    account.hear(a_failure(MONDAY - HOUR))
    account.wait(MONDAY + 3 * DAY)

    assert account.mails == ["grace_reminder"]


def test_a_hold_on_the_snapshots_case_stays_on_the_invoices() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.PAST_DUE, MONDAY), at=MONDAY)
    account.wait(MONDAY + 8 * DAY)

    account.hear(a_failure(MONDAY), at=MONDAY + 9 * DAY)

    assert account.case.state is CaseState.ON_HOLD
    assert account.state.plan == "free"
    assert account.callbacks.count("account.downgraded") == 1


def test_a_snapshots_case_that_was_given_up_is_given_up_for_the_invoice_too() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.PAST_DUE, MONDAY), at=MONDAY)
    account.wait(MONDAY + 50 * DAY)

    account.hear(a_failure(MONDAY), at=MONDAY + 51 * DAY)

    assert account.case.state is CaseState.EXHAUSTED
    assert account.state.plan == "free"


def test_an_older_snapshot_of_the_same_trouble_keeps_what_was_promised() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.UNPAID, MONDAY + 2 * DAY), at=MONDAY + 2 * DAY)

    account.hear(a_subscription(Status.PAST_DUE, MONDAY))

    assert account.case.deadline == MONDAY + 9 * DAY


def test_past_due_older_than_the_recovery_never_reopens_the_case() -> None:
    account = in_grace()
    account.hear(a_success(MONDAY + 2 * DAY), at=MONDAY + 2 * DAY)

    account.hear(a_subscription(Status.PAST_DUE, MONDAY + DAY))

    assert account.state.cases == ()
    assert account.state.standing is Standing.GOOD


def test_past_due_newer_than_the_last_success_opens_a_case() -> None:
    account = a_paying_account()
    account.hear(a_success(MONDAY), at=MONDAY)

    account.hear(a_subscription(Status.PAST_DUE, MONDAY + 30 * DAY), at=MONDAY + 30 * DAY)

    assert account.case.deadline == MONDAY + 37 * DAY


def test_an_active_snapshot_closes_what_a_snapshot_opened() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.PAST_DUE, MONDAY), at=MONDAY)

    account.hear(a_subscription(at=MONDAY + DAY), at=MONDAY + DAY)

    assert account.state.cases == ()
    assert account.state.timers == ()


def test_an_active_snapshot_older_than_past_due_closes_nothing() -> None:
    account = in_grace()

    account.hear(a_subscription(at=MONDAY - DAY))

    assert account.case.state is CaseState.GRACE


def test_a_waived_case_is_not_reopened_by_a_snapshot_that_is_still_past_due() -> None:
    account = in_grace()

    account.hear(an_override(OverrideKind.WAIVE, MONDAY + DAY), at=MONDAY + DAY)
    account.hear(a_subscription(Status.PAST_DUE, MONDAY + 2 * DAY), at=MONDAY + 2 * DAY)
    account.wait(MONDAY + 20 * DAY)

    assert account.state.standing is Standing.GOOD
    assert account.state.plan == "professional"
    assert not any(case.open for case in account.state.cases)


@pytest.mark.parametrize(
    "late",
    [a_failure(MONDAY - HOUR), a_subscription(Status.PAST_DUE, MONDAY - HOUR), a_failure(MONDAY + HOUR)],
    ids=["its failure", "an older snapshot", "a newer failure"],
)
def test_a_waived_case_of_a_snapshot_is_not_reopened_by_what_arrives_late(late) -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.PAST_DUE, MONDAY), at=MONDAY)
    account.hear(an_override(OverrideKind.WAIVE, MONDAY + DAY), at=MONDAY + DAY)

    account.hear(late, at=MONDAY + 2 * DAY)

    assert account.state.standing is Standing.GOOD
    assert not any(case.open for case in account.state.cases)


def test_the_case_of_a_snapshot_says_which_subscription_it_is_about() -> None:
    account = a_paying_account()

    account.hear(a_subscription(Status.PAST_DUE, MONDAY), at=MONDAY)

    assert account.case.subscription == SUB
    assert account.case.currency is None
