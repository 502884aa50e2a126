"""Cancellations by notice: the renewal is switched off at the provider, and what is paid for runs to its end."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulanz.commands import cancellations
from kulanz.errors import RefusedError
from kulanz.policy import facts as f
from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.facts import Outcome, Stamp, Status
from tests.policy.stories import (
    DAY,
    HOUR,
    MONDAY,
    OTHER,
    SUB,
    Stage,
    a_failure,
    a_paying_account,
    a_subscription,
    in_grace,
    terms,
)


def gives_notice(account: Stage, subscription: str | None = None, ident: str = "cn_1") -> f.CancellationNoted:
    """Note a cancellation as the API does."""
    order = cancellations.NoteCancellation(reason="by telephone", subscription=subscription)
    book = account.account.book
    noted = cancellations.note(order, account.state, book, account.moment, ident=ident, actor="ada")
    account.hear(noted)
    return noted


def shown_cancelled(account: Stage) -> None:
    """The provider tells of the cancellation that we asked for."""
    at = account.now + HOUR
    account.hear(a_subscription(Status.CANCELLED, at, ends_at=MONDAY), at=at)


def test_the_renewal_is_switched_off_and_the_plan_stays_to_the_end_of_the_period() -> None:
    account = a_paying_account()

    gives_notice(account)
    at_once = account.state.plan
    shown_cancelled(account)
    before = account.state
    account.wait(MONDAY)

    assert account.cancelled == [SUB]
    assert (at_once, before.plan, [timer.kind for timer in before.timers]) == (
        "professional",
        "professional",
        ["period_end"],
    )
    assert (account.state.plan, account.state.standing) == ("free", "good")
    assert account.resumed == []
    assert ("cancellation.noted", "4") in account.rules


def test_who_lets_the_provider_run_it_again_has_changed_their_mind() -> None:
    account = a_paying_account()
    gives_notice(account)
    shown_cancelled(account)

    again = account.now + DAY
    account.hear(a_subscription(Status.ACTIVE, again, stamp=Stamp(again, 3), renews_at=MONDAY), at=again)
    account.wait(MONDAY + DAY)

    assert account.state.plan == "professional"
    assert account.cancelled == [SUB]


def test_an_older_snapshot_that_comes_late_takes_no_notice_back() -> None:
    account = a_paying_account(now=MONDAY - 14 * DAY)
    gives_notice(account)

    account.hear(a_subscription(Status.ACTIVE, account.now - HOUR, renews_at=MONDAY))
    shown_cancelled(account)
    account.wait(MONDAY)

    assert account.state.plan == "free"
    assert account.resumed == []


def test_notice_in_grace_closes_the_case_as_the_customers_will() -> None:
    account = in_grace()
    account.now += DAY
    gives_notice(account)

    shown_cancelled(account)

    assert [case.state for case in account.state.cases] == ["voluntary"]


def test_without_a_key_the_notice_waits_for_a_person_and_takes_nothing() -> None:
    account = a_paying_account(cancel=None)

    gives_notice(account)
    account.wait(MONDAY - DAY)

    assert account.state.plan == "professional"
    assert account.account.book.renewals[SUB].turns[-1].asked.outcome is Outcome.ASKED


def test_what_cannot_be_cancelled_says_why() -> None:
    account = a_paying_account()
    account.hear(a_subscription(key=OTHER, at=account.now))

    with pytest.raises(RefusedError, match="say which one"):
        gives_notice(account)
    gives_notice(account, "421953")
    with pytest.raises(RefusedError, match="cancelled already"):
        gives_notice(account, "421953", ident="cn_2")
    with pytest.raises(RefusedError, match="no running subscription '1'"):
        gives_notice(account, "1", ident="cn_3")


_AT = st.integers(-10, 20).map(lambda days: MONDAY + days * DAY)
_NOTED = st.builds(
    lambda ident, at: f.CancellationNoted(id=f"cn_{ident}", subscription=SUB, at=at, actor="ada", reason="told"),
    st.integers(1, 3),
    _AT,
)
_STOPPED = st.builds(
    lambda ident, at, outcome: f.RenewalStopped(
        subscription=SUB, cause=f"notice:cn_{ident}", step=ident, at=at, outcome=outcome, seen=at - DAY
    ),
    st.integers(1, 3),
    _AT,
    st.sampled_from([Outcome.ASKED, Outcome.DONE, Outcome.FAILED]),
)
_SEEN = st.builds(
    lambda status, at: a_subscription(status, at, ends_at=at + 5 * DAY if status is Status.CANCELLED else None),
    st.sampled_from([Status.ACTIVE, Status.CANCELLED, Status.PAST_DUE]),
    _AT,
)
_FACTS = st.lists(st.one_of(_NOTED, _STOPPED, _SEEN, _AT.map(a_failure)), max_size=10)


@given(_FACTS, st.randoms(use_true_random=False))
def test_the_same_facts_in_any_order_give_the_same_account_i1(facts: list[f.Fact], chance: random.Random) -> None:
    facts = [a_subscription(), *facts]
    shuffled = chance.sample([*facts, *facts[::2]], len(facts) + len(facts[::2]))

    book, two = (Book().with_facts(order) for order in (facts, shuffled))

    assert book == two
    assert assess(book, terms(), "UTC", MONDAY) == assess(two, terms(), "UTC", MONDAY)
