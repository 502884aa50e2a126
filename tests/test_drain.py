"""Draining the inbox into decisions, on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path

import pytest

from app import drain, pipeline
from app.clock import real_now
from app.receiving.intake import Intake
from app.replaying.replay import recorded
from app.services import Services
from app.store import inbox
from tests.days import product, settings_of
from tests.lemonsqueezy import Payload, Purchase, delivery, subscription_created, subscription_payment_success


@pytest.fixture
def services(database_url: str, tmp_path: Path) -> Iterator[Services]:
    with product(settings_of(tmp_path, database_url)) as services:
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


@pytest.mark.parametrize("first", ["who waits", "who makes it known"])
def test_a_payment_never_waits_for_what_another_worker_is_making_known(services: Services, first: str) -> None:
    purchase = Purchase(account="org_1")
    payment = _received(services, subscription_payment_success(purchase=purchase))
    subscription = _received(services, subscription_created(purchase=purchase))
    services.vault.prepare()
    one, other = (payment, subscription) if first == "who waits" else (subscription, payment)

    with ThreadPoolExecutor(1) as pool, ExitStack() as stack:
        if services.database.dialect == "postgresql":
            tx = stack.enter_context(services.database.write())
            drain._Batch(services, tx, inbox.take(tx, [one])).apply()
            second = pool.submit(_applied, services, other)
            wait([second], timeout=0.5)
            stack.close()
            second.result()
        else:
            _applied(services, one)
            _applied(services, other)
    while pipeline.process(services).moved:
        pass

    with services.database.read() as conn:
        assert {inbox.get(conn, number).state for number in (payment, subscription)} == {"handled"}


def _applied(services: Services, number: int) -> None:
    with services.database.write() as tx:
        drain._Batch(services, tx, inbox.take(tx, [number])).apply()


def _received(services: Services, payload: Payload) -> int:
    body, headers = delivery(payload)
    intake = Intake(services)
    answer = intake.accept("lemonsqueezy", headers, body)
    intake.close()
    assert answer.status == 200, answer
    return inbox.number_of(answer.document["event"])
