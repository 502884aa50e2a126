"""Prepaid credit: the merchant's word, without cash value, blocked without access, forfeited with its end."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulanz.commands import credit
from kulanz.errors import InvalidInputError, KulanzError, NotFoundError, RefusedError
from kulanz.policy import document
from kulanz.policy import facts as f
from kulanz.policy.areas.credit.pots import Pot, pots
from kulanz.policy.book import Book
from kulanz.policy.facts import CreditEntry, DisputeStatus, OverrideKind
from tests.policy.stories import DAY, MONDAY, Stage, a_dispute, a_paying_account, an_override, terms

BITRIX24 = terms(document.parse(document.preset("bitrix24"), version=1))
BOUGHT, SPENT = CreditEntry.BOUGHT, CreditEntry.SPENT


def moved(account: Stage, entry: CreditEntry, amount: int, **told: Any) -> None:
    """Tell of a movement as the API does."""
    order = credit.MoveCredit(**{"pot": "telephony", "entry": entry, "amount": amount, "currency": "EUR", **told})
    ident = f"cr_{len(account.decisions)}"
    account.hear(credit.move(order, account.state, account.account.book, account.moment, ident=ident, actor="ada"))


def ended(account: Stage) -> None:
    order = credit.EndCredit(pot="telephony")
    account.hear(credit.end(order, account.state, account.account.book, account.moment, actor="ada"))


def pot(account: Stage) -> Pot:
    (stored_pot,) = pots(account.account.book, account.state)
    return stored_pot


def with_credit(**stage: Any) -> Stage:
    account = a_paying_account(terms=BITRIX24, **stage)
    moved(account, BOUGHT, 5000)
    return account


def suspended() -> Stage:
    account = with_credit()
    account.hear(a_dispute(DisputeStatus.OPENED, account.now, opened_at=account.now))
    return account


def test_what_was_bought_and_not_spent_is_left() -> None:
    account = with_credit()

    moved(account, SPENT, 1200)
    moved(account, BOUGHT, 1000)

    assert (pot(account).balance, pot(account).due, pot(account).status) == (4800, 0, "usable")
    assert [rule for rule, _ in account.rules if rule.startswith("credit.")] == [
        "credit.bought",
        "credit.spent",
        "credit.bought",
    ]


def test_the_same_reference_is_the_same_movement_again() -> None:
    account = with_credit()

    for _ in range(2):
        moved(account, BOUGHT, 1000, reference="order 7")
    for _ in range(2):
        moved(account, SPENT, 6000, reference="order 7")

    assert (pot(account).bought, pot(account).spent) == (6000, 6000)


@pytest.mark.parametrize("told", [{"amount": 1001}, {"currency": "USD"}])
def test_the_same_reference_with_another_amount_or_currency_is_refused(told: dict[str, Any]) -> None:
    account = with_credit()
    moved(account, BOUGHT, 1000, reference="order 7")

    with pytest.raises(RefusedError, match="another amount or currency"):
        moved(account, BOUGHT, **{"amount": 1000, "reference": "order 7", **told})


def test_a_reference_belongs_to_one_pot() -> None:
    account = with_credit()
    moved(account, BOUGHT, 1000, reference="order 7")

    moved(account, BOUGHT, 2000, reference="order 7", pot="fax")

    assert [other_pot.bought for other_pot in pots(account.account.book, account.state)] == [2000, 6000]


@pytest.mark.parametrize("use", ["other_service", "invoice", "transfer", "refund"])
def test_credit_has_no_cash_value_and_pays_for_nothing_else(use: str) -> None:
    account = with_credit()

    with pytest.raises(RefusedError, match=r"credit is never .*VoIP"):
        moved(account, SPENT, 100, use=use)

    assert pot(account).balance == 5000


def test_while_the_account_is_suspended_the_credit_is_blocked_and_kept() -> None:
    account = suspended()

    with pytest.raises(RefusedError, match="blocked"):
        moved(account, SPENT, 100)
    blocked = pot(account)
    account.hear(a_dispute(DisputeStatus.WON, account.now + DAY, opened_at=account.now), at=account.now + DAY)

    assert (blocked.status, blocked.balance) == ("blocked", 5000)
    assert (pot(account).status, pot(account).balance) == ("usable", 5000)
    assert [rule for rule, _ in account.rules if rule in {"credit.blocked", "credit.released"}] == [
        "credit.blocked",
        "credit.released",
    ]


def test_a_charge_that_arose_before_the_suspension_stays_due_even_beyond_the_credit() -> None:
    account = suspended()

    moved(account, SPENT, 6000, incurred_at=account.now - DAY)

    assert (pot(account).balance, pot(account).due) == (0, 1000)


def test_without_access_for_want_of_payment_the_credit_is_blocked_too() -> None:
    account = with_credit()
    account.hear(an_override(OverrideKind.SUSPEND, account.now, account.now + DAY))

    during = pot(account)
    account.wait(account.now + DAY)

    assert (during.status, pot(account).status) == ("blocked", "usable")


def test_with_the_number_its_credit_ends_and_what_was_left_is_forfeited() -> None:
    account = with_credit()

    ended(account)

    assert (pot(account).status, pot(account).balance, pot(account).forfeited) == ("forfeited", 0, 5000)
    with pytest.raises(RefusedError, match="ended already"):
        ended(account)
    with pytest.raises(RefusedError, match="has ended"):
        moved(account, BOUGHT, 1)
    with pytest.raises(RefusedError, match="forfeited"):
        moved(account, SPENT, 1)


def test_with_the_account_its_credit_ends() -> None:
    account = with_credit()

    account.hear(f.AccountClosed(subject="cl_1", cause="closure", at=account.now))

    assert (pot(account).status, pot(account).forfeited) == ("forfeited", 5000)


@pytest.mark.parametrize(
    ("told", "kind", "word"),
    [
        ({"amount": 0}, InvalidInputError, "amount"),
        ({"currency": "USD"}, InvalidInputError, "is in EUR"),
        ({"incurred_at": MONDAY + DAY}, InvalidInputError, "still to come"),
        ({"amount": 5001}, RefusedError, "5000 EUR left"),
        ({"pot": "other"}, NotFoundError, "other"),
    ],
)
def test_what_cannot_be_says_why(told: dict[str, Any], kind: type[KulanzError], word: str) -> None:
    account = with_credit()

    with pytest.raises(kind, match=word):
        moved(account, SPENT, told.pop("amount", 1), **told)


def test_only_a_charge_has_a_use_and_a_time_of_its_own() -> None:
    account = with_credit()

    with pytest.raises(InvalidInputError):
        moved(account, BOUGHT, 1, incurred_at=account.now - DAY)


_AT = st.integers(-10, 10).map(lambda days: MONDAY + days * DAY)


def _booked(ident: int, at: datetime, entry: CreditEntry, amount: int, currency: str) -> f.CreditBooked:
    return f.CreditBooked(id=f"cr_{ident}", pot="telephony", entry=entry, amount=amount, currency=currency, at=at)


_MOVES = st.builds(
    _booked,
    st.integers(1, 6),
    _AT,
    st.sampled_from(list(CreditEntry)),
    st.integers(1, 500),
    st.sampled_from(["EUR", "EUR", "USD"]),
)
_FACTS = st.lists(st.one_of(_MOVES, _MOVES, _AT.map(lambda at: f.CreditEnded(pot="telephony", at=at))), max_size=10)


@given(_FACTS, st.randoms(use_true_random=False))
def test_the_same_movements_in_any_order_leave_the_same_credit_i1(facts: list[f.Fact], chance: random.Random) -> None:
    shuffled = chance.sample([*facts, *facts[::2]], len(facts) + len(facts[::2]))
    state = a_paying_account().state

    book, two = (Book().with_facts(order) for order in (facts, shuffled))

    assert book == two
    assert list(pots(book, state)) == list(pots(two, state))
    for stored_pot in pots(book, state):
        assert stored_pot.balance + stored_pot.forfeited - stored_pot.due == stored_pot.bought - stored_pot.spent
        assert min(stored_pot.balance, stored_pot.due, stored_pot.forfeited) >= 0
