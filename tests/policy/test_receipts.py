"""Which `active` stands for a payment, and which success settles a renewal."""

from __future__ import annotations

from typing import Any

import pytest

from kulanz.policy.effects import LookUpSubscription
from kulanz.policy.facts import BillingReason, Stamp, Status
from kulanz.policy.state import CaseState, Standing
from tests.policy.stories import (
    DAY,
    ENTERPRISE,
    HOUR,
    MONDAY,
    Stage,
    a_failure,
    a_paying_account,
    a_subscription,
    a_success,
    in_grace,
    on_hold,
    terms,
)

RESUMED = MONDAY + 9 * DAY


def resumed(account: Stage) -> Stage:
    """The provider shows our cancellation, and the customer takes it back in the portal: both events of one second."""
    account.hear(a_subscription(Status.CANCELLED, MONDAY + 7 * DAY, ends_at=MONDAY + 20 * DAY))
    twins = (a_subscription(stamp=Stamp(RESUMED, rank), renews_at=MONDAY + 20 * DAY) for rank in (1, 5))
    account.hear(*twins, at=RESUMED)
    return account


def test_a_resumption_in_the_portal_pays_nothing() -> None:
    account = resumed(on_hold())

    assert (account.case.state, account.state.plan) == (CaseState.ON_HOLD, "free")
    assert "account.recovered" not in account.callbacks


def test_a_resumption_whose_cancellation_was_lost_pays_nothing_either() -> None:
    account = on_hold()

    account.hear(a_subscription(at=RESUMED), at=RESUMED)

    assert account.case.state is CaseState.ON_HOLD


def test_the_invoice_of_a_resumed_subscription_is_looked_up_once() -> None:
    account = on_hold(terms=terms(api_key=True))
    looks = len(account.times(LookUpSubscription))

    resumed(account)
    account.wait(RESUMED + 3 * DAY)

    asked = [effect for _, effect in account.done if isinstance(effect, LookUpSubscription)][looks:]
    assert [effect.invoice for effect in asked] == [account.case.invoice]


def test_a_pause_that_is_taken_back_pays_nothing() -> None:
    account = in_grace()
    account.hear(a_subscription(Status.PAUSED, MONDAY + DAY, pause_mode="void"), at=MONDAY + DAY)

    account.hear(a_subscription(at=MONDAY + 2 * DAY), at=MONDAY + 2 * DAY)

    assert account.case.state is CaseState.GRACE


def test_an_active_with_another_variant_pays_nothing() -> None:
    account = in_grace()

    account.hear(a_subscription(at=MONDAY + DAY, variant=ENTERPRISE), at=MONDAY + DAY)

    assert account.case.state is CaseState.GRACE


def test_an_active_straight_after_past_due_is_a_payment_whose_event_was_lost() -> None:
    account = in_grace()

    account.hear(a_subscription(at=MONDAY + DAY), at=MONDAY + DAY)

    assert account.state.cases == ()
    assert account.callbacks[-1] == "account.recovered"


def test_an_active_between_two_failures_of_one_invoice_gives_no_new_grace() -> None:
    account = in_grace()
    for day in (2, 4, 6):
        account.hear(a_subscription(at=MONDAY + day * DAY, renews_at=MONDAY + 30 * DAY), at=MONDAY + day * DAY)
        at = MONDAY + day * DAY + HOUR
        account.hear(a_failure(at), a_subscription(Status.PAST_DUE, at), at=at)

    assert account.case.deadline == MONDAY + 7 * DAY


@pytest.mark.parametrize("invoice", [True, False], ids=["with an invoice", "of a snapshot alone"])
def test_a_subscription_that_is_called_unpaid_again_in_one_period_gets_no_new_grace(*, invoice: bool) -> None:
    account = in_grace() if invoice else a_paying_account()
    account.hear(a_subscription(Status.PAST_DUE, MONDAY), at=MONDAY)
    account.hear(a_subscription(at=MONDAY + 2 * DAY, renews_at=MONDAY + 30 * DAY), at=MONDAY + 2 * DAY)
    assert account.state.cases == ()

    account.hear(a_subscription(Status.PAST_DUE, MONDAY + 3 * DAY), at=MONDAY + 3 * DAY)

    assert account.case.deadline == MONDAY + 7 * DAY


def test_a_subscription_that_is_called_unpaid_in_the_next_period_gets_its_whole_grace() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.PAST_DUE, MONDAY), at=MONDAY)
    account.hear(a_subscription(at=MONDAY + 2 * DAY, renews_at=MONDAY + 30 * DAY), at=MONDAY + 2 * DAY)

    account.hear(a_subscription(Status.PAST_DUE, MONDAY + 30 * DAY), at=MONDAY + 30 * DAY)

    assert account.case.deadline == MONDAY + 37 * DAY


SOMETHING_ELSE: dict[str, dict[str, Any]] = {
    "zero": {"total": 0},
    "a one-time charge": {"reason": BillingReason.ONE_TIME},
    "an upgrade": {"reason": BillingReason.UPDATED},
}


@pytest.mark.parametrize("told", SOMETHING_ELSE.values(), ids=SOMETHING_ELSE)
def test_a_success_for_something_else_leaves_the_case_of_a_snapshot(told: dict[str, Any]) -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.PAST_DUE, MONDAY), at=MONDAY)

    account.hear(a_success(MONDAY + DAY, key="lemonsqueezy:77", **told), at=MONDAY + DAY)

    assert account.state.standing is Standing.GRACE


def test_a_success_without_a_reason_counts_as_the_renewal() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.PAST_DUE, MONDAY), at=MONDAY)

    account.hear(a_success(MONDAY + DAY, key="lemonsqueezy:77", reason=BillingReason.UNKNOWN), at=MONDAY + DAY)

    assert account.state.cases == ()


def test_a_success_without_a_reason_at_a_change_of_plan_is_for_the_change() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.PAST_DUE, MONDAY), at=MONDAY)
    at = MONDAY + DAY

    paid = a_success(at, key="lemonsqueezy:77", reason=BillingReason.UNKNOWN, created_at=at)
    account.hear(a_subscription(Status.PAST_DUE, at, variant=ENTERPRISE), paid, at=at)

    assert account.state.standing is Standing.GRACE
