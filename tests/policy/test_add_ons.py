"""Add-ons: at once, pro rata onto the next invoice, cancelled to the end of the period, withdrawn from in time."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulanz.commands import add_ons
from kulanz.errors import InvalidInputError, KulanzError, NotFoundError, RefusedError
from kulanz.policy import facts as f
from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.calendar.pro_rata import months_left, rounded
from kulanz.policy.facts import DisputeStatus, Fact, Status
from kulanz.policy.state import Access, Standing
from kulanz.policy.state.bookings import Booking, BookingStatus
from kulanz.policy_tests.add_ons import book, cancel, renew
from tests.policy.stories import (
    DAY,
    HOUR,
    INVOICE,
    LONG_AGO,
    MONDAY,
    PLEXO,
    SUB,
    Stage,
    a_dispute,
    a_failure,
    a_paying_account,
    a_refund,
    a_subscription,
    a_success,
    an_invoice,
    in_grace,
    on_hold,
    terms,
)
from tests.replacing import replace

IN_A_YEAR = datetime(2027, 2, 2, 9, tzinfo=UTC)


def booking(account: Stage, ident: str = "ao_1") -> Booking:
    return next(each for each in account.state.bookings if each.id == ident)


def test_an_add_on_can_be_used_at_once_and_the_product_is_told() -> None:
    account = a_paying_account()
    version = account.account.version

    book(account, 3)

    assert account.state.add_ons == ("users",)
    assert account.state.quantities == (("users", 3),)
    assert account.account.version == version + 1
    assert account.callbacks[-1] == "account.entitlement_changed"
    assert account.mails[-1] == "add_on_booked"


def test_more_of_it_is_a_booking_of_its_own_and_changes_the_entitlement_again() -> None:
    account = a_paying_account()
    book(account, 2)
    version = account.account.version

    book(account, 3, ident="ao_2")

    assert [other_booking.quantity for other_booking in account.state.bookings] == [2, 3]
    assert account.state.quantities == (("users", 5),)
    assert account.account.version == version + 1


def test_the_draft_is_the_price_by_the_days_left_of_the_period() -> None:
    account = a_paying_account(now=MONDAY - 10 * DAY)

    booked = book(account, 2)

    assert booked.draft_amount == round(2 * 590 * 10 / 29)
    assert booking(account).draft_amount == booked.draft_amount
    assert booking(account).billed_until == MONDAY


def test_the_next_regular_invoice_takes_the_draft_along_and_the_billed_time_moves() -> None:
    account = a_paying_account()
    booked = book(account)

    renew(account, MONDAY)

    stored_booking = booking(account)
    assert (stored_booking.draft_amount, stored_booking.invoice) == (0, "lemonsqueezy:120001")
    assert stored_booking.billed_until == MONDAY + 30 * DAY
    invoiced = [fact for decision in account.decisions for fact in decision.facts if isinstance(fact, f.AddOnInvoiced)]
    assert [fact.amount for fact in invoiced] == [booked.draft_amount]


def test_the_invoice_of_a_plan_change_takes_no_draft_along() -> None:
    account = a_paying_account()
    booked = book(account)

    account.hear(a_success(account.now + DAY, reason=f.BillingReason.UPDATED, created_at=account.now + DAY))

    assert booking(account).draft_amount == booked.draft_amount


def test_a_failed_renewal_has_taken_the_draft_along_but_bills_no_further() -> None:
    account = a_paying_account()
    book(account)

    account.hear(a_failure(), at=MONDAY)

    assert booking(account).invoice is not None
    assert booking(account).billed_until == MONDAY


def test_cancelled_after_the_time_for_withdrawal_it_runs_to_the_end_of_what_is_paid_and_then_ends_by_itself() -> None:
    account = a_paying_account(now=LONG_AGO + DAY)
    book(account)
    account.wait(LONG_AGO + 16 * DAY)

    cancelled = cancel(account)
    during = booking(account)
    account.wait(MONDAY)

    assert (cancelled.withdrawn, cancelled.ends_at) == (False, MONDAY)
    assert (during.status, during.ends_at, during.usable) == (BookingStatus.CANCELLED, MONDAY, True)
    assert (booking(account).status, account.state.add_ons) == (BookingStatus.ENDED, ())
    assert ("add_on.ended", "") in account.rules
    assert account.mails[-1] == "add_on_cancelled"


def test_a_cancelled_add_on_waits_for_its_end_with_a_timer_and_an_ended_one_waits_for_nothing() -> None:
    account = a_paying_account(now=LONG_AGO + DAY)
    book(account)
    account.wait(LONG_AGO + 16 * DAY)

    cancel(account)
    waiting = [timer for timer in account.state.timers if timer.subject == "ao_1"]
    account.wait(MONDAY)

    assert [(timer.kind, timer.due_at) for timer in waiting] == [("period_end", MONDAY)]
    assert not [timer for timer in account.state.timers if timer.subject == "ao_1"]


def test_cancelled_within_fourteen_days_it_ends_at_once_and_its_draft_is_removed() -> None:
    account = a_paying_account(now=MONDAY - 20 * DAY)
    book(account)
    account.wait(account.now + 14 * DAY)

    cancelled = cancel(account)

    stored_booking = booking(account)
    assert (cancelled.withdrawn, cancelled.refund_due) == (True, 0)
    assert (stored_booking.status, stored_booking.ends_at, stored_booking.draft_amount) == (
        BookingStatus.WITHDRAWN,
        account.now,
        0,
    )
    assert account.state.add_ons == ()
    assert account.mails[-1] == "add_on_withdrawn"


@pytest.mark.parametrize(("hours", "withdrawn"), [(14, True), (15, False)])
def test_the_fourteen_days_end_with_the_last_of_them_in_the_zone_of_the_account(hours: int, *, withdrawn: bool) -> None:
    account = a_paying_account(now=MONDAY - 20 * DAY, terms=terms(zone="Europe/Vienna"))
    book(account)
    account.wait(account.now + 14 * DAY + hours * HOUR - timedelta(seconds=1))

    assert cancel(account).withdrawn is withdrawn


def test_a_withdrawal_in_time_counts_more_than_an_earlier_cancellation() -> None:
    account = a_paying_account(now=MONDAY - 20 * DAY)
    book(account)
    account.hear(f.AddOnCancelled(add_on="ao_1", at=account.now + DAY, ends_at=MONDAY), at=account.now + DAY)

    assert cancel(account).withdrawn
    assert booking(account).status is BookingStatus.WITHDRAWN


def test_what_is_withdrawn_from_goes_back_with_its_tax_and_all_that_the_invoice_billed_for_it() -> None:
    account = a_paying_account(now=MONDAY - 5 * DAY)
    booked = book(account)
    paid = a_success(MONDAY, key="lemonsqueezy:120001", created_at=MONDAY, total=2400, tax=400)
    account.hear(paid, a_subscription(at=MONDAY, renews_at=MONDAY + 30 * DAY), at=MONDAY)

    cancelled = cancel(account)

    assert cancelled.refund_due == rounded(Fraction((booked.draft_amount + 590) * 2400, 2000))
    (request,) = account.state.refunds
    assert (request.answer.verdict, request.answer.refundable) == ("eligible", cancelled.refund_due)


def test_what_a_transfer_of_the_rest_pays_leaves_no_debt_for_what_was_withdrawn_from() -> None:
    account = a_paying_account(now=MONDAY - 5 * DAY)
    book(account)
    account.hear(a_failure(), at=MONDAY)
    cancelled = cancel(account)
    owed = account.case.amount_due
    share = f.Share(claim=INVOICE, subscription=SUB, since=MONDAY, amount=owed)
    paid = f.PaymentRecorded(
        id="t1", at=MONDAY, received_at=MONDAY, amount=owed, currency="EUR", actor="ada", shares=(share,)
    )

    account.hear(paid, at=MONDAY + DAY)

    assert owed == 1999 - cancelled.refund_due
    assert (account.state.cases, account.state.refunds) == ((), ())


def test_a_month_that_begins_in_a_pause_without_access_has_no_line() -> None:
    account = a_paying_account(now=MONDAY - 10 * DAY)
    account.hear(a_subscription(at=account.now, renews_at=IN_A_YEAR))
    booked = book(account, period_ends_at=IN_A_YEAR)
    account.hear(a_subscription(Status.PAUSED, account.now + HOUR, pause_mode="void"))
    account.wait(MONDAY + DAY)
    account.hear(a_subscription(at=account.now, renews_at=IN_A_YEAR))

    account.wait(MONDAY + 32 * DAY)

    assert booking(account).draft_amount == booked.draft_amount + 590


def test_an_add_on_on_a_year_looks_again_as_each_of_its_months_begins_and_says_so_once() -> None:
    account = a_paying_account(now=MONDAY - 10 * DAY)
    account.hear(a_subscription(at=account.now, renews_at=IN_A_YEAR))
    booked = book(account, period_ends_at=IN_A_YEAR)

    account.wait(MONDAY + 32 * DAY)

    assert [rule for rule, _ in account.rules if rule.startswith("add_on")] == [
        *("add_on.booked", "add_on.drafted"),
        *("add_on.drafted", "add_on.drafted"),
    ]
    assert booking(account).draft_amount == booked.draft_amount + 2 * 590


def test_a_booking_of_before_on_a_year_keeps_the_one_draft_that_its_customer_was_shown() -> None:
    account = a_paying_account()
    account.hear(a_subscription(at=account.now, renews_at=IN_A_YEAR))
    fact = book(account, period_ends_at=IN_A_YEAR)
    account.hear(replace(fact, id="ao_0", months=0, draft_amount=7000))

    account.wait(MONDAY + 100 * DAY)

    assert (booking(account, "ao_0").draft_amount, booking(account, "ao_0").billed_until) == (7000, IN_A_YEAR)


def test_a_booking_withdrawn_from_after_it_was_invoiced_is_to_be_refunded() -> None:
    account = a_paying_account(now=MONDAY - 5 * DAY)
    booked = book(account)
    renew(account, MONDAY)

    cancelled = cancel(account)

    assert cancelled.withdrawn
    assert cancelled.refund_due == booked.draft_amount + 590
    (request,) = account.state.refunds
    assert (request.answer.verdict, request.answer.refundable) == ("eligible", cancelled.refund_due)
    assert request.payment.invoice == "lemonsqueezy:120001"
    assert (request.answer.why, request.amount) == ("withdrawal", cancelled.refund_due)
    assert "9.1" not in {clause for _, clause in account.rules}, "nobody made a request"


def test_a_refund_of_the_line_takes_nothing_that_the_invoice_paid_for() -> None:
    account = a_paying_account(now=MONDAY - 5 * DAY)
    book(account)
    renew(account, MONDAY)
    cancelled = cancel(account)

    account.hear(a_refund(MONDAY + DAY, cancelled.refund_due, key="lemonsqueezy:120001", created_at=MONDAY))

    assert account.state.plan == "professional"
    assert [refund.state for refund in account.state.refunds] == ["paid"]
    assert account.state.holds == ()


def test_a_booking_withdrawn_from_before_the_invoice_is_never_invoiced() -> None:
    account = a_paying_account(now=MONDAY - 5 * DAY)
    book(account)
    cancel(account)

    renew(account, MONDAY)

    assert booking(account).invoice is None
    assert booking(account).refund_due == 0


def test_it_follows_its_base_subscription_into_a_hold_and_back() -> None:
    account = a_paying_account()
    book(account, 2)
    account.hear(a_failure(), at=MONDAY)
    account.wait(MONDAY + 7 * DAY)
    held = account.state

    account.hear(a_success(MONDAY + 8 * DAY), at=MONDAY + 8 * DAY)

    assert (held.standing, held.add_ons, held.quantities) == (Standing.ON_HOLD, (), ())
    assert booking(account).status is BookingStatus.ACTIVE
    assert (account.state.add_ons, account.state.quantities) == (("users",), (("users", 2),))


def test_releasing_another_hold_leaves_it_where_it_is_i4() -> None:
    account = a_paying_account()
    book(account)
    account.hear(a_failure(), at=MONDAY)
    account.wait(MONDAY + 7 * DAY)
    account.hear(a_dispute(DisputeStatus.OPENED, account.now, opened_at=account.now))

    account.hear(a_dispute(DisputeStatus.WON, account.now + DAY, opened_at=account.now), at=account.now + DAY)

    assert [hold.owner for hold in account.state.holds] == ["dunning"]
    assert account.state.add_ons == ()


def test_it_ends_with_a_base_subscription_that_the_customer_cancels() -> None:
    account = a_paying_account()
    book(account)
    account.hear(a_subscription(Status.CANCELLED, account.now, ends_at=MONDAY))
    before = booking(account)

    account.wait(MONDAY)

    assert (before.status, before.ends_at, before.usable) == (BookingStatus.ACTIVE, MONDAY, True)
    assert (booking(account).status, booking(account).ends_at) == (BookingStatus.ENDED, MONDAY)
    assert account.alerts == ["add_on_draft_left"]


def test_a_base_subscription_that_is_paused_keeps_its_add_ons_for_later() -> None:
    account = a_paying_account()
    book(account)

    account.hear(a_subscription(Status.PAUSED, account.now, pause_mode="void"))
    paused = booking(account)
    account.hear(a_subscription(Status.ACTIVE, account.now + HOUR))

    assert (paused.status, paused.usable) == (BookingStatus.ACTIVE, False)
    assert account.state.add_ons == ("users",)


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"quantity": 0}, "quantity"),
        ({"unit_price": -1}, "unit_price"),
        ({"period_ends_at": MONDAY - 14 * DAY}, "period_ends_at"),
        ({"period_ends_at": MONDAY + 500 * DAY}, "period_ends_at"),
        ({"currency": "USD"}, "billed in EUR"),
        ({"subscription": "lemonsqueezy:1"}, "no running subscription"),
    ],
)
def test_what_cannot_be_booked_says_why(told: dict[str, Any], problem: str) -> None:
    account = a_paying_account()

    with pytest.raises(KulanzError, match=problem):
        book(account, **told)


def test_nothing_can_be_booked_where_there_is_no_subscription() -> None:
    account = Stage()
    account.hear()

    with pytest.raises(RefusedError, match="no running subscription"):
        book(account)


def test_nothing_can_be_booked_while_the_account_is_on_hold_but_grace_is_no_obstacle() -> None:
    assert book(in_grace(), period_ends_at=MONDAY + 30 * DAY).quantity == 1
    with pytest.raises(RefusedError, match="on hold"):
        book(on_hold(), period_ends_at=MONDAY + 30 * DAY)


def test_an_add_on_is_booked_to_the_end_of_a_period_of_its_subscription() -> None:
    account = a_paying_account()
    renew(account)

    with pytest.raises(InvalidInputError, match=r"period_ends_at: expected .* to 2026-05-01T.*renews at 2026-04-01"):
        book(account, period_ends_at=MONDAY + 90 * DAY)

    assert book(account, period_ends_at=MONDAY + 30 * DAY).period_ends_at == MONDAY + 30 * DAY


def test_an_add_on_is_booked_before_the_news_of_a_renewal_has_come() -> None:
    account = a_paying_account()
    renew(account)
    account.wait(MONDAY + 30 * DAY + HOUR)

    assert book(account, period_ends_at=MONDAY + 60 * DAY).period_ends_at == MONDAY + 60 * DAY


def test_where_no_renewal_is_known_any_period_of_a_year_is_booked() -> None:
    account = in_grace()

    assert book(account, period_ends_at=MONDAY + 300 * DAY).period_ends_at == MONDAY + 300 * DAY


def test_nothing_is_billed_beyond_the_end_of_a_cancelled_subscription() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.CANCELLED, account.now, ends_at=MONDAY))

    with pytest.raises(InvalidInputError, match="ends at 2026-03-02"):
        book(account, period_ends_at=MONDAY + DAY)
    assert book(account).period_ends_at == MONDAY


def test_only_an_active_add_on_can_be_cancelled() -> None:
    account = a_paying_account(now=LONG_AGO + DAY)
    book(account)
    account.wait(LONG_AGO + 16 * DAY)
    cancel(account)

    with pytest.raises(RefusedError, match="cancelled to 2026-03-02 already"):
        cancel(account)
    with pytest.raises(NotFoundError):
        cancel(account, "ao_9")


def test_a_kind_that_the_policy_does_not_know_is_refused() -> None:
    rules = replace(PLEXO, add_ons=replace(PLEXO.add_ons, kinds=("users",), steps=(("users", 5),)))
    account = a_paying_account(terms=terms(rules))

    with pytest.raises(InvalidInputError, match="expected one of users"):
        book(account, kind="storage")
    book(account, 2)
    assert account.state.quantities == (("users", 10),)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]  # year, month, day, hour, minute


@pytest.mark.parametrize(
    ("at", "ends", "zone", "months"),
    [
        (utc(2026, 4, 2, 12), utc(2026, 4, 17, 12), "UTC", "15/31"),
        (utc(2026, 4, 2, 13), utc(2026, 4, 17, 12), "UTC", "15/31"),
        (utc(2026, 4, 2, 11), utc(2026, 4, 17, 12), "UTC", "16/31"),
        (utc(2026, 3, 17, 12), utc(2026, 4, 17, 12), "UTC", "1"),
        (utc(2026, 2, 10, 12), utc(2026, 3, 12, 12), "UTC", "1"),
        (utc(2026, 2, 2, 12), utc(2026, 4, 17, 12), "UTC", "2 + 15/31"),
        (utc(2026, 4, 17, 12), utc(2027, 4, 17, 12), "UTC", "12"),
        (utc(2028, 2, 28, 12), utc(2028, 3, 1, 12), "UTC", "2/29"),
        (utc(2026, 3, 28, 23, 30), utc(2026, 3, 29, 22, 30), "Europe/Vienna", "1/30"),
        (utc(2026, 4, 17, 12), utc(2026, 4, 17, 12), "UTC", "0"),
    ],
)
def test_the_days_left_by_table(at: datetime, ends: datetime, zone: str, months: str) -> None:
    expected = sum((Fraction(part) for part in months.split(" + ")), Fraction())

    assert months_left(at, ends, zone) == expected


ZONES = st.sampled_from(["UTC", "Europe/Vienna", "America/New_York"])
MINUTES = st.integers(0, 371 * 24 * 60)


@given(MINUTES, st.integers(0, 31 * 24 * 60), st.integers(0, 10**6), st.integers(1, 1000), ZONES)
def test_a_draft_is_never_negative_and_never_dearer_with_fewer_days_left(
    earlier: int, later: int, price: int, quantity: int, zone: str
) -> None:
    ends = MONDAY + 400 * DAY
    at = ends - timedelta(minutes=earlier)

    first = rounded(price * quantity * months_left(at, ends, zone))
    second = rounded(price * quantity * months_left(at + timedelta(minutes=later), ends, zone))

    assert 0 <= second <= first
    assert months_left(at, ends, zone) <= 13


@given(st.integers(0, 31 * 24 * 60), st.integers(0, 30), ZONES)
def test_within_a_known_month_no_more_than_a_month_is_charged(minutes: int, shorter: int, zone: str) -> None:
    began, ends = MONDAY, MONDAY + (31 - shorter) * DAY
    at = min(began + timedelta(minutes=minutes), ends)

    assert 0 <= months_left(at, ends, zone, began) <= 1
    assert months_left(began, ends, zone, began) == 1


_AT = st.integers(-14, 60).map(lambda days: MONDAY + days * DAY)
_IDS = st.sampled_from(["ao_1", "ao_2"])
_BOOKED = st.builds(
    lambda ident, at, kind, quantity, draft, months: f.AddOnBooked(
        id=ident,
        at=at,
        subscription=SUB,
        kind=kind,
        quantity=quantity,
        unit_price=590,
        currency="EUR",
        period_ends_at=at + (20 + 31 * months) * DAY,
        draft_amount=draft,
        months=months,
    ),
    _IDS,
    _AT,
    st.sampled_from(["users", "storage"]),
    st.integers(1, 3),
    st.integers(0, 590),
    st.integers(0, 2),
)
_PART = st.builds(
    lambda ident, at, withdrawn, quantity, part: f.AddOnCancelled(
        add_on=ident, at=at, ends_at=at + 5 * DAY, withdrawn=withdrawn, quantity=quantity, part=f"{ident}.{part}"
    ),
    _IDS,
    _AT,
    st.booleans(),
    st.integers(1, 2),
    st.integers(1, 2),
)
_CANCELLED = st.builds(
    lambda ident, at, withdrawn: f.AddOnCancelled(add_on=ident, at=at, ends_at=at + 5 * DAY, withdrawn=withdrawn),
    _IDS,
    _AT,
    st.booleans(),
)
_INVOICED = st.builds(
    lambda ident, at, key: f.AddOnInvoiced(add_on=ident, at=at, invoice=key, amount=5),
    _IDS,
    _AT,
    st.sampled_from(["i1", "i2"]),
)
_RENEWED = _AT.map(lambda at: a_success(at, key=f"lemonsqueezy:{at:%d}", created_at=at))
_FAILED = _AT.map(lambda at: a_failure(at, key=f"lemonsqueezy:{at:%d}", created_at=at))
_VOID = _AT.map(lambda at: an_invoice(at, f.InvoiceStatus.VOID, key=f"lemonsqueezy:{at:%d}", created_at=at))
_STOPS = _AT.map(lambda at: a_subscription(Status.CANCELLED, at, ends_at=at + 10 * DAY))
_FACTS = st.lists(
    st.one_of(_BOOKED, _BOOKED, _CANCELLED, _PART, _INVOICED, _RENEWED, _FAILED, _VOID, _STOPS), max_size=14
)


@given(_FACTS, st.randoms(use_true_random=False))
def test_the_same_facts_in_any_order_give_the_same_add_ons_i1(facts: list[Fact], chance: random.Random) -> None:
    facts = [a_subscription(renews_at=MONDAY), *facts]
    shuffled = chance.sample([*facts, *facts[::2]], len(facts) + len(facts[::2]))

    other_book, two = (Book().with_facts(order) for order in (facts, shuffled))

    assert other_book == two
    assert assess(other_book, terms(), "UTC", MONDAY) == assess(two, terms(), "UTC", MONDAY)


@given(_FACTS, st.integers(0, 60))
def test_what_is_given_of_add_ons_is_what_was_booked_minus_the_holds_i4(facts: list[Fact], days: int) -> None:
    account = a_paying_account()
    for fact in facts:
        account.hear(fact)
    account.wait(MONDAY + days * DAY)
    state = account.state

    held = {key for hold in state.holds for key in hold.subscriptions}
    whole = any(hold.scope == "account" for hold in state.holds)
    free = [
        other_booking
        for other_booking in state.bookings
        if other_booking.usable and other_booking.subscription not in held and not whole
    ]

    assert dict(state.quantities) == {
        kind: sum(other_booking.amount for other_booking in free if other_booking.kind == kind)
        for kind in {*state.add_ons}
    }
    assert set(state.add_ons) == {other_booking.kind for other_booking in free}
    assert all(other_booking.draft_amount >= 0 for other_booking in state.bookings)
    assert state.access is not Access.NONE


def test_a_decision_taken_again_decides_nothing() -> None:
    account = a_paying_account()
    booked = book(account)
    renew(account, MONDAY)

    again = account.hear(booked)

    assert not again.changed


def test_the_order_of_an_add_on_belongs_to_the_subscription_of_the_highest_plan() -> None:
    account = a_paying_account()
    account.hear(a_subscription(key="lemonsqueezy:7", variant="lemonsqueezy:394421", at=account.now))

    assert book(account).subscription == "lemonsqueezy:7"
    assert book(account, ident="ao_2", subscription=SUB).subscription == SUB
    assert add_ons.may_withdraw(booking(account), account.moment)
