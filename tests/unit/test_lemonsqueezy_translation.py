"""What an event means in our words, and what is said of one that means nothing."""

from datetime import timedelta
from itertools import pairwise

import pytest

from kulanz.policy.facts import (
    BillingReason,
    DisputeSeen,
    DisputeStatus,
    InvoiceStatus,
    LicenceStatus,
    OrderSeen,
    OrderStatus,
    PaymentFailed,
    PaymentRefunded,
    PaymentSucceeded,
    Stamp,
    Status,
    SubscriptionSeen,
)
from tests import lemonsqueezy as ls
from tests.lemonsqueezy_facts import LEMONSQUEEZY, dispute, invoice, licence, order, subscription, translate

LATER = ls.MONDAY + timedelta(days=3)


# Each kind once, whole.


def test_a_subscription_event_is_a_snapshot() -> None:
    payload = ls.subscription_created(
        at=ls.MONDAY,
        customer=7,
        subscription=8,
        order=9,
        variant=10,
        product_name="Kulanz Professional (yearly)",
        email="anne@bakery.example",
        buyer="Anne Baker",
        began=ls.MONDAY - timedelta(days=2),
        renews_at=LATER,
    )

    (fact,) = translate(payload)

    assert fact == SubscriptionSeen(
        key="lemonsqueezy:8",
        stamp=Stamp(ls.MONDAY, 2, LEMONSQUEEZY.peek(ls.wire(payload)).content_key.hex()),
        status=Status.ACTIVE,
        customer="lemonsqueezy:7",
        variant="lemonsqueezy:10",
        product="kulanz-professional-yearly",
        order="lemonsqueezy:9",
        email="anne@bakery.example",
        name="Anne Baker",
        renews_at=LATER,
        created_at=ls.MONDAY - timedelta(days=2),
    )


@pytest.mark.parametrize(
    ("outcome", "kind", "status"),
    [
        ("failed", PaymentFailed, InvoiceStatus.PENDING),
        ("success", PaymentSucceeded, InvoiceStatus.PAID),
        ("recovered", PaymentSucceeded, InvoiceStatus.PAID),
        ("refunded", PaymentRefunded, InvoiceStatus.REFUNDED),
    ],
)
def test_an_invoice_event_is_a_payment_of_its_subscription(
    outcome: str, kind: type[PaymentFailed | PaymentSucceeded | PaymentRefunded], status: InvoiceStatus
) -> None:
    payload = ls.EVENTS[f"subscription_payment_{outcome}"](at=LATER, invoice=77, subscription=8, customer=7, tax=100)

    (fact,) = translate(payload)

    assert isinstance(fact, kind)
    assert fact.at == fact.invoice.stamp.at == LATER
    assert (fact.invoice.key, fact.invoice.subscription) == ("lemonsqueezy:77", "lemonsqueezy:8")
    assert (fact.invoice.status, fact.invoice.reason) == (status, BillingReason.RENEWAL)
    assert (fact.invoice.total, fact.invoice.tax, fact.invoice.currency) == (4900, 100, "EUR")
    assert fact.invoice.customer == "lemonsqueezy:7"


def test_an_order_event_is_a_snapshot_of_the_order() -> None:
    (fact,) = translate(ls.order_created(order=9, customer=7, setup_fee=500, price=5400))

    assert isinstance(fact, OrderSeen)
    assert (fact.key, fact.customer, fact.status) == ("lemonsqueezy:9", "lemonsqueezy:7", OrderStatus.PAID)
    assert (fact.total, fact.setup_fee, fact.refunded) == (5400, 500, 0)
    assert (fact.variant, fact.product) == ("lemonsqueezy:47001", "professional")


def test_a_licence_event_is_a_snapshot_without_the_key_itself() -> None:
    fact = licence(status="active", instances_count=2, activation_limit=3, expires_at=LATER)

    assert (fact.status, fact.activations, fact.activation_limit) == (LicenceStatus.ACTIVE, 2, 3)
    assert (fact.expires_at, fact.order) == (LATER, "lemonsqueezy:640981")
    assert "INVENTED" not in repr(fact)


def test_a_dispute_of_the_extension_is_a_dispute() -> None:
    (fact,) = translate(ls.dispute_created(dispute=5, customer=7, subscription=8, order=9, reason="not\nrecognised"))

    assert isinstance(fact, DisputeSeen)
    assert (fact.key, fact.status, fact.opened_at) == ("lemonsqueezy:5", DisputeStatus.OPENED, ls.MONDAY)
    assert (fact.amount, fact.currency, fact.fee, fact.fee_currency) == (4900, "EUR", 1500, "EUR")
    assert (fact.customer, fact.subscription, fact.order) == ("lemonsqueezy:7", "lemonsqueezy:8", "lemonsqueezy:9")
    assert fact.reason == "notrecognised"


@pytest.mark.parametrize("name", ["affiliate_activated", "customer_updated"])
def test_an_event_of_a_kind_nobody_acts_on_says_nothing(name: str) -> None:
    assert translate(ls.build(name)) == ()


# Two snapshots of one second.


@pytest.mark.parametrize(
    "rising",
    [
        ("updated", "created", "unpaused", "resumed", "paused", "cancelled", "expired"),
        ("payment_failed", "payment_success", "payment_recovered", "payment_refunded"),
    ],
)
def test_at_one_second_the_event_that_tells_more_is_newer(rising: tuple[str, ...]) -> None:
    def stamp(name: str) -> Stamp:
        (fact,) = translate(ls.EVENTS[f"subscription_{name}"]())
        assert isinstance(fact, SubscriptionSeen | PaymentFailed | PaymentSucceeded | PaymentRefunded)
        return fact.stamp if isinstance(fact, SubscriptionSeen) else fact.invoice.stamp

    stamps = [stamp(name) for name in rising]

    assert all(older < newer for older, newer in pairwise(stamps))
    assert len({stamp.at for stamp in stamps}) == 1


def test_disputes_of_one_second_rise_to_their_end() -> None:
    ranks = {status: dispute(status=status).stamp.rank for status in DisputeStatus}

    assert ranks[DisputeStatus.INQUIRY] < ranks[DisputeStatus.OPENED] < ranks[DisputeStatus.UNDER_REVIEW]
    assert {rank for rank in ranks.values() if rank > ranks[DisputeStatus.UNDER_REVIEW]} == {ranks[DisputeStatus.WON]}


def test_one_second_and_one_event_with_other_content_differ_in_the_digest() -> None:
    fact, other = subscription(renews_at=LATER).stamp, subscription(renews_at=ls.MONDAY).stamp

    assert (fact.at, fact.rank) == (other.at, other.rank)
    assert fact.digest != other.digest


def test_a_resend_gives_the_very_same_fact() -> None:
    assert translate(ls.subscription_updated(webhook_id="one")) == translate(ls.subscription_updated(webhook_id="two"))


# Statuses and pauses.


@pytest.mark.parametrize("status", Status)
def test_every_status_of_a_subscription_is_known(status: Status) -> None:
    assert subscription(status=status.value).status is status


def test_cancelled_keeps_an_end_that_is_ahead() -> None:
    (fact,) = translate(ls.subscription_cancelled(ends_at=LATER))

    assert isinstance(fact, SubscriptionSeen)
    assert (fact.status, fact.ends_at) == (Status.CANCELLED, LATER)


@pytest.mark.parametrize("mode", ["void", "free"])
def test_a_pause_says_how_it_treats_access(mode: str) -> None:
    fact = subscription(status="paused", pause={"mode": mode, "resumes_at": ls.moment(LATER)})

    assert (fact.pause_mode, fact.pause_resumes_at) == (mode, LATER)


@pytest.mark.parametrize("pause", [None, [], "void", {}, {"mode": None}])
def test_a_pause_that_says_nothing_is_none(pause: object) -> None:
    assert subscription(status="paused", pause=pause).pause_mode is None


def test_an_unknown_pause_takes_no_access() -> None:
    assert subscription(status="active", pause={"mode": "sabbatical"}).pause_mode is None
    assert subscription(status="paused", pause={"mode": "sabbatical"}).pause_mode == "free"


@pytest.mark.parametrize(
    ("told", "status"), [("partial_refund", "partial_refund"), ("partial_refunded", "partial_refund")]
)
def test_both_spellings_of_a_partial_refund_are_one(told: str, status: str) -> None:
    assert order(status=told, refunded=False, refunded_amount=500).status == status
    assert invoice("refunded", status=told, refunded=False, refunded_amount=500).status == status


def test_an_order_can_be_fraudulent() -> None:
    assert order(status="fraudulent").status is OrderStatus.FRAUDULENT


@pytest.mark.parametrize("status", InvoiceStatus)
def test_every_status_of_an_invoice_is_known(status: InvoiceStatus) -> None:
    assert invoice(status=status.value).status is status


def test_a_simulator_may_call_an_unpaid_invoice_failed() -> None:
    assert invoice(status="failed").status is InvoiceStatus.PENDING


@pytest.mark.parametrize("disabled", [True, 1, "1", "true"])
def test_a_licence_that_is_switched_off_is_disabled(disabled: object) -> None:
    assert licence(status="active", disabled=disabled).status is LicenceStatus.DISABLED


@pytest.mark.parametrize("disabled", [False, 0, None, ls.ABSENT, "0"])
def test_a_licence_that_is_not_switched_off_keeps_its_status(disabled: object) -> None:
    assert licence(status="active", disabled=disabled).status is LicenceStatus.ACTIVE
