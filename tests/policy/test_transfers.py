"""Money that came by transfer: whose debt it pays, and what follows."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from kulanz.commands.transfers import BankTransfer, recorded
from kulanz.errors import InvalidInputError, NotFoundError, RefusedError
from kulanz.policy import facts as f
from kulanz.policy.areas.collections import voiding
from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.facts import DisputeStatus, Status
from kulanz.policy.state import CaseState, Standing
from tests.policy.stories import (
    DAY,
    HOUR,
    INVOICE,
    MONDAY,
    NEXT_INVOICE,
    SUB,
    Stage,
    a_dispute,
    a_failure,
    a_paying_account,
    a_subscription,
    a_success,
    in_grace,
    on_hold,
    terms,
)
from tests.replacing import replace


def transfer(account: Stage, amount: int, **told: Any) -> f.PaymentRecorded:
    """What recording a transfer now would be as a fact."""
    document: dict[str, Any] = {
        "id": f"pay_{len(account.account.book.transfers)}",
        "amount": amount,
        "currency": "EUR",
        "received": None,
        "reference": None,
        "invoice": None,
        "transaction": None,
    }
    return recorded(BankTransfer(**{**document, **told}), account.account, account.terms, "ada", account.now)


def pay(account: Stage, amount: int, *, at: datetime | None = None, **told: Any) -> f.PaymentRecorded:
    """Record a transfer."""
    if at is not None:
        account.wait(at)
    fact = transfer(account, amount, **told)
    account.hear(fact)
    return fact


def shares(fact: f.PaymentRecorded) -> Iterable[tuple[str, int]]:
    return [(share.claim, share.amount) for share in fact.shares]


def test_a_full_transfer_in_grace_closes_the_case_as_paid_i10() -> None:
    account = in_grace()

    pay(account, 1999, at=MONDAY + DAY)

    assert account.state.cases == ()
    assert (account.state.standing, account.state.plan) == (Standing.GOOD, "professional")
    assert account.state.timers == ()
    assert account.callbacks[-1] == "account.recovered"


def test_a_part_leaves_the_case_and_its_deadline_and_owes_the_rest() -> None:
    account = in_grace()
    deadline = account.case.deadline

    pay(account, 500, at=MONDAY + DAY)

    assert (account.case.amount_due, account.case.deadline) == (1499, deadline)
    assert account.state.standing is Standing.GRACE


def test_the_parts_together_are_the_whole() -> None:
    account = in_grace()

    pay(account, 500, at=MONDAY + DAY)
    pay(account, 1499, at=MONDAY + 2 * DAY)

    assert account.state.cases == ()


def test_a_transfer_releases_the_dunning_hold_and_takes_our_cancellation_back() -> None:
    account = on_hold()
    account.hear(a_subscription(Status.CANCELLED, MONDAY + 7 * DAY, ends_at=MONDAY + 30 * DAY))

    pay(account, 1999, at=MONDAY + 9 * DAY)

    assert (account.state.standing, account.state.plan) == (Standing.GOOD, "professional")
    assert account.resumed == [SUB]


def test_a_transfer_releases_no_other_hold_i4() -> None:
    account = on_hold()
    account.hear(a_dispute(DisputeStatus.OPENED, MONDAY + 8 * DAY), at=MONDAY + 8 * DAY)

    pay(account, 1999, at=MONDAY + 9 * DAY)

    assert [hold.owner for hold in account.state.holds] == ["dispute"]


def test_the_oldest_debt_is_paid_first_and_what_is_left_pays_the_next() -> None:
    account = in_grace()
    account.hear(a_failure(MONDAY + DAY, key=NEXT_INVOICE), at=MONDAY + DAY)

    fact = pay(account, 2500)

    assert shares(fact) == [(INVOICE, 1999), (NEXT_INVOICE, 501)]
    assert [case.amount_due for case in account.state.cases] == [1498]


@pytest.mark.parametrize(
    "told", [{"invoice": "1140000"}, {"invoice": NEXT_INVOICE}, {"reference": "Rg. 1140000, danke"}]
)
def test_an_invoice_that_is_named_is_paid_before_older_ones(told: dict[str, str]) -> None:
    account = in_grace()
    account.hear(a_failure(MONDAY + DAY, key=NEXT_INVOICE), at=MONDAY + DAY)

    fact = pay(account, 1999, **told)

    assert shares(fact) == [(NEXT_INVOICE, 1999)]
    assert [case.invoice for case in account.state.cases] == [INVOICE]


def test_what_is_paid_too_much_is_seen_and_pays_nothing_else() -> None:
    account = in_grace()

    fact = pay(account, 2500)

    assert account.account.book.transfers[fact.id].unmatched == 501
    assert account.alerts == ["overpaid"]
    account.hear(a_failure(MONDAY + 30 * DAY, key=NEXT_INVOICE, created_at=MONDAY + 30 * DAY), at=MONDAY + 30 * DAY)
    assert account.case.amount_due == 1999


def test_money_that_nobody_owes_is_kept_as_an_overpayment() -> None:
    account = a_paying_account()

    fact = pay(account, 700)

    assert (fact.shares, account.alerts) == ((), ["overpaid"])


def test_a_transfer_in_another_currency_than_the_account_is_billed_in_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="billed in EUR, not USD"):
        pay(a_paying_account(), 700, currency="USD")


def test_a_transfer_to_an_account_of_which_no_currency_is_known_is_kept() -> None:
    account = Stage()
    account.hear(a_subscription())

    fact = pay(account, 700, currency="USD")

    assert (fact.shares, account.alerts) == ((), ["overpaid"])


def test_what_the_provider_collected_too_is_seen() -> None:
    account = in_grace()
    pay(account, 1999)

    account.hear(a_success(MONDAY + DAY), at=MONDAY + DAY)

    assert account.alerts == ["paid_twice"]


def test_the_provider_may_go_on_failing_to_charge_what_was_transferred() -> None:
    account = in_grace()
    pay(account, 1999, at=MONDAY + DAY)

    account.hear(a_failure(MONDAY + 3 * DAY), a_subscription(Status.PAST_DUE, MONDAY + 3 * DAY), at=MONDAY + 3 * DAY)
    account.hear(a_subscription(Status.UNPAID, MONDAY + 14 * DAY), at=MONDAY + 14 * DAY)

    assert account.state.cases == ()
    assert account.state.plan == "professional"


def test_the_next_renewal_that_fails_is_a_case_of_its_own() -> None:
    account = in_grace()
    pay(account, 1999, at=MONDAY + DAY)
    later = MONDAY + 30 * DAY

    account.hear(a_failure(later, key=NEXT_INVOICE, created_at=later), at=later)

    assert (account.case.invoice, account.case.state) == (NEXT_INVOICE, CaseState.GRACE)


def test_a_debt_of_unknown_amount_is_paid_by_the_word_of_who_recorded_the_money() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.PAST_DUE, MONDAY), at=MONDAY)

    pay(account, 1999, at=MONDAY + DAY)
    account.hear(a_subscription(Status.PAST_DUE, MONDAY + 3 * DAY), at=MONDAY + 3 * DAY)

    assert account.state.cases == ()


def test_the_invoice_that_arrives_after_its_transfer_is_paid_already() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.PAST_DUE, MONDAY), at=MONDAY)
    pay(account, 1999, at=MONDAY + DAY)

    account.hear(a_failure(MONDAY), at=MONDAY + 2 * DAY)

    assert account.state.cases == ()


def test_after_it_ran_again_a_snapshot_is_new_trouble() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.PAST_DUE, MONDAY), at=MONDAY)
    pay(account, 1999, at=MONDAY + DAY)
    account.hear(a_subscription(Status.ACTIVE, MONDAY + 2 * DAY), at=MONDAY + 2 * DAY)

    account.hear(a_subscription(Status.PAST_DUE, MONDAY + 30 * DAY), at=MONDAY + 30 * DAY)

    assert account.case.state is CaseState.GRACE


def test_after_it_was_given_up_a_debt_can_still_be_paid() -> None:
    account = on_hold()
    account.wait(MONDAY + 40 * DAY)
    assert account.case.state is CaseState.EXHAUSTED

    pay(account, 1999)

    assert account.state.cases == ()
    assert account.state.plan == "professional"


def test_a_repeat_of_the_banks_own_id_is_the_transfer_that_is_known() -> None:
    account = in_grace()
    first = pay(account, 500, id="pay_x", transaction="T1")

    again = pay(account, 500, id="pay_x", transaction="T1", at=MONDAY + DAY)

    assert again == first
    assert account.case.amount_due == 1499


@pytest.mark.parametrize(
    ("told", "refusal", "says"),
    [
        ({"currency": "USD"}, InvalidInputError, "EUR"),
        ({"currency": "USD", "invoice": "1134999"}, InvalidInputError, "EUR"),
        ({"invoice": "404"}, InvalidInputError, "no such invoice"),
        ({"invoice": "1100000"}, RefusedError, "nothing is owed"),
        ({"received": MONDAY + DAY}, InvalidInputError, "future"),
        ({"received": (MONDAY + DAY).date()}, InvalidInputError, "future"),
    ],
)
def test_what_cannot_be_meant_is_refused(told: dict[str, Any], refusal: type[Exception], says: str) -> None:
    account = in_grace()

    with pytest.raises(refusal, match=says):
        transfer(account, 1999, **told)


def test_a_day_is_a_day_in_the_accounts_own_zone() -> None:
    account = in_grace(terms=terms(zone="Europe/Vienna"))
    account.now = MONDAY.replace(hour=23, minute=30)

    fact = transfer(account, 1999, received=(MONDAY + DAY).date())

    assert fact.received_at == MONDAY.replace(hour=23)


def test_the_same_facts_in_any_order_owe_the_same_i1() -> None:
    account = in_grace()
    account.hear(a_failure(MONDAY + DAY, key=NEXT_INVOICE), at=MONDAY + DAY)
    other_fact, two = transfer(account, 2500, id="a"), transfer(account, 300, id="b", invoice=NEXT_INVOICE)
    heard = [
        a_subscription(),
        a_failure(),
        a_subscription(Status.PAST_DUE, MONDAY + timedelta(seconds=1)),
        a_failure(MONDAY + DAY, key=NEXT_INVOICE),
        other_fact,
        two,
        replace(two, amount=301, at=two.at + HOUR),
    ]

    seen = set()
    for seed in range(20):
        stated = [*heard, *heard]
        random.Random(seed).shuffle(stated)
        book = Book()
        for fact in stated:
            book = book.join(Book().with_facts([fact]))
        seen.add(tuple(case.amount_due for case in assess(book, terms(), "UTC", MONDAY + 2 * DAY).cases))

    assert seen == {(1198,)}


def void(account: Stage, fact: f.PaymentRecorded, *, at: datetime) -> None:
    """Say that a transfer is none."""
    account.wait(at)
    account.hear(voiding.voided(account.account, ident=fact.id, reason="sent back", actor="ada", now=account.now))


def test_what_a_void_transfer_had_paid_is_owed_again_with_the_promised_notice_i2() -> None:
    account = in_grace()
    fact = pay(account, 1999, at=MONDAY + DAY)

    void(account, fact, at=MONDAY + 20 * DAY)

    assert (account.case.state, account.case.amount_due) == (CaseState.GRACE, 1999)
    assert account.case.deadline == MONDAY + 22 * DAY
    assert account.state.plan == "professional"
    account.wait(MONDAY + 22 * DAY)
    assert account.case.state is CaseState.ON_HOLD
    assert account.mails[-2:] == ["grace_warning", "downgraded"]


def test_a_part_that_is_void_leaves_the_other_part() -> None:
    account = in_grace()
    pay(account, 500, at=MONDAY + DAY)
    fact = pay(account, 700, at=MONDAY + DAY)

    void(account, fact, at=MONDAY + 2 * DAY)

    assert account.case.amount_due == 1499
    assert [rule for rule, _ in account.rules].count("payment.voided") == 1


def test_an_overpayment_that_is_void_is_none() -> None:
    account = a_paying_account()
    fact = pay(account, 700)

    void(account, fact, at=MONDAY)

    assert account.account.book.transfers[fact.id].unmatched == 0


def test_a_transfer_is_voided_once_and_only_one_that_there_is() -> None:
    account = in_grace()
    fact = pay(account, 700)
    void(account, fact, at=MONDAY + DAY)

    with pytest.raises(RefusedError):
        void(account, fact, at=MONDAY + DAY)
    with pytest.raises(NotFoundError):
        voiding.voided(account.account, ident="pay_404", reason="r", actor="ada", now=account.now)
