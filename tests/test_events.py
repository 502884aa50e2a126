"""Draining the inbox into decisions, on a real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path

import pytest

from kulanz import pipeline
from kulanz.ingest.receiver import Receiver
from kulanz.processing import events
from kulanz.queries.replay.replay import recorded
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import accounts, inbox, pages
from tests import stripe
from tests.days import product, settings_of
from tests.lemonsqueezy import (
    Payload,
    Purchase,
    delivery,
    dispute_created,
    license_key_created,
    order_created,
    subscription_created,
    subscription_payment_success,
)


@pytest.fixture
def services(database_url: str, tmp_path: Path) -> Iterator[Services]:
    told = {"ops_alert_to": "ops@shop.example", "stripe_webhook_secrets": (stripe.SECRET,)}
    with product(settings_of(tmp_path, database_url, **told)) as services:
        with services.database.write() as tx:
            services.adopt_policy(tx)
        yield services


def test_an_event_that_was_parked_with_its_account_known_can_be_retried(services: Services) -> None:
    purchase = Purchase(account="org_1")
    number = _received(services, subscription_created(purchase=purchase))
    with services.database.write() as tx:
        inbox.failed(tx, number, "not understood yet", permanent=True, now_real=real_now(), account="org_1")

    with services.database.write() as tx:
        inbox.retry(tx, ids=[number])
    pipeline.process(services)

    with services.database.read() as conn:
        event = inbox.get(conn, number)
        assert event is not None
        assert (event.state, event.account, event.reason) == ("handled", "org_1", None)
        assert list(recorded(services, conn, "org_1"))


def test_no_new_account_gets_an_id_that_is_a_path_or_an_option(services: Services) -> None:
    odd = ("..", "--help", "_org")
    for number, account in enumerate(odd):
        bought = {"customer": 700 + number, "subscription": 800 + number, "order": 900 + number}
        _received(services, subscription_created(account=account, **bought))

    pipeline.process(services)

    with services.database.read() as conn:
        assert not any(accounts.exactly(conn, account) for account in odd)
        assert [accounts.get(conn, f"lemonsqueezy-{700 + number}") is not None for number in range(3)] == [True] * 3
    assert _alerts(services) == ["ops_alert"] * 3


def test_an_account_keeps_an_id_that_no_new_one_gets(services: Services) -> None:
    with services.database.write() as tx:
        accounts.lock(tx, ["_org"], services.vault.new_data_key)

    _received(services, subscription_created(account="_org", customer=700, subscription=800))
    pipeline.process(services)

    with services.database.read() as conn:
        kept = accounts.exactly(conn, "_org")
        assert (kept and kept.plan, accounts.exactly(conn, "lemonsqueezy-700")) == ("professional", None)
    assert _alerts(services) == []


def test_an_account_may_have_the_id_of_an_identity_provider(services: Services) -> None:
    _received(services, subscription_created(account="auth0|5f7c+1"))

    pipeline.process(services)

    with services.database.read() as conn:
        row = accounts.exactly(conn, "auth0|5f7c+1")
    assert row is not None
    assert row.plan == "professional"
    assert _alerts(services) == []


@pytest.mark.parametrize("first", ["who waits", "who makes it known"])
def test_a_payment_never_waits_for_what_another_worker_is_making_known(services: Services, first: str) -> None:
    purchase = Purchase(account="org_1")
    payment = _received(services, subscription_payment_success(purchase=purchase))
    subscription = _received(services, subscription_created(purchase=purchase))
    services.vault.prepare()
    item, other = (payment, subscription) if first == "who waits" else (subscription, payment)

    with ThreadPoolExecutor(1) as pool, ExitStack() as stack:
        if services.database.dialect == "postgresql":
            tx = stack.enter_context(services.database.write())
            events.Batch(services, tx, inbox.lock(tx, [item])).apply()
            second = pool.submit(_applied, services, other)
            wait([second], timeout=0.5)
            stack.close()
            second.result()
        else:
            _applied(services, item)
            _applied(services, other)
    while pipeline.process(services).moved:
        pass

    with services.database.read() as conn:
        assert {inbox.get(conn, number).state for number in (payment, subscription)} == {"handled"}


FIRST_WORDS = {
    "a checkout": ("stripe", stripe.delivery, lambda: stripe.checkout(metadata={"account_id": "org_1"})),
    "an order": ("lemonsqueezy", delivery, order_created),
    "a licence": ("lemonsqueezy", delivery, license_key_created),
    "a dispute": ("lemonsqueezy", delivery, dispute_created),
}
INVOICES = {"stripe": lambda: stripe.invoice("paid"), "lemonsqueezy": subscription_payment_success}
SUBSCRIPTIONS = {"stripe": lambda: stripe.subscription("created"), "lemonsqueezy": subscription_created}


@pytest.mark.parametrize("first", FIRST_WORDS)
def test_a_payment_waits_for_its_subscription_of_which_something_else_has_told(services: Services, first: str) -> None:
    endpoint, sent, mention = FIRST_WORDS[first]
    _received(services, mention(), endpoint, sent)
    payment = _received(services, INVOICES[endpoint](), endpoint, sent)

    rounds = [pipeline.process(services).moved for _ in range(4)]
    waiting = _state(services, payment)
    _received(services, SUBSCRIPTIONS[endpoint](), endpoint, sent)
    rounds += [pipeline.process(services).moved for _ in range(4)]

    assert (rounds[3], waiting) == (False, "waiting")
    assert (rounds[7], _state(services, payment)) == (False, "handled")


def _state(services: Services, number: int) -> str:
    with services.database.read() as conn:
        event = inbox.get(conn, number)
    assert event is not None
    return event.state


def _alerts(services: Services) -> list[str]:
    with services.database.read() as conn:
        return [row.type for row in pages.effects_page(conn, limit=50) if not row.account]


def _applied(services: Services, number: int) -> None:
    with services.database.write() as tx:
        events.Batch(services, tx, inbox.lock(tx, [number])).apply()


def _received(
    services: Services,
    payload: Payload,
    endpoint: str = "lemonsqueezy",
    sent: Callable[[Payload], tuple[bytes, dict[str, str]]] = delivery,
) -> int:
    body, headers = sent(payload)
    receiver = Receiver(services)
    answer = receiver.accept(endpoint, headers, body)
    receiver.close()
    assert answer.status == 200, answer
    return inbox.number_of(answer.document["event"])
