"""The same stories, payload by payload, by whichever provider tells them: payloads to facts to decisions."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulanz.policy.state import Access, Catalogue, Standing
from tests.adapters.teller import BOUGHT_AT, DAY, MONDAY, Chapter, Teller
from tests.adapters.tellers import TELLERS
from tests.policy.stories import Stage, terms

pytestmark = pytest.mark.parametrize("teller", TELLERS, ids=lambda teller: teller.name)


def a_stage(teller: Teller) -> Stage:
    """A stage on which the teller's variant is the professional plan."""
    catalogue = Catalogue.of(((teller.variant, "professional"),))
    return Stage(terms=replace(terms(), catalogue=catalogue), now=BOUGHT_AT)


def hear(stage: Stage, teller: Teller, chapter: Chapter, at: datetime) -> None:
    for payload in teller.tell(chapter, at):
        stage.hear(*teller.facts(payload), at=at)


def a_customer(teller: Teller) -> Stage:
    """Somebody who has paid for thirty days that end on MONDAY."""
    stage = a_stage(teller)
    hear(stage, teller, Chapter.BUYS, BOUGHT_AT)
    return stage


def test_who_pays_has_the_plan(teller: Teller) -> None:
    stage = a_customer(teller)

    assert (stage.state.plan, stage.state.access, stage.state.standing) == ("professional", Access.FULL, Standing.GOOD)
    assert (stage.state.cases, stage.state.holds) == ((), ())


def test_a_failed_renewal_opens_seven_days_of_grace(teller: Teller) -> None:
    stage = a_customer(teller)

    hear(stage, teller, Chapter.FAILS, MONDAY)

    assert (stage.state.plan, stage.state.standing) == ("professional", Standing.GRACE)
    assert (stage.case.subscription, stage.case.deadline) == (teller.subscription, MONDAY + 7 * DAY)


def test_a_second_failure_leaves_the_deadline_where_it_is(teller: Teller) -> None:
    stage = a_customer(teller)
    hear(stage, teller, Chapter.FAILS, MONDAY)

    hear(stage, teller, Chapter.FAILS_AGAIN, MONDAY + 2 * DAY)

    assert stage.case.deadline == MONDAY + 7 * DAY


def test_a_recovery_ends_the_case(teller: Teller) -> None:
    stage = a_customer(teller)
    hear(stage, teller, Chapter.FAILS, MONDAY)

    hear(stage, teller, Chapter.RECOVERS, MONDAY + 3 * DAY)
    stage.wait(MONDAY + 8 * DAY)

    assert (stage.state.plan, stage.state.standing, stage.state.cases) == ("professional", Standing.GOOD, ())
    assert stage.cancelled == []


@pytest.mark.parametrize("left_out", [0, 1])
def test_one_lost_event_of_a_recovery_does_not_matter(teller: Teller, left_out: int) -> None:
    stage = a_customer(teller)
    hear(stage, teller, Chapter.FAILS, MONDAY)
    at = MONDAY + 3 * DAY

    told = teller.tell(Chapter.RECOVERS, at)
    for payload in told[:left_out] + told[left_out + 1 :]:
        stage.hear(*teller.facts(payload), at=at)

    assert stage.state.standing is Standing.GOOD


def test_unpaid_after_the_grace_the_plan_is_free_and_the_subscription_is_cancelled(teller: Teller) -> None:
    stage = a_customer(teller)
    hear(stage, teller, Chapter.FAILS, MONDAY)
    stage.wait(MONDAY + 8 * DAY)

    assert (stage.state.plan, stage.state.access, stage.state.standing) == ("free", Access.FREE, Standing.ON_HOLD)
    assert stage.cancelled == [teller.subscription]


def test_our_own_cancellation_that_comes_back_changes_nothing(teller: Teller) -> None:
    stage = a_customer(teller)
    hear(stage, teller, Chapter.FAILS, MONDAY)
    stage.wait(MONDAY + 8 * DAY)

    hear(stage, teller, Chapter.CANCELS, MONDAY + 8 * DAY)

    assert (stage.state.plan, stage.state.standing) == ("free", Standing.ON_HOLD)


def test_a_late_payment_brings_the_plan_back(teller: Teller) -> None:
    stage = a_customer(teller)
    hear(stage, teller, Chapter.FAILS, MONDAY)
    stage.wait(MONDAY + 8 * DAY)
    hear(stage, teller, Chapter.CANCELS, MONDAY + 8 * DAY)

    hear(stage, teller, Chapter.RECOVERS, MONDAY + 9 * DAY)

    assert (stage.state.plan, stage.state.standing) == ("professional", Standing.GOOD)


def test_a_cancellation_gives_the_plan_to_the_end_of_the_period(teller: Teller) -> None:
    stage = a_customer(teller)

    hear(stage, teller, Chapter.CANCELS, BOUGHT_AT + 5 * DAY)
    stage.wait(MONDAY - DAY)
    before = stage.state.plan
    stage.wait(MONDAY)

    assert (before, stage.state.plan, stage.state.standing) == ("professional", "free", Standing.GOOD)


def test_what_the_provider_ends_gives_nothing(teller: Teller) -> None:
    stage = a_customer(teller)

    hear(stage, teller, Chapter.ENDS, MONDAY)

    assert (stage.state.plan, stage.state.access, stage.state.standing) == ("free", Access.FREE, Standing.GOOD)


def test_a_trial_gives_the_plan_and_ends_with_a_date(teller: Teller) -> None:
    stage = a_stage(teller)

    hear(stage, teller, Chapter.TRIES, MONDAY)

    assert (stage.state.plan, stage.state.standing) == ("professional", Standing.GOOD)
    assert ("trial_end", MONDAY + 14 * DAY) in [(timer.kind, timer.due_at) for timer in stage.state.timers]


@pytest.mark.parametrize("chapter", [Chapter.REFUNDS, Chapter.REFUNDS_PARTLY])
def test_a_refund_alone_takes_no_access(teller: Teller, chapter: Chapter) -> None:
    stage = a_customer(teller)

    hear(stage, teller, chapter, MONDAY - DAY)

    assert (stage.state.plan, stage.state.standing) == ("professional", Standing.GOOD)


def test_a_full_refund_that_nobody_asked_for_is_shown_to_operators_once(teller: Teller) -> None:
    stage = a_customer(teller)

    hear(stage, teller, Chapter.REFUNDS, MONDAY - DAY)
    hear(stage, teller, Chapter.REFUNDS, MONDAY - DAY)

    assert len(stage.alerts) == 1


def test_an_inquiry_takes_nothing(teller: Teller) -> None:
    stage = a_customer(teller)

    hear(stage, teller, Chapter.INQUIRES, MONDAY - DAY)

    assert (stage.state.plan, stage.state.standing) == ("professional", Standing.GOOD)
    assert len(stage.state.chargebacks) == 1


def test_a_chargeback_suspends_at_once(teller: Teller) -> None:
    stage = a_customer(teller)

    hear(stage, teller, Chapter.DISPUTES, MONDAY - DAY)

    assert (stage.state.plan, stage.state.access, stage.state.standing) == ("free", Access.NONE, Standing.SUSPENDED)
    assert stage.cancelled == [teller.subscription]


def test_a_chargeback_that_is_won_gives_everything_back(teller: Teller) -> None:
    stage = a_customer(teller)
    hear(stage, teller, Chapter.DISPUTES, MONDAY - 2 * DAY)

    hear(stage, teller, Chapter.WINS, MONDAY - DAY)

    assert (stage.state.plan, stage.state.access, stage.state.standing) == (
        "professional",
        Access.FULL,
        Standing.GOOD,
    )
    assert stage.state.holds == ()


A_YEAR_OF_TROUBLE = (
    (Chapter.BUYS, BOUGHT_AT),
    (Chapter.FAILS, MONDAY),
    (Chapter.FAILS_AGAIN, MONDAY + DAY),
    (Chapter.RECOVERS, MONDAY + 2 * DAY),
    (Chapter.DISPUTES, MONDAY + 3 * DAY),
    (Chapter.WINS, MONDAY + 4 * DAY),
    (Chapter.CANCELS, MONDAY + 5 * DAY),
)


@given(data=st.data())
def test_a_story_told_in_any_order_and_twice_ends_the_same(teller: Teller, data: st.DataObject) -> None:
    told = [payload for chapter, at in A_YEAR_OF_TROUBLE for payload in teller.tell(chapter, at)]
    end = MONDAY + 5 * DAY
    straight = a_stage(teller)
    straight.hear(*(fact for payload in told for fact in teller.facts(payload)), at=end)

    shuffled = a_stage(teller)
    again = data.draw(st.lists(st.sampled_from(range(len(told)))))
    for index in data.draw(st.permutations([*range(len(told)), *again])):
        shuffled.hear(*teller.facts(told[index]), at=end)

    assert facts_of(shuffled) == facts_of(straight)


def facts_of(stage: Stage) -> object:
    """What the provider's facts alone give: our own promises depend on when we heard of what."""
    book, state = stage.account.book, stage.state
    return (
        (book.subscriptions, book.invoices, book.orders, book.disputes),
        [case.invoice for case in state.cases],
        [one.status for one in state.chargebacks],
    )


def test_what_happened_later_is_stamped_later(teller: Teller) -> None:
    chapters = [(Chapter.BUYS, BOUGHT_AT), (Chapter.FAILS, MONDAY), (Chapter.RECOVERS, MONDAY + DAY)]
    seen = [fact for chapter, at in chapters for payload in teller.tell(chapter, at) for fact in teller.facts(payload)]

    stamps = [fact.stamp.at for fact in seen if hasattr(fact, "stamp")]

    assert all(earlier <= later for earlier, later in pairwise(stamps))
