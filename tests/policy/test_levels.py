"""Dunning letters: when they go out, what they cost, and what stops them."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from kulanz.policy.calendar.time import Span
from kulanz.policy.document.collections import LevelRules
from kulanz.policy.effects import Notify, SendMail
from kulanz.policy.facts import DisputeStatus, Outcome, OverrideKind
from kulanz.policy.state import CaseState, Terms
from tests.policy.stories import (
    DAY,
    HOUR,
    MONDAY,
    Stage,
    a_dispute,
    a_success,
    an_override,
    in_grace,
    on_hold,
    plexo_but,
    terms,
)

LEVELS = (
    LevelRules(after=Span(days=4), text="reminder", clause="4"),
    LevelRules(after=Span(days=10), text="demand", fee=(("EUR", 500),), clause="4"),
    LevelRules(after=Span(days=20), text="last_demand", fee=(("EUR", 1000), ("USD", 1100)), clause="4"),
)


def with_levels(levels_from: str = "overdue", **dunning: Any) -> Terms:
    return terms(plexo_but(levels=LEVELS, levels_from=levels_from, reminders=(), **dunning))


def letters(account: Stage) -> list[tuple[timedelta, str]]:
    """When each dunning letter went out since MONDAY, and which it was."""
    return [
        (at - MONDAY, effect.data["letter"])
        for at, effect in account.done
        if isinstance(effect, SendMail) and effect.notice == "dunning_level"
    ]


def test_each_level_has_its_own_delay_text_and_fee() -> None:
    account = in_grace(terms=with_levels())

    account.wait(MONDAY + 25 * DAY)

    assert letters(account) == [(4 * DAY, "reminder"), (10 * DAY, "demand"), (20 * DAY, "last_demand")]
    debt = account.state.debt(account.case.key)
    assert debt is not None
    assert (debt.level, debt.fee, debt.fees) == (3, 1000, 1500)
    assert ("notice.dunning_level", "4") in account.rules


def test_fees_are_owed_beside_the_invoice_and_hold_no_case_open() -> None:
    account = in_grace(terms=with_levels())
    account.wait(MONDAY + 12 * DAY)
    (mail,) = [effect for _, effect in account.done if isinstance(effect, SendMail) and effect.data.get("level") == 2]

    assert (mail.data["amount_due"], mail.data["fee"], mail.data["total_due"]) == (1999, 500, 2499)
    account.hear(a_success(MONDAY + 13 * DAY), at=MONDAY + 13 * DAY)

    assert account.state.cases == ()
    assert account.state.debts == ()


def test_the_merchants_product_hears_of_each_letter() -> None:
    account = in_grace(terms=with_levels())

    account.wait(MONDAY + 12 * DAY)

    notifies = [item for _, item in account.done if isinstance(item, Notify) and item.type == "account.dunning_level"]
    assert [(item.step, item.data["fees"], item.data["reason"]["clause"]) for item in notifies] == [
        (1, 0, "4"),
        (2, 500, "4"),
    ]


def test_from_exhaustion_the_letters_wait_until_the_subscription_is_given_up() -> None:
    account = on_hold(terms=with_levels("exhausted"))

    account.wait(MONDAY + 37 * DAY)
    assert (account.case.state, letters(account)) == (CaseState.EXHAUSTED, [])
    account.wait(MONDAY + 60 * DAY)

    assert [at for at, _ in letters(account)] == [41 * DAY, 47 * DAY, 57 * DAY]
    assert account.state.timers == ()


@pytest.mark.parametrize("day", [2, 7, 12])
def test_a_payment_stops_the_letters(day: int) -> None:
    account = in_grace(terms=with_levels())

    account.hear(a_success(MONDAY + day * DAY), at=MONDAY + day * DAY)
    before = letters(account)
    account.wait(MONDAY + 60 * DAY)

    assert letters(account) == before
    assert account.state.timers == ()


def test_a_waiver_stops_the_letters() -> None:
    account = in_grace(terms=with_levels())

    account.hear(an_override(OverrideKind.WAIVE, MONDAY + 5 * DAY), at=MONDAY + 5 * DAY)
    account.wait(MONDAY + 60 * DAY)

    assert [letter for _, letter in letters(account)] == ["reminder"]


@pytest.mark.parametrize("exhausted", [False, True])
def test_a_dispute_stops_the_clock_of_the_letters_and_keeps_the_remaining_time(*, exhausted: bool) -> None:
    account = on_hold(terms=with_levels(hold_days="1d" if exhausted else "60d"))
    opened, won = MONDAY + 9 * DAY, MONDAY + 30 * DAY

    account.hear(a_dispute(DisputeStatus.OPENED, opened, opened_at=opened), at=opened)
    assert [timer for timer in account.state.timers if timer.kind == "dunning_level"] == []
    account.hear(a_dispute(DisputeStatus.WON, won, opened_at=opened), at=won)
    assert [timer.due_at for timer in account.state.timers if timer.kind == "dunning_level"] == [won + DAY]
    account.wait(MONDAY + 60 * DAY)

    assert [at for at, _ in letters(account)] == [4 * DAY, 31 * DAY, 41 * DAY]


def test_a_letter_that_waits_to_be_sent_is_not_sent_once_the_debt_is_disputed_or_paid() -> None:
    for news in (
        a_dispute(DisputeStatus.OPENED, MONDAY + 4 * DAY, opened_at=MONDAY + 4 * DAY),
        a_success(MONDAY + 4 * DAY),
    ):
        account = in_grace(terms=with_levels())
        account.wait(MONDAY + 4 * DAY - HOUR)
        account.now = MONDAY + 4 * DAY
        effects = account._decided(()).effects
        account.hear(news)

        account.carry_out(effects)

        assert letters(account) == []


def test_after_an_outage_a_case_gets_one_notice_and_the_next_letter_waits_its_turn_i5() -> None:
    account = in_grace(terms=with_levels())
    account.jump(MONDAY + 25 * DAY)
    back = account.now

    sent = [at for at, effect in account.done if isinstance(effect, SendMail)]
    account.wait(back + 40 * DAY)

    assert sent == [back]
    steps = [(effect.subject, effect.notice, effect.step) for _, effect in account.done if isinstance(effect, SendMail)]
    assert len(steps) == len(set(steps))
    moments = sorted(
        at for at, effect in account.done if isinstance(effect, SendMail) and effect.notice != "downgraded"
    )
    assert all(later - earlier >= HOUR for earlier, later in pairwise(moments))


def test_a_letter_that_could_not_be_sent_costs_nothing() -> None:
    account = in_grace(terms=with_levels(), mail=Outcome.FAILED)

    account.wait(MONDAY + 12 * DAY)

    debt = account.state.debt(account.case.key)
    assert debt is not None
    assert (debt.level, debt.fees) == (2, 0)


def test_a_policy_without_levels_sends_none() -> None:
    account = on_hold()

    account.wait(MONDAY + 60 * DAY)

    assert letters(account) == []
    assert account.state.debts == ()
