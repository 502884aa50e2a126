"""The database is away: deliveries are kept beside it, acknowledged, and brought back by the same way in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import connect

import psycopg
import pytest

from kulanz.config import Settings
from kulanz.crypto import places
from kulanz.ingest.receiver import Receiver, WebhookResponse
from kulanz.processing import facts_first
from kulanz.services import Services, build
from kulanz.store import inbox, receivers
from kulanz.store.database import Database
from kulanz.store.receivers import ReceiverRow
from kulanz.store.spool import Spool, whole
from kulanz.web.application import create_app
from tests.lemonsqueezy import SECRET, Payload, delivery, sign, subscription_updated, wire

PATIENCE = 30.0


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(
        data_dir=tmp_path,
        database_url=database_url,
        lemonsqueezy_webhook_secrets=(SECRET,),
        encryption_keys=(b"k" * 32,),
    )


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    services = build(settings)
    yield services
    services.close()


@contextmanager
def an_intake(services: Services) -> Iterator[Receiver]:
    receiver = Receiver(services)
    try:
        yield receiver
    finally:
        receiver.close()


def nowhere(services: Services) -> Services:
    """The same services, whose database nobody can reach."""
    return replace(services, database=Database("sqlite:////proc/nowhere/kulanz.db"))


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Let another program keep everybody from writing."""
    if url.startswith("sqlite"):
        other = connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=10)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
        other.close()
        return
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as holder:
        holder.execute("LOCK TABLE inbox, receivers")
        yield
        holder.rollback()


Way = Callable[[Receiver, Payload], WebhookResponse]


def deliver(receiver: Receiver, payload: Payload) -> WebhookResponse:
    body, headers = delivery(payload)
    return receiver.accept("lemonsqueezy", headers, body)


def deliver_from_a_loop(receiver: Receiver, payload: Payload) -> WebhookResponse:
    body, headers = delivery(payload)
    with ThreadPoolExecutor(1) as aside:
        return asyncio.run(receiver.receive("lemonsqueezy", headers, body, aside))


WAYS = pytest.mark.parametrize("deliver", [deliver, deliver_from_a_loop], ids=["from a thread", "from a loop"])


def rows(services: Services) -> list[inbox.Event]:
    with services.database.read() as conn:
        return inbox.listing(conn, None, None, 500)[::-1]


def spooled(settings: Settings) -> int:
    return Spool(settings.data_dir / "spool", 1).size()


def until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@WAYS
def test_a_delivery_that_the_database_does_not_take_is_acknowledged_and_brought_back(
    services: Services, deliver: Way
) -> None:
    payload = subscription_updated()
    with an_intake(nowhere(services)) as receiver:
        answer = deliver(receiver, payload)

        assert (answer.status, answer.document["status"]) == (200, "accepted")
        assert receiver.ready()
        assert rows(services) == []

    with an_intake(services) as receiver:
        receiver.begin()
        until(lambda: spooled(services.settings) == 0)

    (row,) = rows(services)
    assert (row.name, row.state) == ("subscription_updated", "received")
    assert services.vault.open(row.body, places.event(row.provider, row.delivery_key)) == wire(payload)
    with services.database.read() as conn:
        assert inbox.find(conn, answer.document["event"]) == row


@WAYS
def test_a_locked_database_costs_a_moment_and_no_delivery(services: Services, deliver: Way) -> None:
    with an_intake(services) as receiver:
        assert deliver(receiver, subscription_updated(webhook_id="before")).status == 200
        with locked(services.settings.database_url):
            began = time.monotonic()
            first = deliver(receiver, subscription_updated(subscription=2))
            first_took, began = time.monotonic() - began, time.monotonic()
            others = [deliver(receiver, subscription_updated(subscription=number)) for number in range(3, 23)]
            others_took = time.monotonic() - began

        assert {answer.status for answer in (first, *others)} == {200}
        assert first_took < 4
        assert others_took < first_took
        until(lambda: len(rows(services)) == 22 and spooled(services.settings) == 0)
        until(lambda: deliver(receiver, subscription_updated(subscription=2)).document["status"] == "duplicate")


def test_they_come_back_in_the_order_in_which_they_came(services: Services) -> None:
    with an_intake(nowhere(services)) as receiver:
        answers = [deliver(receiver, subscription_updated(subscription=number)) for number in range(1, 31)]

    with an_intake(services) as receiver:
        receiver.begin()
        until(lambda: spooled(services.settings) == 0)

    with services.database.read() as conn:
        events = [inbox.find(conn, answer.document["event"]) for answer in answers]
    assert events == rows(services)


def test_a_resend_of_what_lies_in_the_spool_is_one_event(services: Services) -> None:
    with an_intake(nowhere(services)) as receiver:
        answers = [deliver(receiver, subscription_updated(webhook_id=each)) for each in ("one", "one", "two")]

    with an_intake(services) as receiver:
        receiver.begin()
        until(lambda: spooled(services.settings) == 0)
        again = deliver(receiver, subscription_updated(webhook_id="one"))

    (row,) = rows(services)
    assert len({answer.document["event"] for answer in answers}) == 1
    assert (again.document["status"], again.document["event"]) == ("duplicate", f"evt_{row.id}")


def test_what_makes_no_sense_is_kept_there_too_and_still_refused(services: Services) -> None:
    body = b'{"meta": 1}'
    with an_intake(nowhere(services)) as receiver:
        answer = receiver.accept("lemonsqueezy", {"X-Signature": sign(body)}, body)

    with an_intake(services) as receiver:
        receiver.begin()
        until(lambda: spooled(services.settings) == 0)

    assert (answer.status, answer.document["error"]) == (400, "malformed_payload")
    assert [row.state for row in rows(services)] == ["quarantined"]


def test_the_spool_is_sealed_and_says_nothing_of_a_delivery(services: Services, settings: Settings) -> None:
    with an_intake(nowhere(services)) as receiver:
        deliver(receiver, subscription_updated())

    data = b"".join(path.read_bytes() for path in (settings.data_dir / "spool").iterdir())
    assert len(list(whole(data))) == 1
    assert b"subscription" not in data
    assert b".com" not in data


def test_what_somebody_else_wrote_there_is_put_aside_and_stops_nobody(services: Services, settings: Settings) -> None:
    forger = Spool(settings.data_dir / "spool", 10**6)
    forger.append([b"no record of ours"])
    forger.close()
    with an_intake(nowhere(services)) as receiver:
        deliver(receiver, subscription_updated())

    with an_intake(services) as receiver:
        receiver.begin()
        until(lambda: len(rows(services)) == 1)

    assert spooled(settings) > 0


def test_a_spool_that_is_full_refuses_and_loses_nothing(services: Services) -> None:
    full = replace(nowhere(services), settings=replace(services.settings, spool=1))
    with an_intake(full) as receiver:
        payloads = [subscription_updated(subscription=number, card_brand="x" * 100_000) for number in range(1, 16)]
        answers = [deliver(receiver, payload) for payload in payloads]

        assert not receiver.ready()

    with an_intake(services) as receiver:
        receiver.begin()
        until(lambda: spooled(services.settings) == 0)

    words = [answer.status for answer in answers]
    assert words == sorted(words)
    assert words[-1] == 503
    assert answers[-1].retry_after is not None
    assert len(rows(services)) == words.count(200)


def test_a_notification_follows_what_was_brought_back(settings: Settings, redis_url: str) -> None:
    services = build(replace(settings, redis_url=redis_url))
    with an_intake(nowhere(services)) as receiver:
        deliver(receiver, subscription_updated())
    assert not services.notifier.wait(0.2)

    with an_intake(services) as receiver:
        receiver.begin()

        assert services.notifier.wait(PATIENCE)
    services.close()


def test_it_is_dated_when_it_came_not_when_it_was_brought_back(services: Services) -> None:
    with an_intake(nowhere(services)) as receiver:
        deliver(receiver, subscription_updated())
    brought = datetime.now(UTC)

    time.sleep(0.2)
    with an_intake(services) as receiver:
        receiver.begin()
        until(lambda: spooled(services.settings) == 0)

    (row,) = rows(services)
    assert row.received_at < brought


def test_a_receiver_reports_its_spool_and_is_expected_no_more_once_it_has_ended(services: Services) -> None:
    with an_intake(services) as receiver:
        deliver(receiver, subscription_updated())
        until(lambda: len(reported(services)) == 1)
        (report,) = reported(services)

    assert report.empty_since is not None
    assert reported(services) == []


def test_a_web_process_that_ends_with_an_empty_spool_is_waited_for_no_more(services: Services) -> None:
    app = create_app(services)
    deliver(app.receiver, subscription_updated())
    until(lambda: len(reported(services)) == 1)
    app.begin()

    app.end()

    assert reported(services) == []
    app.receiver.close()


def test_a_receiver_that_ends_with_deliveries_in_a_spool_is_waited_for(services: Services, settings: Settings) -> None:
    other_process = Spool(settings.data_dir / "spool", 1 << 20)
    with an_intake(services) as receiver:
        deliver(receiver, subscription_updated())
        until(lambda: len(reported(services)) == 1)
        other_process.append([b"a delivery"])
        until(lambda: reported(services)[0].empty_since is None)

    with services.database.read() as conn:
        assert [row.id for row in facts_first.waited_for(conn)] == [other_process.identity()]
    other_process.close()


def reported(services: Services) -> list[ReceiverRow]:
    with services.database.read() as conn:
        return receivers.known(conn)
