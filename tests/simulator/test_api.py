"""The client against the simulator's API: every call that we make, and what we make of every answer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kulanz.errors import FarEndError
from kulanz.policy.facts import (
    InvoiceSeen,
    LicenceSeen,
    LicenceStatus,
    OrderSeen,
    OrderStatus,
    PaymentRefunded,
    PaymentSucceeded,
    Provenance,
    Status,
    SubscriptionSeen,
)
from kulanz.providers.lemonsqueezy.client import LemonSqueezyClient, ResourceKind
from kulanz.runtime.rate_limit import RateLimit
from kulanz_simulator import LemonSqueezySimulator
from tests.replacing import replace

DAY = timedelta(days=1)


@pytest.fixture
def patient(client: LemonSqueezyClient) -> tuple[LemonSqueezyClient, list[float]]:
    """A client that asks again, and the pauses that it made."""
    slept: list[float] = []
    pace = RateLimit(max_wait=float("inf"), clock=lambda: 1000.0 + sum(slept), sleep=slept.append)
    return replace(client, tries=4, rate_limit=pace), slept


def test_lists_are_read_page_by_page_newest_first(simulator: LemonSqueezySimulator, client: LemonSqueezyClient) -> None:
    sold = [simulator.sell() for _ in range(25)]

    pages = list(client.pages(ResourceKind.SUBSCRIPTIONS, size=10))

    assert [(page.number, page.last, page.total, len(page.items)) for page in pages] == [
        (1, 3, 25, 10),
        (2, 3, 25, 10),
        (3, 3, 25, 5),
    ]
    keys = [item.fact.key for page in pages for item in page.items if isinstance(item.fact, SubscriptionSeen)]
    assert keys == [f"lemonsqueezy:{purchase.subscription}" for purchase in reversed(sold)]


def test_a_list_is_taken_up_again_at_a_page(simulator: LemonSqueezySimulator, client: LemonSqueezyClient) -> None:
    for _ in range(25):
        simulator.sell()

    assert [page.number for page in client.pages(ResourceKind.ORDERS, first=2, size=10)] == [2, 3]
    assert [len(page.items) for page in client.pages(ResourceKind.ORDERS, first=9, size=10)] == [0]


def test_a_list_entry_names_its_account_by_the_providers_objects(
    simulator: LemonSqueezySimulator, client: LemonSqueezyClient
) -> None:
    bought = simulator.sell()

    (page,) = client.pages(ResourceKind.INVOICES, provenance=Provenance.IMPORTED)

    (entry,) = page.items
    assert isinstance(entry.fact, PaymentSucceeded)
    assert entry.fact.provenance is entry.fact.invoice.provenance is Provenance.IMPORTED
    assert entry.routing.claim is None
    assert entry.routing.subscription == f"lemonsqueezy:subscription:{bought.subscription}"
    assert entry.routing.customer == f"lemonsqueezy:customer:{bought.customer}"
    assert entry.binding == f"lemonsqueezy:invoice:{simulator.last_invoice(bought.subscription)}"


def test_lists_can_be_narrowed(simulator: LemonSqueezySimulator, client: LemonSqueezyClient) -> None:
    bought = [simulator.sell() for _ in range(3)]
    simulator.desk.cancel(str(bought[1].subscription))

    (page,) = client.pages(ResourceKind.SUBSCRIPTIONS, status="cancelled")

    assert [item.routing.customer for item in page.items] == [f"lemonsqueezy:customer:{bought[1].customer}"]


def test_one_odd_object_hides_no_other(simulator: LemonSqueezySimulator, client: LemonSqueezyClient) -> None:
    odd, good = simulator.sell(), simulator.sell()
    simulator.store.told("subscriptions", odd.subscription)["status"] = "dreaming"

    (page,) = client.pages(ResourceKind.SUBSCRIPTIONS)

    assert len(page.items) == 1
    assert page.items[0].routing.customer == f"lemonsqueezy:customer:{good.customer}"
    assert page.unreadable[0].startswith(f"{odd.subscription}: data.attributes.status: expected one of on_trial")


@pytest.mark.parametrize(("age", "rank"), [(30, 3), (61, 9)])
def test_an_answer_is_the_last_word_once_its_object_has_rested(
    simulator: LemonSqueezySimulator, client: LemonSqueezyClient, age: int, rank: int
) -> None:
    simulator.sell()

    (page,) = client.pages(ResourceKind.SUBSCRIPTIONS, asked_at=simulator.now + timedelta(seconds=age))

    fact = page.items[0].fact
    assert isinstance(fact, SubscriptionSeen)
    assert fact.stamp.rank == rank


def test_single_objects_are_read_and_missing_ones_are_none(
    simulator: LemonSqueezySimulator, client: LemonSqueezyClient
) -> None:
    bought = simulator.sell(licence=True)
    invoice = simulator.last_invoice(bought.subscription)

    assert isinstance(client.order(str(bought.order)), OrderSeen)
    assert isinstance(client.invoice(invoice), PaymentSucceeded)
    assert isinstance(client.licence(str(bought.licence)), LicenceSeen)
    customer = client.customer(str(bought.customer))
    assert customer is not None
    assert (customer.email, customer.country) == (bought.email, "AT")
    assert [resource.email for page in client.customers(email=bought.email) for resource in page.items] == [
        bought.email
    ]
    for read in (client.order, client.invoice, client.licence, client.customer, client.subscription):
        assert read("99") is None


def test_cancel_resume_pause_and_plan_change_come_back_as_snapshots(
    simulator: LemonSqueezySimulator, client: LemonSqueezyClient
) -> None:
    own = str(simulator.sell().subscription)

    cancelled, resumed = client.cancel(own), client.resume(own)
    paused, unpaused = client.pause(own, mode="free"), client.unpause(own)
    changed = client.change_plan(own, "47002")

    seen = [cancelled, resumed, paused, unpaused, changed]
    assert [fact.status for fact in seen if fact] == [
        Status.CANCELLED,
        Status.ACTIVE,
        Status.PAUSED,
        Status.ACTIVE,
        Status.ACTIVE,
    ]
    assert paused is not None
    assert changed is not None
    assert (paused.pause_mode, changed.variant) == ("free", "lemonsqueezy:47002")


def test_refunds_are_cumulative_and_refused_in_the_providers_own_words(
    simulator: LemonSqueezySimulator, client: LemonSqueezyClient
) -> None:
    bought = simulator.sell(price=4900)
    simulator.advance(31 * DAY)
    renewal = simulator.last_invoice(bought.subscription)

    part = client.refund_invoice(renewal, 1000)
    rest = client.refund_invoice(renewal, 3900)
    order = client.refund_order(str(bought.order), 4900)

    assert isinstance(part, PaymentRefunded)
    assert isinstance(rest, PaymentRefunded)
    assert (part.invoice.refunded, rest.invoice.refunded) == (1000, 4900)
    assert order is not None
    assert (order.status, order.refunded) == (OrderStatus.REFUNDED, 4900)
    with pytest.raises(FarEndError) as refused:
        client.refund_order(str(bought.order), 1)
    assert refused.value.detail == "Lemon Squeezy answered 422: what is refunded cannot be refunded"


def test_an_unpaid_invoice_is_a_snapshot_and_no_payment(
    simulator: LemonSqueezySimulator, client: LemonSqueezyClient
) -> None:
    bought = simulator.sell()
    simulator.desk.fail(str(bought.subscription))

    assert isinstance(client.invoice(simulator.last_invoice(bought.subscription)), InvoiceSeen)


def test_a_licence_key_is_disabled(simulator: LemonSqueezySimulator, client: LemonSqueezyClient) -> None:
    bought = simulator.sell(licence=True)

    changed = client.change_licence(str(bought.licence), disabled=True)

    assert isinstance(changed, LicenceSeen)
    assert changed.status is LicenceStatus.DISABLED


def test_webhooks_are_made_listed_changed_and_taken_away(
    simulator: LemonSqueezySimulator, client: LemonSqueezyClient
) -> None:
    url = "https://shop.example/webhooks/lemonsqueezy"
    made = client.create_webhook("58231", url=url, events=("order_created",), secret="s" * 12, test_mode=True)
    assert made is not None

    changed = client.change_webhook(made.id, events=("order_created", "order_refunded"))

    assert changed is not None
    assert client.webhooks() == (changed,)
    assert (changed.url, changed.events) == (url, ("order_created", "order_refunded"))
    client.tell("DELETE", f"/webhooks/{made.id}")
    assert client.webhooks() == ()
    with pytest.raises(FarEndError, match="6 to 40"):
        client.create_webhook("58231", url=url, events=(), secret="short", test_mode=True)


def test_reading_is_repeated_after_a_503_and_a_429_as_long_as_told(
    simulator: LemonSqueezySimulator, patient: tuple[LemonSqueezyClient, list[float]]
) -> None:
    client, slept = patient
    own = str(simulator.sell().subscription)
    simulator.conditions.answers.extend([503, 429])

    assert client.subscription(own) is not None
    assert [round(pause) for pause in slept if pause >= 0.5] == [1, 1]


def test_what_is_written_is_repeated_after_a_429_only(
    simulator: LemonSqueezySimulator, patient: tuple[LemonSqueezyClient, list[float]]
) -> None:
    client, _ = patient
    own = str(simulator.sell().subscription)
    simulator.conditions.answers.append(429)
    client.cancel(own)
    simulator.conditions.answers.append(503)

    with pytest.raises(FarEndError, match="503"):
        client.resume(own)

    assert simulator.subscription(own)["status"] == "cancelled"


def test_the_limit_is_kept_by_our_own_count_before_the_provider_has_to_say_no(simulator: LemonSqueezySimulator) -> None:
    now = [1000.0]
    simulator.conditions.clock = lambda: now[0]
    pace = RateLimit(max_wait=float("inf"), clock=lambda: now[0], sleep=lambda seconds: now.append(now.pop() + seconds))

    for _ in range(700):
        pace.acquire()
        instead, remaining, _ = simulator.conditions.take()
        assert instead is None
        pace.observe(remaining)

    assert now[0] - 1000.0 == pytest.approx(120 + 99 * 0.05, abs=0.1)


def test_an_api_that_is_away_breaks_connections(simulator: LemonSqueezySimulator, client: LemonSqueezyClient) -> None:
    simulator.conditions.away = True

    with pytest.raises(FarEndError) as failed:
        client.test_mode()

    assert failed.value.retryable
