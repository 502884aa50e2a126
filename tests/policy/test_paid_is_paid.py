"""Which plan is paid for after a change of plan (plexo 5.1, 5.2), and what a failed charge for it does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from kulanz.policy import facts as f
from kulanz.policy.facts import BillingReason, InvoiceStatus, Status
from kulanz.policy.state import CaseState, Standing
from tests.policy.stories import (
    DAY,
    ENTERPRISE,
    HOUR,
    LONG_AGO,
    MONDAY,
    PLEXO,
    PRO,
    SEATS,
    Stage,
    a_failure,
    a_paying_account,
    a_subscription,
    a_success,
    an_invoice,
    terms,
)
from tests.replacing import replace

CHANGED = MONDAY - 10 * DAY
"""Within the paid period, which ends on MONDAY."""
UPGRADE: dict[str, Any] = {"key": "lemonsqueezy:1120000", "reason": BillingReason.UPDATED, "total": 3000}
WHEN_PAID = terms(replace(PLEXO, plan_change=replace(PLEXO.plan_change, upgrade="when_paid")))


def changed_to(variant: str, at: datetime = CHANGED, **told: Any) -> f.SubscriptionSeen:
    return a_subscription(at=at, variant=variant, **{"renews_at": MONDAY, **told})


def upgraded(**stage: Any) -> Stage:
    """An account that pays for Professional and has just chosen Enterprise."""
    account = a_paying_account(now=LONG_AGO, **stage)
    account.hear(changed_to(ENTERPRISE), at=CHANGED)
    return account


def unpaid_upgrade(**stage: Any) -> Stage:
    """The same account, whose charge for the change failed, so that the provider calls it past due."""
    account = upgraded(**stage)
    account.hear(a_failure(CHANGED + HOUR, created_at=CHANGED, **UPGRADE), at=CHANGED + HOUR)
    past_due = a_subscription(Status.PAST_DUE, CHANGED + HOUR, variant=ENTERPRISE, renews_at=CHANGED + 4 * DAY)
    account.hear(past_due)
    return account


def test_a_dearer_plan_counts_at_once_where_the_difference_goes_with_the_next_renewal_5_1() -> None:
    assert upgraded().state.plan == "enterprise"


def test_an_upgrade_whose_charge_failed_leaves_the_paid_plan_and_opens_no_case_5_1() -> None:
    account = unpaid_upgrade()

    assert (account.state.plan, account.state.standing, account.state.cases) == ("professional", Standing.GOOD, ())
    assert ("plan.upgrade_unpaid", "5.1") in account.rules
    account.wait(MONDAY - HOUR)

    assert (account.state.plan, account.mails, account.cancelled) == ("professional", [], [])


def test_an_upgrade_that_is_paid_at_last_counts() -> None:
    account = unpaid_upgrade()

    account.hear(a_success(CHANGED + 2 * DAY, created_at=CHANGED, **UPGRADE), at=CHANGED + 2 * DAY)
    account.hear(changed_to(ENTERPRISE, CHANGED + 2 * DAY))

    assert (account.state.plan, account.state.cases) == ("enterprise", ())


def seats(at: datetime, quantity: int, **told: Any) -> f.SubscriptionSeen:
    return a_subscription(at=at, variant=SEATS, product="seats", quantity=quantity, **{"renews_at": MONDAY, **told})


def test_more_pieces_of_an_add_on_count_at_once_where_no_charge_for_them_is_known_5_1() -> None:
    account = Stage(now=LONG_AGO)
    account.hear(seats(LONG_AGO, 2), seats(CHANGED, 500))

    assert dict(account.state.quantities) == {"seats": 500}


def test_more_pieces_whose_charge_failed_count_only_once_it_is_paid_5_1() -> None:
    account = Stage(now=LONG_AGO)
    account.hear(seats(LONG_AGO, 2))
    account.hear(seats(CHANGED, 500), at=CHANGED)
    account.hear(a_failure(CHANGED + HOUR, created_at=CHANGED, **UPGRADE), at=CHANGED + HOUR)
    account.hear(seats(CHANGED + HOUR, 500, status=Status.PAST_DUE, renews_at=CHANGED + 4 * DAY))
    unpaid = account.state.quantities, account.state.cases

    account.hear(a_success(CHANGED + 2 * DAY, created_at=CHANGED, **UPGRADE), at=CHANGED + 2 * DAY)
    account.hear(seats(CHANGED + 2 * DAY, 500))

    assert unpaid == ((("seats", 2),), ())
    assert ("plan.pieces_unpaid", "5.1") in account.rules
    assert dict(account.state.quantities) == {"seats": 500}


def test_pieces_that_are_never_paid_and_taken_back_do_not_count_month_after_month() -> None:
    account = Stage(now=LONG_AGO)
    account.hear(seats(LONG_AGO, 2))
    given = []
    for month in range(3):
        at = CHANGED + month * 30 * DAY
        failed = {**UPGRADE, "key": f"lemonsqueezy:11200{month}"}
        account.hear(seats(at, 500, renews_at=at + 20 * DAY), at=at)
        account.hear(a_failure(at + HOUR, created_at=at, **failed), at=at + HOUR)
        given.append(dict(account.state.quantities))
        account.hear(seats(at + 2 * DAY, 2, renews_at=at + 20 * DAY), at=at + 2 * DAY)

    assert given == [{"seats": 2}] * 3
    assert account.state.cases == ()


def test_pieces_count_that_a_renewal_paid_for_since() -> None:
    account = Stage(now=LONG_AGO)
    account.hear(seats(LONG_AGO, 2), seats(CHANGED, 500))
    account.hear(a_failure(CHANGED + HOUR, created_at=CHANGED, **UPGRADE), a_success(MONDAY), at=MONDAY)

    assert dict(account.state.quantities) == {"seats": 500}


def test_an_add_on_that_was_added_to_a_subscription_unpaid_gives_nothing_and_is_shown() -> None:
    both = (f.SubscribedItem(variant=PRO, product="professional"), f.SubscribedItem(variant=SEATS, product="seats"))
    account = a_paying_account(now=LONG_AGO)
    account.hear(changed_to(PRO, items=both), at=CHANGED)
    account.hear(a_failure(CHANGED + HOUR, created_at=CHANGED, **UPGRADE), at=CHANGED + HOUR)

    assert (account.state.plan, account.state.add_ons, account.state.quantities) == ("professional", (), ())
    assert ("plan.pieces_unpaid", "5.1") in account.rules


def test_an_unpaid_upgrade_that_stands_at_the_end_of_the_paid_period_begins_a_case_with_the_whole_grace() -> None:
    account = unpaid_upgrade()

    account.wait(MONDAY)

    assert (account.case.state, account.case.opened_at) == (CaseState.GRACE, MONDAY)
    assert account.case.deadline == MONDAY + 7 * DAY
    assert account.state.plan == "professional"
    account.wait(MONDAY + 8 * DAY)

    assert account.state.plan == "free"


def test_a_failed_renewal_after_an_unpaid_upgrade_is_one_case() -> None:
    account = unpaid_upgrade()

    account.hear(a_failure(MONDAY), at=MONDAY)

    assert account.case.invoice is not None
    assert account.case.deadline == MONDAY + 7 * DAY


def test_the_failure_of_an_upgrade_that_is_told_after_its_past_due_closes_the_case_of_the_snapshot() -> None:
    account = upgraded()
    account.hear(a_subscription(Status.PAST_DUE, CHANGED + HOUR, variant=ENTERPRISE), at=CHANGED + HOUR)
    assert account.state.standing is Standing.GRACE

    account.hear(a_failure(CHANGED + HOUR, created_at=CHANGED, **UPGRADE), at=CHANGED + 2 * HOUR)

    assert (account.state.plan, account.state.cases) == ("professional", ())
    assert "dunning.explained" in [rule for rule, _ in account.rules]
    assert "recovered" not in account.mails


def test_a_charge_for_more_seats_that_failed_opens_no_case_while_the_period_is_paid() -> None:
    account = a_paying_account(now=LONG_AGO)
    account.hear(a_failure(CHANGED, created_at=CHANGED, **UPGRADE), at=CHANGED)

    account.hear(a_subscription(Status.PAST_DUE, CHANGED, quantity=9))

    assert (account.state.plan, account.state.cases) == ("professional", ())


def test_an_old_unpaid_charge_for_a_change_explains_nothing_in_a_later_period() -> None:
    account = unpaid_upgrade()
    account.hear(a_success(MONDAY), changed_to(ENTERPRISE, MONDAY, renews_at=MONDAY + 30 * DAY), at=MONDAY)
    late = MONDAY + 30 * DAY
    account.hear(changed_to(ENTERPRISE, late, renews_at=late + 30 * DAY), at=late)

    account.hear(a_subscription(Status.PAST_DUE, late + HOUR, variant=ENTERPRISE), at=late + HOUR)

    assert account.case.deadline == late + HOUR + 7 * DAY


@pytest.mark.parametrize("failure", [True, False], ids=["its charge fails", "no charge is made"])
def test_a_plan_that_was_never_paid_for_is_not_kept_after_the_downgrade_5_2(*, failure: bool) -> None:
    account = upgraded()
    if failure:
        account.hear(a_failure(CHANGED + HOUR, created_at=CHANGED, **UPGRADE), at=CHANGED + HOUR)

    account.hear(changed_to(PRO, CHANGED + 2 * HOUR), at=CHANGED + 2 * HOUR)

    assert account.state.plan == "professional"


def test_a_plan_that_was_paid_for_is_kept_after_the_downgrade_5_2() -> None:
    account = upgraded()
    account.hear(a_success(CHANGED, **{**UPGRADE, "created_at": CHANGED - HOUR / 30}))

    account.hear(changed_to(PRO, CHANGED + 2 * HOUR), at=CHANGED + 2 * HOUR)

    assert account.state.plan == "enterprise"
    account.wait(MONDAY)
    assert account.state.plan == "professional"


def test_a_trial_of_a_higher_plan_is_not_kept_once_a_payment_was_told_5_2() -> None:
    account = Stage(now=CHANGED)
    account.hear(
        a_subscription(Status.ON_TRIAL, CHANGED, variant=ENTERPRISE, renews_at=MONDAY),
        a_success(CHANGED, key="lemonsqueezy:1", total=0, reason=BillingReason.INITIAL, created_at=CHANGED),
    )

    account.hear(changed_to(PRO, CHANGED + DAY, status=Status.ON_TRIAL), at=CHANGED + DAY)

    assert account.state.plan == "professional"


def test_a_policy_may_let_an_upgrade_count_only_when_it_is_paid() -> None:
    account = upgraded(terms=WHEN_PAID)
    assert account.state.plan == "professional"

    account.hear(a_success(CHANGED + DAY, created_at=CHANGED, **UPGRADE), at=CHANGED + DAY)

    assert account.state.plan == "enterprise"


def test_a_renewal_that_is_paid_under_the_dearer_plan_pays_for_it_too() -> None:
    account = upgraded(terms=WHEN_PAID)

    account.hear(a_success(MONDAY), at=MONDAY)

    assert account.state.plan == "enterprise"


def test_an_upgrade_whose_charge_was_voided_counts() -> None:
    account = unpaid_upgrade()

    account.hear(an_invoice(CHANGED + DAY, InvoiceStatus.VOID, created_at=CHANGED, **UPGRADE), at=CHANGED + DAY)

    assert account.state.plan == "enterprise"


def test_an_unpaid_upgrade_that_was_taken_back_is_no_debt_when_the_news_of_the_next_renewal_is_lost() -> None:
    account = unpaid_upgrade()
    back = CHANGED + 2 * HOUR
    account.hear(changed_to(PRO, back), at=back)

    account.hear(changed_to(PRO, MONDAY, renews_at=MONDAY + 30 * DAY), at=MONDAY)
    account.wait(MONDAY + 6 * DAY)

    assert (account.state.plan, account.state.standing, account.state.cases) == ("professional", Standing.GOOD, ())


def test_a_renewal_that_is_called_unpaid_is_not_settled_by_going_back_from_an_unpaid_upgrade() -> None:
    account = unpaid_upgrade()
    unpaid, back = MONDAY + HOUR, MONDAY + 2 * HOUR
    account.hear(a_subscription(Status.PAST_DUE, unpaid, variant=ENTERPRISE, renews_at=None), at=unpaid)

    account.hear(changed_to(PRO, back, renews_at=MONDAY + 30 * DAY), at=back)

    assert account.state.standing is Standing.GRACE


@pytest.mark.parametrize("after", [timedelta(), timedelta(minutes=4)])
@pytest.mark.parametrize("reason", [BillingReason.INITIAL, BillingReason.UNKNOWN, BillingReason.RENEWAL])
def test_what_was_just_paid_for_the_cheaper_plan_pays_for_no_upgrade(after: timedelta, reason: BillingReason) -> None:
    account = Stage(now=LONG_AGO)
    first = {"key": "lemonsqueezy:1100000", "created_at": LONG_AGO}
    bought = BillingReason.INITIAL if reason is BillingReason.RENEWAL else reason
    account.hear(a_subscription(renews_at=MONDAY), a_success(LONG_AGO, reason=bought, **first))
    paid = LONG_AGO
    if reason is BillingReason.RENEWAL:
        paid = MONDAY
        account.hear(a_success(MONDAY), changed_to(PRO, MONDAY, renews_at=MONDAY + 30 * DAY), at=MONDAY)
    upgraded_at = paid + after

    account.hear(changed_to(ENTERPRISE, upgraded_at, renews_at=paid + 30 * DAY), at=upgraded_at)
    account.hear(a_failure(upgraded_at, created_at=upgraded_at, **UPGRADE))

    assert account.state.plan == "professional"


def test_a_renewal_at_the_dearer_price_a_moment_before_the_dearer_plan_pays_for_it() -> None:
    account = a_paying_account(now=LONG_AGO, terms=WHEN_PAID)

    account.hear(a_success(MONDAY, total=9900), at=MONDAY)
    changed = MONDAY + timedelta(minutes=2)
    account.hear(changed_to(ENTERPRISE, changed, renews_at=MONDAY + 30 * DAY), at=changed)

    assert account.state.plan == "enterprise"
