"""Stripe, played: what its API answers, what it tells, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from kulanz.policy.facts import Status
from kulanz.providers import PROVIDERS, Naming, UnknownWord
from kulanz.providers.stripe.client import StripeClient
from kulanz.providers.stripe.vocabulary import OBJECTS
from kulanz.reconcile.stripe_setup import EVENTS, register
from kulanz_simulator import ApiVersion, LastResort, StripeAssumptions, StripeSimulator, running
from kulanz_simulator.stripe.desk import REASONS, STATUSES
from kulanz_simulator.stripe.documents import BY_HAND, Item
from tests.fake_servers import Answer, CallbackReceiver, a_callback_receiver
from tests.lemonsqueezy import MONDAY, SECRET

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
STRIPE = PROVIDERS["stripe"]
VERSIONS = pytest.mark.parametrize("version", list(ApiVersion))


@pytest.fixture
def simulator() -> Iterator[StripeSimulator]:
    with running(StripeSimulator(MONDAY)) as simulator:
        yield simulator


@pytest.fixture
def receiver(simulator: StripeSimulator) -> Iterator[CallbackReceiver]:
    with a_callback_receiver() as receiver:
        simulator.deliver_to(receiver.url, SECRET)
        yield receiver


@pytest.fixture
def client(simulator: StripeSimulator) -> Iterator[StripeClient]:
    with requests.Session() as session:
        yield StripeClient(simulator.api_key, simulator.url, session, timeouts=(1.0, 1.0))


def ask(
    simulator: StripeSimulator, method: str, path: str, *, key: str | None = None, **form: Any
) -> requests.Response:
    headers = {"Authorization": f"Bearer {simulator.api_key}", **({"Idempotency-Key": key} if key else {})}
    place = {"params" if method == "GET" else "data": form}
    return requests.request(method, f"{simulator.url}{path}", headers=headers, timeout=5, **place)


def told(simulator: StripeSimulator, name: str) -> list[dict[str, Any]]:
    return [event["data"]["object"] for each, event in simulator.sender.told if each == name]


def names(simulator: StripeSimulator) -> list[str]:
    return [name for name, _ in simulator.sender.told if name in OBJECTS]


def paid_charge(simulator: StripeSimulator, subscription: str) -> str:
    return str(simulator.invoices(subscription)[-1]["paid_with"])


def test_a_sale_by_card_is_told_as_stripe_tells_it(simulator: StripeSimulator, receiver: CallbackReceiver) -> None:
    simulator.sell()
    simulator.advance(DAY)

    assert names(simulator) == [
        "customer.created",
        "customer.subscription.created",
        "charge.succeeded",
        "invoice_payment.paid",
        "invoice.paid",
        "invoice.payment_succeeded",
        "customer.subscription.updated",
    ]
    assert [each["status"] for each in told(simulator, "customer.subscription.created")] == ["incomplete"]
    for request in receiver.requests:
        assert STRIPE.verify(request.headers, request.body, [SECRET.encode()]) == 0


@VERSIONS
def test_each_version_names_payment_and_period_in_its_own_place(version: ApiVersion) -> None:
    simulator = StripeSimulator(MONDAY, version=version)
    simulator.sell()

    (charge,), (invoice,) = told(simulator, "charge.succeeded"), told(simulator, "invoice.paid")
    (subscription,) = told(simulator, "customer.subscription.created")
    links = told(simulator, "invoice_payment.paid")

    old = version is ApiVersion.ACACIA
    assert ("invoice" in charge, "payment_intent" in invoice, "subscription" in invoice) == (old, old, old)
    assert ("payments" in invoice, "current_period_end" in subscription) == (False, old)
    assert [(link["invoice"], link["payment"]["payment_intent"]) for link in links] == (
        [] if old else [(invoice["id"], charge["payment_intent"])]
    )


def test_in_live_mode_nothing_calls_itself_a_test() -> None:
    simulator = StripeSimulator(MONDAY, test_mode=False)
    simulator.sell()

    text = json.dumps([event for _, event in simulator.sender.told])

    assert '"livemode": true' in text
    assert '"livemode": false' not in text
    assert simulator.api_key.startswith("sk_live_")


def test_a_card_that_stays_bad_ends_in_the_last_resort() -> None:
    ends = []
    for resort in LastResort:
        simulator = StripeSimulator(MONDAY, assumptions=StripeAssumptions(last_resort=resort))
        bought = simulator.sell(charges=[True, *[False] * 5])
        simulator.advance(46 * DAY)
        ends.append((simulator.subscription(bought.subscription)["status"], len(told(simulator, "charge.failed"))))

    assert ends == [("canceled", 5), ("unpaid", 5), ("past_due", 5)]


def test_a_first_charge_that_fails_leaves_nothing_after_23_hours(simulator: StripeSimulator) -> None:
    bought = simulator.sell(charges=[False])
    simulator.advance(DAY)

    assert simulator.subscription(bought.subscription)["status"] == "incomplete_expired"
    assert [each["status"] for each in simulator.invoices(bought.subscription)] == ["void"]


def test_an_invoice_that_is_sent_is_past_due_only_after_its_due_date(simulator: StripeSimulator) -> None:
    bought = simulator.sell(collection=BY_HAND, days_until_due=14)
    (invoice,) = simulator.invoices(bought.subscription)
    simulator.billing.decline(invoice)

    simulator.advance(13 * DAY)
    before = simulator.subscription(bought.subscription)["status"]
    simulator.advance(2 * DAY)
    overdue = simulator.subscription(bought.subscription)["status"]
    simulator.desk.pay(invoice["id"])

    assert (before, overdue) == ("active", "past_due")
    assert simulator.subscription(bought.subscription)["status"] == "active"


def test_a_direct_debit_is_pending_for_days_and_may_bounce_afterwards(simulator: StripeSimulator) -> None:
    bought = simulator.sell(debit=True)
    pending = simulator.invoices(bought.subscription)[0]["status"]
    simulator.advance(6 * DAY)
    charge = paid_charge(simulator, bought.subscription)
    simulator.desk.bounce(charge)

    assert pending == "open"
    assert [name for name in names(simulator) if "dispute" in name] == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
    ]
    assert told(simulator, "charge.dispute.closed")[0]["status"] == "lost"


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("status", STATUSES)
def test_every_dispute_is_understood(reason: str, status: str) -> None:
    simulator = StripeSimulator(MONDAY)
    charge = paid_charge(simulator, simulator.sell().subscription)
    simulator.desk.dispute(charge, reason, status)
    unknown: list[UnknownWord] = []

    event = next(event for name, event in simulator.sender.told if name == "charge.dispute.created")
    (fact,) = STRIPE.translate(event["type"], event, "", Naming(), unknown)

    assert (fact.reason, unknown) == (reason, [])


def test_an_upgrade_that_is_to_be_paid_first_is_dropped_where_it_is_not(simulator: StripeSimulator) -> None:
    paid, unpaid = simulator.sell(), simulator.sell(charges=[True, False])
    for bought in (paid, unpaid):
        simulator.desk.change_items(
            bought.subscription, [Item(price="price_ent")], proration="always_invoice", payment="pending_if_incomplete"
        )
    simulator.advance(DAY)

    held = [simulator.subscription(bought.subscription) for bought in (paid, unpaid)]
    assert [each["items"]["data"][0]["price"]["id"] for each in held] == ["price_ent", "price_pro"]
    assert [each["pending_update"] for each in held] == [None, None]


def test_the_client_reads_cancels_resumes_and_refunds(simulator: StripeSimulator, client: StripeClient) -> None:
    bought = simulator.sell()
    invoice, statuses = simulator.invoices(bought.subscription)[0], []
    for act in (client.cancel, client.resume):
        act(bought.subscription)
        seen = client.subscription(bought.subscription)
        assert seen is not None
        statuses.append(seen.status)
    client.refund("invoice", invoice["id"], 500, "once")
    client.refund("invoice", invoice["id"], 500, "once")
    refunded = client.refunded("invoice", invoice["id"])

    assert statuses == [Status.CANCELLED, Status.ACTIVE]
    assert refunded is not None
    assert refunded.amount == 500
    assert client.subscription("sub_nowhere") is None


def test_a_key_stands_for_one_request_and_for_a_day(simulator: StripeSimulator) -> None:
    charge = paid_charge(simulator, simulator.sell().subscription)

    first = ask(simulator, "POST", "/refunds", key="a", charge=charge, amount=100)
    same = ask(simulator, "POST", "/refunds", key="a", charge=charge, amount=100)
    other = ask(simulator, "POST", "/refunds", key="a", charge=charge, amount=200)
    simulator.advance(25 * HOUR)
    forgotten = ask(simulator, "POST", "/refunds", key="a", charge=charge, amount=200)

    assert first.json() == same.json()
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    assert forgotten.json()["id"] != first.json()["id"]
    assert simulator.store.get("charges", charge)["amount_refunded"] == 300


def test_an_old_version_is_answered_on_request(simulator: StripeSimulator) -> None:
    bought = simulator.sell()
    headers = {"Authorization": f"Bearer {simulator.api_key}", "Stripe-Version": ApiVersion.ACACIA}

    document = requests.get(f"{simulator.url}/subscriptions/{bought.subscription}", headers=headers, timeout=5).json()

    assert document["current_period_end"] > document["current_period_start"]


def test_lists_go_by_cursor_and_are_narrowed(simulator: StripeSimulator) -> None:
    bought = [simulator.sell() for _ in range(5)]

    first = ask(simulator, "GET", "/subscriptions", limit=3).json()
    rest = ask(simulator, "GET", "/subscriptions", limit=3, starting_after=first["data"][-1]["id"]).json()
    one = ask(simulator, "GET", "/invoices", subscription=bought[0].subscription).json()
    events = ask(simulator, "GET", "/events", **{"types[]": ["invoice.paid"], "limit": 100}).json()

    listed = [each["id"] for each in (*first["data"], *rest["data"])]
    assert listed == [each.subscription for each in reversed(bought)]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert [each["customer"] for each in one["data"]] == [bought[0].customer]
    assert {event["type"] for event in events["data"]} == {"invoice.paid"}


@pytest.mark.parametrize(
    ("method", "path", "form", "status"),
    [
        ("GET", "/subscriptions/sub_none", {}, 404),
        ("GET", "/nothing", {}, 404),
        ("GET", "/subscriptions", {"limit": 1000}, 400),
        ("POST", "/refunds", {"charge": "ch_none"}, 404),
        ("POST", "/webhook_endpoints", {"url": "https://shop.example"}, 400),
        ("POST", "/billing_portal/sessions", {"customer": "cus_none"}, 404),
    ],
)
def test_what_cannot_be_done_is_an_error_of_stripes(
    simulator: StripeSimulator, method: str, path: str, form: dict[str, Any], status: int
) -> None:
    response = ask(simulator, method, path, **form)

    assert response.status_code == status
    assert response.json()["error"]["message"]


def test_a_wrong_key_is_refused(simulator: StripeSimulator) -> None:
    assert requests.get(f"{simulator.url}/account", timeout=5).status_code == 401


def test_the_portal_has_a_page_for_a_customer(simulator: StripeSimulator) -> None:
    bought = simulator.sell()

    session = ask(simulator, "POST", "/billing_portal/sessions", customer=bought.customer).json()

    assert session["url"].startswith("https://")


def test_setup_registers_exactly_the_needed_events(simulator: StripeSimulator, client: StripeClient) -> None:
    made = register(client, "https://shop.example/webhooks/stripe", dry_run=False)

    assert (made.done, bool(made.secret)) == ("created", True)
    assert [sorted(endpoint.events) for endpoint in client.webhook_endpoints()] == [sorted(EVENTS)]


def test_thin_events_carry_nothing(simulator: StripeSimulator, receiver: CallbackReceiver) -> None:
    simulator.deliver_to(receiver.url, SECRET, thin=True)
    bought = simulator.sell()
    simulator.advance(HOUR)

    events = [json.loads(request.body) for request in receiver.requests]
    assert {event["object"] for event in events} == {"v2.core.event"}
    assert any(event["related_object"]["id"] == bought.subscription for event in events)
    assert all(STRIPE.route(event, Naming()).problem for event in events)


def test_a_delivery_is_tried_for_three_days_under_one_id(
    simulator: StripeSimulator, receiver: CallbackReceiver
) -> None:
    receiver.answers.extend([Answer(status=500)] * 4)
    simulator.deliver_to(receiver.url, SECRET, events=["charge.succeeded"])
    simulator.sell()
    simulator.advance(DAY)

    assert len({json.loads(request.body)["id"] for request in receiver.requests}) == 1
    assert simulator.sender.deliveries[0].answers == [500, 500, 500, 500, 200]
