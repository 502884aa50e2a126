from datetime import timedelta

import pytest

from kulanz.policy import facts as f
from kulanz.policy.effects import LookUpSubscription
from kulanz.policy.facts import Status
from kulanz.policy.state import CaseState, Situation, Standing
from tests.policy.stories import (
    DAY,
    HOUR,
    MONDAY,
    SUB,
    Stage,
    a_failure,
    a_paying_account,
    in_grace,
    plexo_but,
    terms,
)

KEY = terms(api_key=True)


def detail_of_the_hold(account: Stage) -> dict[str, object]:
    return next(
        dict(change.detail)
        for decision in account.decisions
        for change in decision.changes
        if change.rule == "dunning.hold_placed"
    )


@pytest.mark.parametrize("status", [Status.PAST_DUE, Status.UNPAID, Status.CANCELLED, Status.EXPIRED])
def test_a_fresh_look_that_says_unpaid_puts_the_case_on_hold(status: Status) -> None:
    account = in_grace(terms=KEY, answer=status)

    account.wait(MONDAY + 7 * DAY)

    assert account.times(LookUpSubscription) == [MONDAY + 7 * DAY]
    assert account.case.state is CaseState.ON_HOLD
    assert not detail_of_the_hold(account).get("unverified")


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.ON_TRIAL])
def test_a_fresh_look_that_says_active_is_a_recovery(status: Status) -> None:
    account = in_grace(terms=KEY, answer=status)

    account.wait(MONDAY + 7 * DAY)

    assert account.state.cases == ()
    assert account.state.standing is Standing.GOOD
    assert account.callbacks[-1] == "account.recovered"


def test_no_look_is_taken_without_an_api_key() -> None:
    account = in_grace()

    account.wait(MONDAY + 7 * DAY)

    assert account.times(LookUpSubscription) == []
    assert account.case.state is CaseState.ON_HOLD
    assert not detail_of_the_hold(account).get("unverified")


def test_without_an_answer_it_is_asked_again_operators_see_it_and_after_a_day_the_hold_is_unverified() -> None:
    account = in_grace(terms=KEY, answer=None)

    account.wait(MONDAY + 8 * DAY - timedelta(minutes=1))
    assert account.case.state is CaseState.GRACE
    assert account.alerts == ["provider_gives_no_answer"]
    account.wait(MONDAY + 8 * DAY)

    assert account.case.state is CaseState.ON_HOLD
    assert detail_of_the_hold(account)["unverified"] is True
    assert len(account.times(LookUpSubscription)) == 24


def test_an_answer_within_the_day_decides() -> None:
    account = in_grace(terms=KEY, answer=None)
    account.wait(MONDAY + 7.5 * DAY)

    account.answer = Status.PAST_DUE
    account.wait(MONDAY + 7.5 * DAY + HOUR)

    assert account.case.state is CaseState.ON_HOLD
    assert not detail_of_the_hold(account).get("unverified")


def test_an_answer_grown_old_behind_a_parked_event_is_asked_for_again() -> None:
    account = in_grace(terms=KEY)
    account.wait(MONDAY + 7 * DAY - HOUR)
    account.situation = Situation(parked=True)
    account.wait(MONDAY + 12 * DAY)

    account.situation = Situation()
    account.wait(MONDAY + 13 * DAY)

    assert account.case.state is CaseState.ON_HOLD
    assert not detail_of_the_hold(account).get("unverified")


def test_a_grace_of_zero_days_waits_for_no_look() -> None:
    account = a_paying_account(terms=terms(plexo_but(grace="0d", reminders=()), api_key=True))

    account.hear(a_failure(), at=MONDAY)

    assert account.times(LookUpSubscription) == []
    assert account.case.state is CaseState.ON_HOLD


def test_an_active_answer_settles_nothing_that_fails_afterwards_whatever_the_two_clocks_say() -> None:
    account = in_grace(terms=KEY, answer=Status.ACTIVE)
    account.wait(MONDAY + 7 * DAY)
    assert account.state.cases == ()

    account.hear(a_failure(MONDAY + 6 * DAY, key="lemonsqueezy:1140000"), at=MONDAY + 8 * DAY)

    assert account.case.state is CaseState.GRACE


def test_an_active_answer_from_a_clock_behind_the_providers_still_recovers() -> None:
    account = in_grace(terms=KEY, answer=Status.ACTIVE)
    account.hear(a_failure(MONDAY + 9 * DAY))

    account.wait(MONDAY + 8 * DAY)

    assert account.state.cases == ()


def test_a_look_that_nobody_answers_at_all_is_taken_again_after_an_hour() -> None:
    account = in_grace(terms=KEY)
    account.wait(MONDAY + 7 * DAY - HOUR)
    account.now = MONDAY + 7 * DAY
    account._decided(())

    account.wait(MONDAY + 7 * DAY + HOUR)

    assert account.times(LookUpSubscription) == [MONDAY + 7 * DAY + HOUR]
    assert account.case.state is CaseState.ON_HOLD


def test_two_cases_of_one_subscription_share_a_look() -> None:
    account = in_grace(terms=KEY)
    account.hear(a_failure(MONDAY, key="lemonsqueezy:1140000"))

    account.wait(MONDAY + 7 * DAY)

    facts = [
        fact for decision in account.decisions for fact in decision.facts if isinstance(fact, f.SubscriptionLookedUp)
    ]
    assert len(facts) == 1
    assert {case.state for case in account.state.cases} == {CaseState.ON_HOLD}
    assert facts[0].subscription == SUB
