"""Deliveries on their way to stable storage, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from time import monotonic, sleep

import pytest

from kulanz.config import Settings
from kulanz.crypto import places
from kulanz.ingest.receiver import Debouncer, Receiver, WebhookResponse
from kulanz.services import Services, build
from kulanz.store import inbox
from kulanz.store.database import Database
from tests.lemonsqueezy import Payload, delivery, order_created, sign, subscription_updated, wire
from tests.web.hostile import AN_EVENT, BAD_SIGNATURES, MALFORMED, STRANGE

NEW, OLD = "a-secret-of-the-shop", "the-secret-before"


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(
        data_dir=tmp_path,
        database_url=database_url,
        lemonsqueezy_webhook_secrets=(NEW, OLD),
        encryption_keys=(b"k" * 32,),
    )


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    services = build(settings)
    yield services
    services.close()


@pytest.fixture
def receiver(services: Services) -> Iterator[Receiver]:
    receiver = Receiver(services)
    yield receiver
    receiver.close()


def deliver(receiver: Receiver, payload: Payload, secret: str = NEW) -> WebhookResponse:
    body, headers = delivery(payload, secret)
    return receiver.accept("lemonsqueezy", headers, body)


def rows(services: Services) -> list[inbox.Event]:
    with services.database.read() as conn:
        return inbox.listing(conn, None, None, 500)[::-1]


def test_a_delivery_is_on_stable_storage_when_it_is_accepted(receiver: Receiver, services: Services) -> None:
    payload = subscription_updated()

    answer = deliver(receiver, payload)

    (row,) = rows(services)
    assert answer.status == 200
    assert answer.document["status"] == "accepted"
    assert answer.document["event"] == f"evt_{row.id}"
    assert (row.name, row.state, row.provider, row.mode) == ("subscription_updated", "received", "lemonsqueezy", "live")
    assert services.vault.open(row.body, places.event(row.provider, row.delivery_key)) == wire(payload)


def test_every_secret_in_use_is_taken(receiver: Receiver) -> None:
    answers = [deliver(receiver, subscription_updated(webhook_id=secret), secret) for secret in (NEW, OLD)]

    assert [answer.status for answer in answers] == [200, 200]


@pytest.mark.parametrize("header", BAD_SIGNATURES.values(), ids=BAD_SIGNATURES.keys())
def test_what_nobody_signed_is_not_kept(receiver: Receiver, services: Services, header: str | None) -> None:
    headers = {} if header is None else {"X-Signature": header}

    answer = receiver.accept("lemonsqueezy", headers, AN_EVENT)

    assert answer == WebhookResponse(status=401, document={"error": "invalid_signature"})
    assert rows(services) == []


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_signed_and_makes_no_sense_is_kept_once(receiver: Receiver, services: Services, body: bytes) -> None:
    headers = {"X-Signature": sign(body)}

    first = receiver.accept("lemonsqueezy", headers, body)
    again = receiver.accept("lemonsqueezy", headers, body)

    (row,) = rows(services)
    assert first.status == 400
    assert first.document["error"] == "malformed_payload"
    assert first.document["event"] == f"evt_{row.id}"
    assert again == first
    assert (row.state, row.reason) == ("quarantined", first.document["detail"])
    assert services.vault.open(row.body, places.event(row.provider, row.delivery_key)) == body


@pytest.mark.parametrize("body", STRANGE.values(), ids=STRANGE.keys())
def test_what_is_merely_strange_is_taken(receiver: Receiver, services: Services, body: bytes) -> None:
    answer = receiver.accept("lemonsqueezy", {"X-Signature": sign(body)}, body)

    (row,) = rows(services)
    assert answer.status == 200
    assert services.vault.open(row.body, places.event(row.provider, row.delivery_key)) == body


def test_a_delivery_that_comes_again_is_a_duplicate(receiver: Receiver, services: Services) -> None:
    first = deliver(receiver, subscription_updated())

    again = deliver(receiver, subscription_updated())

    assert again.document == first.document | {"status": "duplicate"}
    assert len(rows(services)) == 1


def test_a_resend_under_a_new_delivery_id_is_a_duplicate(receiver: Receiver, services: Services) -> None:
    first = deliver(receiver, subscription_updated(webhook_id="one"))

    again = deliver(receiver, subscription_updated(webhook_id="two"))

    assert again.document["status"] == "duplicate"
    assert again.document["event"] == first.document["event"]
    assert again.document["sha256"] != first.document["sha256"]
    assert len(rows(services)) == 1


def test_copies_that_arrive_together_are_one_event(receiver: Receiver, services: Services) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = [*pool.map(lambda _: deliver(receiver, subscription_updated()), range(64))]

    words = sorted(answer.document["status"] for answer in answers)
    assert words == ["accepted"] + ["duplicate"] * 63
    assert len({answer.document["event"] for answer in answers}) == 1
    assert len(rows(services)) == 1


def test_many_deliveries_at_once_each_get_their_own_answer(receiver: Receiver, services: Services) -> None:
    bodies = [delivery(subscription_updated(subscription=number)) for number in range(200)]
    with ThreadPoolExecutor(16) as pool:
        answers = [*pool.map(lambda item: receiver.accept("lemonsqueezy", item[1], item[0]), bodies)]

    kept = {
        f"evt_{row.id}": services.vault.open(row.body, places.event(row.provider, row.delivery_key))
        for row in rows(services)
    }
    assert [kept[answer.document["event"]] for answer in answers] == [body for body, _ in bodies]


def test_an_event_that_nobody_acts_on_is_recorded(receiver: Receiver, services: Services) -> None:
    body = AN_EVENT.replace(b"subscription_updated", b"customer_updated")

    answer = receiver.accept("lemonsqueezy", {"X-Signature": sign(body)}, body)

    assert (answer.status, answer.document["status"]) == (200, "ignored")
    assert [(row.name, row.state) for row in rows(services)] == [("customer_updated", "ignored")]


@pytest.mark.parametrize(
    ("mode", "test_mode", "word"),
    [
        ("live", False, "accepted"),
        ("live", True, "ignored"),
        ("test", False, "ignored"),
        ("test", True, "accepted"),
        ("any", False, "accepted"),
        ("any", True, "accepted"),
    ],
)
def test_events_of_the_other_mode_do_not_act(services: Services, mode: str, *, test_mode: bool, word: str) -> None:
    receiver = Receiver(replace(services, settings=replace(services.settings, lemonsqueezy_mode=mode)))

    answer = deliver(receiver, subscription_updated(test_mode=test_mode))

    receiver.close()
    (row,) = rows(services)
    assert answer.document["status"] == word
    assert row.mode == ("test" if test_mode else "live")
    assert (row.state == "ignored", row.reason is not None) == (word == "ignored", word == "ignored")


def test_events_of_other_stores_do_not_act(services: Services) -> None:
    receiver = Receiver(replace(services, settings=replace(services.settings, lemonsqueezy_store_ids=frozenset({"7"}))))

    answers = [deliver(receiver, order_created(store=store)) for store in (7, 8)]

    receiver.close()
    assert [answer.document["status"] for answer in answers] == ["accepted", "ignored"]


def test_an_endpoint_without_a_secret_does_not_exist(services: Services) -> None:
    closed = Receiver(replace(services, settings=replace(services.settings, lemonsqueezy_webhook_secrets=())))

    assert not closed.knows("lemonsqueezy")
    assert not Receiver(services).knows("stripe")


def test_an_event_that_was_parked_is_armed_again_by_its_resend(receiver: Receiver, services: Services) -> None:
    deliver(receiver, subscription_updated())
    (row,) = rows(services)
    with services.database.write() as tx:
        inbox.failed(tx, row.id, "no idea", permanent=True, now_real=services.clock.now(tx))

    again = deliver(receiver, subscription_updated())

    assert again.document["status"] == "duplicate"
    assert [row.state for row in rows(services)] == ["received"]


@pytest.mark.parametrize("spool", [0, 1])
def test_nothing_is_promised_while_nothing_can_be_written(services: Services, tmp_path: Path, spool: int) -> None:
    (tmp_path / "file").write_text("")
    settings = replace(services.settings, data_dir=tmp_path / "file", spool=spool)
    away = Database(f"sqlite:///{tmp_path / 'nowhere' / 'kulanz.db'}")
    receiver = Receiver(replace(services, database=away, settings=settings))

    answer = deliver(receiver, subscription_updated())

    assert answer.status == 503
    assert answer.retry_after is not None
    assert not receiver.ready()
    receiver.close()


def test_without_a_spool_who_waits_for_a_locked_database_is_told_so_within_four_seconds(services: Services) -> None:
    receiver = Receiver(replace(services, settings=replace(services.settings, spool=0)))
    with services.database.write() as tx:
        if services.database.dialect == "postgresql":
            tx.exec_driver_sql("LOCK TABLE inbox")
        began = monotonic()
        answer = deliver(receiver, subscription_updated())
        waited = monotonic() - began

    again = deliver(receiver, subscription_updated())

    receiver.close()
    assert (answer.status, waited < 4) == (503, True)
    assert again.document["status"] in {"accepted", "duplicate"}
    assert len(rows(services)) == 1


def test_it_is_ready_while_a_delivery_can_be_kept(receiver: Receiver, services: Services) -> None:
    assert receiver.ready()
    assert rows(services) == []


def test_a_notification_follows_what_was_accepted_and_not_what_nobody_acts_on(
    settings: Settings, redis_url: str
) -> None:
    services = build(replace(settings, redis_url=redis_url))
    receiver, ignored = Receiver(services), AN_EVENT.replace(b"subscription_updated", b"customer_updated")

    deliver(receiver, subscription_updated())
    after_the_first = services.notifier.wait(5)
    answer = receiver.accept("lemonsqueezy", {"X-Signature": sign(ignored)}, ignored)
    after_the_second = services.notifier.wait(0.5)

    receiver.close()
    services.close()
    assert answer.document["status"] == "ignored"
    assert (after_the_first, after_the_second) == (True, False)


class Silence:
    """A bell that nobody answers, as when Redis hangs."""

    def __init__(self) -> None:
        self.asked = Event()
        self.let_go = Event()

    def ring(self) -> None:
        self.asked.set()
        self.let_go.wait(10)


def test_no_answer_waits_for_the_notification() -> None:
    notifier = Silence()
    debouncer = Debouncer(notifier.ring)

    debouncer.trigger()

    assert notifier.asked.wait(2)
    notifier.let_go.set()
    debouncer.close()


class Bell:
    """A bell that a hand holds until it is let go."""

    def __init__(self) -> None:
        self.rings: list[int] = []
        self.first, self.second, self.let_go = Event(), Event(), Event()

    def ring(self) -> None:
        self.rings.append(1)
        (self.first if len(self.rings) == 1 else self.second).set()
        self.let_go.wait(10)


def test_notifications_that_come_during_one_are_one_that_follows() -> None:
    notifier = Bell()
    debouncer = Debouncer(notifier.ring)
    debouncer.trigger()
    notifier.first.wait(2)

    for _ in range(50):
        debouncer.trigger()
    notifier.let_go.set()
    followed = notifier.second.wait(2)
    debouncer.close()

    assert followed
    assert len(notifier.rings) <= 3


def test_what_was_to_be_rung_for_before_the_end_is() -> None:
    notifier = Bell()
    debouncer = Debouncer(notifier.ring)
    debouncer.trigger()
    notifier.first.wait(2)

    debouncer.trigger()
    notifier.let_go.set()
    debouncer.close()

    assert len(notifier.rings) >= 2


def test_a_burst_costs_a_hundred_notifications_a_second_at_most() -> None:
    rings: list[float] = []
    debouncer = Debouncer(lambda: rings.append(monotonic()))

    until = monotonic() + 0.3
    while monotonic() < until:
        debouncer.trigger()
        sleep(0.0005)
    debouncer.close()

    assert 2 <= len(rings) <= 0.3 / Debouncer.INTERVAL + 3
