"""What a change of plan charges, by the days left, and when it begins to count (plexo 5); trials (plexo 2)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulanz.errors import InvalidInputError, KulanzError, NotFoundError, RefusedError
from kulanz.policy.areas import periods
from kulanz.policy.areas.plan_change import Quote, Wanted, quote
from kulanz.policy.calendar.time import months_after
from kulanz.policy.facts import BillingReason, OrderStatus, Stamp, Status
from tests.policy.stories import (
    DAY,
    ENTERPRISE,
    LONG_AGO,
    MONDAY,
    SUB,
    Stage,
    a_paying_account,
    a_subscription,
    a_success,
    an_order,
    on_hold,
)


def quoted(account: Stage, plan: str = "enterprise", **told: Any) -> Quote:
    return quote(Wanted(**{"plan": plan, **told}), account.state, account.account.book, account.moment)


def test_an_upgrade_charges_the_difference_by_the_days_left() -> None:
    account = a_paying_account(now=MONDAY - 10 * DAY)

    stored_quote = quoted(account, price=4999)

    assert (stored_quote.kind, stored_quote.clause, stored_quote.takes_effect_at) == ("upgrade", "5.1", account.now)
    assert (stored_quote.days_left, stored_quote.days_of_period) == (10, 29)
    assert (stored_quote.price_now, stored_quote.price_then) == (1999, 4999)
    assert stored_quote.amount == round((4999 - 1999) * 10 / 29)


def test_prices_are_without_taxes() -> None:
    account = a_paying_account()
    account.hear(a_success(LONG_AGO + DAY, key="lemonsqueezy:7", total=2400, tax=400, created_at=LONG_AGO + DAY))

    assert quoted(account, price=4000).price_now == 2000


def test_the_price_of_the_wanted_plan_is_known_from_an_order_of_it() -> None:
    account = a_paying_account()
    bought = {"key": "lemonsqueezy:77", "variant": ENTERPRISE, "total": 6000, "tax": 1000, "setup_fee": 500}
    account.hear(an_order(OrderStatus.PAID, LONG_AGO, **bought))

    assert quoted(account).price_then == 4500


def test_without_a_price_nothing_is_guessed() -> None:
    stored_quote = quoted(a_paying_account())

    assert (stored_quote.price_then, stored_quote.amount, stored_quote.kind) == (None, None, "upgrade")


def test_a_downgrade_charges_nothing_and_counts_from_the_end_of_the_period() -> None:
    account = a_paying_account()

    stored_quote = quoted(account, "free")

    assert (stored_quote.kind, stored_quote.amount, stored_quote.clause, stored_quote.takes_effect_at) == (
        "downgrade",
        0,
        "5.2",
        MONDAY,
    )


def test_a_cheaper_plan_above_is_never_paid_back() -> None:
    assert quoted(a_paying_account(), price=100).amount == 0


def test_the_same_plan_is_no_change() -> None:
    assert quoted(a_paying_account(), "professional").kind == "none"


def test_from_the_free_plan_the_whole_price_is_charged() -> None:
    account = Stage()
    account.hear()

    stored_quote = quoted(account, "professional", price=1999, currency="EUR")

    assert (stored_quote.from_plan, stored_quote.kind, stored_quote.amount, stored_quote.price_now) == (
        "free",
        "upgrade",
        1999,
        0,
    )


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"plan": "nonesuch"}, InvalidInputError),
        ({"price": -1}, InvalidInputError),
        ({"price": 1, "currency": "USD"}, InvalidInputError),
        ({"subscription": "1"}, NotFoundError),
    ],
)
def test_what_nobody_can_tell_says_why(told: dict[str, Any], kind: type[KulanzError]) -> None:
    with pytest.raises(kind):
        quoted(a_paying_account(), **told)


def test_what_is_owed_comes_first() -> None:
    with pytest.raises(RefusedError, match="on hold"):
        quoted(on_hold(), price=4999)


@given(st.integers(0, 29 * 24 * 60), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 29 * 24 * 60))
def test_the_difference_is_never_negative_and_never_more_with_fewer_days_left(
    minutes: int, price: int, more: int, later: int
) -> None:
    account = a_paying_account(now=LONG_AGO)
    account.now = LONG_AGO + timedelta(minutes=minutes)
    first = quoted(account, price=price).amount
    dearer = quoted(account, price=price + more).amount
    account.now += timedelta(minutes=later)

    second = quoted(account, price=price).amount

    assert None not in {first, second, dearer}
    assert 0 <= (second or 0) <= (first or 0) <= (dearer or 0)


@pytest.mark.parametrize("months", [1, 3, 12])
def test_a_term_is_known_from_the_distance_of_the_invoices(months: int) -> None:
    account = Stage(now=MONDAY)
    began = months_after(MONDAY, -months, "UTC")
    account.hear(
        a_subscription(Status.PAST_DUE, MONDAY, renews_at=MONDAY + DAY, created_at=began),
        a_success(began, key="lemonsqueezy:1", reason=BillingReason.INITIAL, created_at=began),
        a_success(MONDAY, key="lemonsqueezy:2", created_at=MONDAY),
    )

    book = account.account.book

    assert periods.term(SUB, book, "UTC") == months
    assert periods.ends(SUB, book, "UTC") == months_after(MONDAY, months, "UTC")
    assert periods.term(SUB, book, "UTC", terms=(2,)) is None


def test_a_trial_costs_nothing_and_cancelling_it_asks_for_nothing_back() -> None:
    account = Stage(now=MONDAY)
    ends = MONDAY + 14 * DAY
    account.hear(a_subscription(Status.ON_TRIAL, MONDAY, trial_ends_at=ends, renews_at=ends, created_at=MONDAY))
    during = account.state

    account.hear(
        a_subscription(Status.CANCELLED, MONDAY + DAY, trial_ends_at=ends, ends_at=ends, created_at=MONDAY),
        at=MONDAY + DAY,
    )
    account.wait(ends)

    assert (during.plan, {timer.kind for timer in during.timers}) == ("professional", {"trial_end", "renewal_overdue"})
    assert (account.state.plan, account.state.standing) == ("free", "good")
    assert ("subscription.on_trial", "2") in account.rules
    assert ("plan.ended", "2") in account.rules
    assert account.account.book.invoices == {}
    assert account.mails == []


def test_a_trial_that_is_not_cancelled_bills_by_itself() -> None:
    account = Stage(now=MONDAY)
    ends = MONDAY + 14 * DAY
    account.hear(a_subscription(Status.ON_TRIAL, MONDAY, trial_ends_at=ends, renews_at=ends, created_at=MONDAY))

    account.hear(
        a_success(ends, reason=BillingReason.INITIAL, created_at=ends),
        a_subscription(Status.ACTIVE, ends, stamp=Stamp(ends, 2), renews_at=ends + 30 * DAY, created_at=MONDAY),
        at=ends,
    )

    assert (account.state.plan, [timer.kind for timer in account.state.timers]) == ("professional", ["renewal_overdue"])
