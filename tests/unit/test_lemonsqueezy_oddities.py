"""Every shape in which Lemon Squeezy is on record, or may be imagined, to write a value."""

from datetime import UTC, timedelta

import pytest

from kulanz.policy.facts import BillingReason, SubscriptionSeen
from tests import lemonsqueezy as ls
from tests.lemonsqueezy_facts import (
    complaint,
    dispute,
    invoice,
    order,
    subscription,
    translate,
)

LATER = ls.MONDAY + timedelta(days=3)


# Money.


def test_a_subtotal_may_be_negative() -> None:
    fact = invoice("success", billing_reason="updated", subtotal=-8498, total=0)

    assert (fact.subtotal, fact.total, fact.reason) == (-8498, 0, BillingReason.UPDATED)


def test_a_total_of_zero_needs_no_card() -> None:
    fact = invoice("success", billing_reason="initial", total=0, card_brand=None, card_last_four=None, price=0)

    assert (fact.total, fact.reason) == (0, BillingReason.INITIAL)


def test_what_was_refunded_is_everything_so_far() -> None:
    first, second = (invoice("refunded", status="partial_refund", refunded_amount=cents) for cents in (500, 900))

    assert (first.refunded, second.refunded) == (500, 900)


@pytest.mark.parametrize(
    ("told", "cents"),
    [
        ({"refunded_amount": ls.ABSENT}, 4900),
        ({"refunded_amount": None}, 4900),
        ({"refunded_amount": None, "status": "paid", "refunded": 1}, 4900),
        ({"refunded_amount": None, "status": "paid", "refunded": 0}, 0),
        ({"refunded_amount": None, "status": "paid", "refunded": None}, 0),
        ({"refunded_amount": None, "status": "paid", "refunded": ls.ABSENT}, 0),
        ({"refunded_amount": 0, "status": "refunded"}, 0),
    ],
)
def test_an_older_payload_says_only_that_all_was_refunded(told: dict[str, object], cents: int) -> None:
    assert order(**told).refunded == cents
    assert invoice("refunded", **told).refunded == cents


@pytest.mark.parametrize(
    ("told", "cents"), [(0, 0), (False, 0), (None, 0), ("", 0), (ls.ABSENT, 0), ("359", 359), (359.0, 359)]
)
def test_an_amount_comes_in_many_shapes(told: object, cents: int) -> None:
    assert order(tax=told).tax == cents


@pytest.mark.parametrize("told", [True, 9.99, "9.99", "€ 5", "1e3", [], {}, 10**30, -(10**30)])
def test_an_amount_that_is_no_whole_number_is_named(told: object) -> None:
    assert complaint(ls.order_refunded(refunded_amount=told)).startswith(
        "data.attributes.refunded_amount: expected a whole number of minor units"
    )


@pytest.mark.parametrize("told", [None, "", ls.ABSENT, False, "x"])
def test_a_total_is_needed(told: object) -> None:
    assert complaint(ls.subscription_payment_success(total=told)).startswith(
        "data.attributes.total: expected a whole number"
    )


@pytest.mark.parametrize("told", [None, "", "EURO", "€", 978, ls.ABSENT])
def test_a_currency_is_needed(told: object) -> None:
    assert complaint(ls.order_created(currency=told)).startswith(
        "data.attributes.currency: expected a currency of three"
    )


def test_a_currency_is_written_in_capitals() -> None:
    assert invoice(currency="tnd").currency == "TND"


@pytest.mark.parametrize(("told", "quantity"), [(5, 5), (None, 1), (0, 1), (-1, 1), ("5", 1), (True, 1), (10**12, 1)])
def test_a_quantity_is_at_least_one(told: object, quantity: int) -> None:
    assert subscription(first_subscription_item={"quantity": told}).quantity == quantity


def test_a_subscription_may_come_without_its_first_item() -> None:
    assert subscription(first_subscription_item=None).quantity == 1


# Time.


@pytest.mark.parametrize(
    "told",
    [
        "2026-03-02T14:08:20.000000Z",
        "2026-03-02T14:08:20Z",
        "2026-03-02T15:08:20+01:00",
        "2026-03-02 14:08:20",
        "2026-03-02T14:08:20.000000000Z",
    ],
)
def test_an_instant_is_aware_utc_however_it_is_written(told: str) -> None:
    assert subscription(updated_at=told).stamp.at == ls.MONDAY
    assert subscription(updated_at=told).stamp.at.tzinfo is UTC


UNUSABLE = [
    "0000-01-01T00:00:00.000000Z",
    "0000-00-00 00:00:00",
    "0001-01-01T00:00:00+14:00",
    "1969-12-31T23:59:59Z",
    "3000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00",
    "99999-01-01T00:00:00.000000Z",
    "2026-02-30T00:00:00Z",
    "2026-03-02T25:00:00Z",
    "2026-03-02",
    "2026-03-02T14:08:20Z\n",
    "٢٠٢٦-03-02T14:08:20Z",
    "tomorrow",
    1772460500,
    True,
    [],
    {},
]


@pytest.mark.parametrize("told", [*UNUSABLE, None, "", 0, ls.ABSENT])
@pytest.mark.parametrize("name", [name for name in ls.EVENTS if name != "affiliate_activated"])
def test_when_it_was_is_needed(name: str, told: object) -> None:
    said = complaint(ls.EVENTS[name](updated_at=told))

    assert said.startswith("data.attributes.updated_at: expected a date and time of the years 1970 to 2999, found ")


@pytest.mark.parametrize("told", UNUSABLE)
def test_an_unusable_date_is_named_where_it_matters(told: object) -> None:
    assert complaint(ls.subscription_cancelled(ends_at=told)).startswith("data.attributes.ends_at: expected a date")
    assert complaint(ls.subscription_updated(renews_at=told)).startswith("data.attributes.renews_at: expected a date")
    trial = ls.subscription_created(status="on_trial", trial_ends_at=told)
    assert complaint(trial).startswith("data.attributes.trial_ends_at: expected a date")


@pytest.mark.parametrize("told", UNUSABLE)
def test_an_unusable_date_is_none_where_it_does_not_matter(told: object) -> None:
    fact = subscription(status="past_due", renews_at=told, ends_at=told, trial_ends_at=told, created_at=told)

    assert (fact.renews_at, fact.ends_at, fact.trial_ends_at, fact.created_at) == (None, None, None, None)


def test_a_cancellation_may_come_without_an_end() -> None:
    (fact,) = translate(ls.subscription_cancelled(ends_at=None))

    assert isinstance(fact, SubscriptionSeen)
    assert fact.ends_at is None


def test_a_dispute_without_an_opening_began_when_it_was_told() -> None:
    assert dispute(at=LATER, created_at=None).opened_at == LATER
    assert dispute(at=LATER, created_at=ls.MONDAY).opened_at == ls.MONDAY
