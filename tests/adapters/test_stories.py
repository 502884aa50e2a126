"""The same stories, payload by payload, by whichever provider tells them: payloads to facts to decisions."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulanz.policy.state import Access, Catalogue, Standing
from tests.adapters.payload_source import BOUGHT_AT, DAY, MONDAY, PayloadSource, StoryEvent
from tests.adapters.payloads import PAYLOAD_SOURCES
from tests.policy.stories import Stage, terms
from tests.replacing import replace

pytestmark = pytest.mark.parametrize("source", PAYLOAD_SOURCES, ids=lambda teller: teller.name)


def a_stage(source: PayloadSource) -> Stage:
    """A stage on which the teller's variant is the professional plan."""
    catalogue = Catalogue.of(((source.variant, "professional"),))
    return Stage(terms=replace(terms(), catalogue=catalogue), now=BOUGHT_AT)


def hear(stage: Stage, source: PayloadSource, event: StoryEvent, at: datetime) -> None:
    for payload in source.tell(event, at):
        stage.hear(*source.facts(payload), at=at)


def a_customer(source: PayloadSource) -> Stage:
    """Somebody who has paid for thirty days that end on MONDAY."""
    stage = a_stage(source)
    hear(stage, source, StoryEvent.BUYS, BOUGHT_AT)
    return stage


def test_who_pays_has_the_plan(source: PayloadSource) -> None:
    stage = a_customer(source)

    assert (stage.state.plan, stage.state.access, stage.state.standing) == ("professional", Access.FULL, Standing.GOOD)
    assert (stage.state.cases, stage.state.holds) == ((), ())


def test_a_failed_renewal_opens_seven_days_of_grace(source: PayloadSource) -> None:
    stage = a_customer(source)

    hear(stage, source, StoryEvent.FAILS, MONDAY)

    assert (stage.state.plan, stage.state.standing) == ("professional", Standing.GRACE)
    assert (stage.case.subscription, stage.case.deadline) == (source.subscription, MONDAY + 7 * DAY)


def test_a_second_failure_leaves_the_deadline_where_it_is(source: PayloadSource) -> None:
    stage = a_customer(source)
    hear(stage, source, StoryEvent.FAILS, MONDAY)

    hear(stage, source, StoryEvent.FAILS_AGAIN, MONDAY + 2 * DAY)

    assert stage.case.deadline == MONDAY + 7 * DAY


def test_a_recovery_ends_the_case(source: PayloadSource) -> None:
    stage = a_customer(source)
    hear(stage, source, StoryEvent.FAILS, MONDAY)

    hear(stage, source, StoryEvent.RECOVERS, MONDAY + 3 * DAY)
    stage.wait(MONDAY + 8 * DAY)

    assert (stage.state.plan, stage.state.standing, stage.state.cases) == ("professional", Standing.GOOD, ())
    assert stage.cancelled == []


@pytest.mark.parametrize("left_out", [0, 1])
def test_one_lost_event_of_a_recovery_does_not_matter(source: PayloadSource, left_out: int) -> None:
    stage = a_customer(source)
    hear(stage, source, StoryEvent.FAILS, MONDAY)
    at = MONDAY + 3 * DAY

    stated = source.tell(StoryEvent.RECOVERS, at)
    for payload in stated[:left_out] + stated[left_out + 1 :]:
        stage.hear(*source.facts(payload), at=at)

    assert stage.state.standing is Standing.GOOD


def test_unpaid_after_the_grace_the_plan_is_free_and_the_subscription_is_cancelled(source: PayloadSource) -> None:
    stage = a_customer(source)
    hear(stage, source, StoryEvent.FAILS, MONDAY)
    stage.wait(MONDAY + 8 * DAY)

    assert (stage.state.plan, stage.state.access, stage.state.standing) == ("free", Access.FREE, Standing.ON_HOLD)
    assert stage.cancelled == [source.subscription]


def test_our_own_cancellation_that_comes_back_changes_nothing(source: PayloadSource) -> None:
    stage = a_customer(source)
    hear(stage, source, StoryEvent.FAILS, MONDAY)
    stage.wait(MONDAY + 8 * DAY)

    hear(stage, source, StoryEvent.CANCELS, MONDAY + 8 * DAY)

    assert (stage.state.plan, stage.state.standing) == ("free", Standing.ON_HOLD)


def test_a_late_payment_brings_the_plan_back(source: PayloadSource) -> None:
    stage = a_customer(source)
    hear(stage, source, StoryEvent.FAILS, MONDAY)
    stage.wait(MONDAY + 8 * DAY)
    hear(stage, source, StoryEvent.CANCELS, MONDAY + 8 * DAY)

    hear(stage, source, StoryEvent.RECOVERS, MONDAY + 9 * DAY)

    assert (stage.state.plan, stage.state.standing) == ("professional", Standing.GOOD)


def test_a_cancellation_gives_the_plan_to_the_end_of_the_period(source: PayloadSource) -> None:
    stage = a_customer(source)

    hear(stage, source, StoryEvent.CANCELS, BOUGHT_AT + 5 * DAY)
    stage.wait(MONDAY - DAY)
    before = stage.state.plan
    stage.wait(MONDAY)

    assert (before, stage.state.plan, stage.state.standing) == ("professional", "free", Standing.GOOD)


def test_what_the_provider_ends_gives_nothing(source: PayloadSource) -> None:
    stage = a_customer(source)

    hear(stage, source, StoryEvent.ENDS, MONDAY)

    assert (stage.state.plan, stage.state.access, stage.state.standing) == ("free", Access.FREE, Standing.GOOD)


def test_a_trial_gives_the_plan_and_ends_with_a_date(source: PayloadSource) -> None:
    stage = a_stage(source)

    hear(stage, source, StoryEvent.TRIES, MONDAY)

    assert (stage.state.plan, stage.state.standing) == ("professional", Standing.GOOD)
    assert ("trial_end", MONDAY + 14 * DAY) in [(timer.kind, timer.due_at) for timer in stage.state.timers]


@pytest.mark.parametrize("event", [StoryEvent.REFUNDS, StoryEvent.REFUNDS_PARTLY])
def test_a_refund_alone_takes_no_access(source: PayloadSource, event: StoryEvent) -> None:
    stage = a_customer(source)

    hear(stage, source, event, MONDAY - DAY)

    assert (stage.state.plan, stage.state.standing) == ("professional", Standing.GOOD)


def test_a_full_refund_that_nobody_asked_for_is_shown_to_operators_once(source: PayloadSource) -> None:
    stage = a_customer(source)

    hear(stage, source, StoryEvent.REFUNDS, MONDAY - DAY)
    hear(stage, source, StoryEvent.REFUNDS, MONDAY - DAY)

    assert len(stage.alerts) == 1


def test_an_inquiry_takes_nothing(source: PayloadSource) -> None:
    stage = a_customer(source)

    hear(stage, source, StoryEvent.INQUIRES, MONDAY - DAY)

    assert (stage.state.plan, stage.state.standing) == ("professional", Standing.GOOD)
    assert len(stage.state.chargebacks) == 1


def test_a_chargeback_suspends_at_once(source: PayloadSource) -> None:
    stage = a_customer(source)

    hear(stage, source, StoryEvent.DISPUTES, MONDAY - DAY)

    assert (stage.state.plan, stage.state.access, stage.state.standing) == ("free", Access.NONE, Standing.SUSPENDED)
    assert stage.cancelled == [source.subscription]


def test_a_chargeback_that_is_won_gives_everything_back(source: PayloadSource) -> None:
    stage = a_customer(source)
    hear(stage, source, StoryEvent.DISPUTES, MONDAY - 2 * DAY)

    hear(stage, source, StoryEvent.WINS, MONDAY - DAY)

    assert (stage.state.plan, stage.state.access, stage.state.standing) == (
        "professional",
        Access.FULL,
        Standing.GOOD,
    )
    assert stage.state.holds == ()


A_YEAR_OF_TROUBLE = (
    (StoryEvent.BUYS, BOUGHT_AT),
    (StoryEvent.FAILS, MONDAY),
    (StoryEvent.FAILS_AGAIN, MONDAY + DAY),
    (StoryEvent.RECOVERS, MONDAY + 2 * DAY),
    (StoryEvent.DISPUTES, MONDAY + 3 * DAY),
    (StoryEvent.WINS, MONDAY + 4 * DAY),
    (StoryEvent.CANCELS, MONDAY + 5 * DAY),
)


@given(data=st.data())
def test_a_story_told_in_any_order_and_twice_ends_the_same(source: PayloadSource, data: st.DataObject) -> None:
    stated = [payload for event, at in A_YEAR_OF_TROUBLE for payload in source.tell(event, at)]
    end = MONDAY + 5 * DAY
    straight = a_stage(source)
    straight.hear(*(fact for payload in stated for fact in source.facts(payload)), at=end)

    shuffled = a_stage(source)
    again = data.draw(st.lists(st.sampled_from(range(len(stated)))))
    for index in data.draw(st.permutations([*range(len(stated)), *again])):
        shuffled.hear(*source.facts(stated[index]), at=end)

    assert facts_of(shuffled) == facts_of(straight)


def facts_of(stage: Stage) -> object:
    """What the provider's facts alone give: our own promises depend on when we heard of what."""
    book, state = stage.account.book, stage.state
    return (
        (book.subscriptions, book.invoices, book.orders, book.disputes),
        [case.invoice for case in state.cases],
        [chargeback.status for chargeback in state.chargebacks],
    )


def test_what_happened_later_is_stamped_later(source: PayloadSource) -> None:
    events = [(StoryEvent.BUYS, BOUGHT_AT), (StoryEvent.FAILS, MONDAY), (StoryEvent.RECOVERS, MONDAY + DAY)]
    seen = [fact for event, at in events for payload in source.tell(event, at) for fact in source.facts(payload)]

    stamps = [fact.stamp.at for fact in seen if hasattr(fact, "stamp")]

    assert all(earlier <= later for earlier, later in pairwise(stamps))
