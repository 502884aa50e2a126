"""Alerts in the team's chat: each change is told once, by topic and severity, and so is that it is over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kulanz.commands import todos
from kulanz.config.parsing import AlertChannel
from kulanz.processing import outbox as alerts
from kulanz.queries import todo
from kulanz.services import Services
from kulanz.store import shared_values
from kulanz_workers import alert_loop
from kulanz_workers.alert_loop import AlertLoop
from tests.days import product, settings_of, tell
from tests.fake_servers import Answer, CallbackReceiver, a_callback_receiver
from tests.lemonsqueezy import (
    MONDAY,
    subscription_created,
    subscription_payment_refunded,
    subscription_payment_success,
)


def channel(receiver: CallbackReceiver, *words: str) -> AlertChannel:
    return AlertChannel(url=receiver.url.replace("http://", "json://"), words=frozenset(words))


def shop(folder: Path, database_url: str, *channels: AlertChannel) -> Any:
    stated = {"alert_channels": channels, "console_url": "https://ops.example/", "test_clock": True}
    return product(settings_of(folder, database_url, **stated), at=MONDAY)


@pytest.fixture
def callbacks() -> Iterator[CallbackReceiver]:
    """The chat."""
    with a_callback_receiver() as receiver:
        yield receiver


@pytest.fixture
def services(tmp_path: Path, database_url: str, callbacks: CallbackReceiver) -> Iterator[Services]:
    with shop(tmp_path, database_url, channel(callbacks)) as services:
        yield services


def messages(receiver: CallbackReceiver) -> list[tuple[str, str, str]]:
    documents = [json.loads(request.body) for request in receiver.requests]
    return [(document["type"], document["title"], document["message"]) for document in documents]


def a_refund_in_full(services: Services) -> None:
    tell(
        services,
        subscription_created(at=MONDAY),
        subscription_payment_success(at=MONDAY),
        subscription_payment_refunded(at=MONDAY),
    )


def told(services: Services, topic: str, *subjects: str) -> None:
    with services.database.write() as tx:
        for subject in subjects:
            alerts.alert(services, tx, topic=topic, subject=subject)


def test_what_begins_to_wait_is_told_once_and_that_it_is_over_once(
    services: Services, callbacks: CallbackReceiver
) -> None:
    loop = AlertLoop(services)
    loop.tell()
    a_refund_in_full(services)
    loop.tell()
    loop.tell()

    (matter,) = todo.todo_list(services)
    todos.acknowledge(services, matter.id, "ann")
    loop.tell()
    loop.tell()

    says = "a payment went back in full without a request here · org_42"
    assert messages(callbacks) == [
        (
            "failure",
            "Kulanz: 1 thing waits for a person",
            f"{says} · https://ops.example/ops/accounts/org_42",
        ),
        ("success", "Kulanz: 1 thing is over", f"over: {says}"),
    ]


def test_a_channel_is_told_of_its_topics_and_severities_alone(
    tmp_path: Path, database_url: str, callbacks: CallbackReceiver
) -> None:
    urgent, named = channel(callbacks, "urgent"), channel(callbacks, "reconcile_found")
    named = AlertChannel(url=named.url + "/named", words=named.words)
    with shop(tmp_path, database_url, urgent, named) as services:
        told(services, "mass_expiry", "2026030209")
        told(services, "reconcile_found", "2026-03-02: 1")
        AlertLoop(services).tell()

    by_path = {request.path: json.loads(request.body)["type"] for request in callbacks.requests}
    assert sorted(by_path.values()) == ["failure", "warning"]
    assert by_path[next(path for path in by_path if path.rstrip("/").endswith("named"))] == "warning"


def test_what_a_service_does_not_take_is_told_later_and_nothing_is_lost(
    services: Services, callbacks: CallbackReceiver
) -> None:
    told(services, "mass_expiry", "2026030209")
    callbacks.answers.append(Answer(status=500))
    loop = AlertLoop(services)

    loop.tell()
    loop.tell()
    tries = len(callbacks.requests)
    with services.database.write() as tx:  # The first clock has ended.
        shared_values.put(tx, "alerts_turn", None)
    AlertLoop(services).tell()

    assert tries == 1
    assert [title for _, title, _ in messages(callbacks)] == ["Kulanz: 1 thing waits for a person"] * 2


def test_a_flood_is_one_message(services: Services, callbacks: CallbackReceiver) -> None:
    told(services, "overpaid", *(f"transfer {number}" for number in range(25)))

    AlertLoop(services).tell()

    ((_, title, body),) = messages(callbacks)
    assert title == "Kulanz: 25 things wait for a person"
    assert len(body.splitlines()) == alert_loop.LINES + 1
    assert body.endswith("and 15 more: https://ops.example/ops/todo")


def test_a_second_clock_tells_nothing_while_the_first_does(services: Services, callbacks: CallbackReceiver) -> None:
    first, second = AlertLoop(services), AlertLoop(services)
    first.tell()
    told(services, "mass_expiry", "2026030209")

    second.tell()
    silent = messages(callbacks)
    first.tell()

    assert silent == []
    assert len(messages(callbacks)) == 1


def test_no_address_of_a_channel_is_kept_or_shown(services: Services, callbacks: CallbackReceiver) -> None:
    (setting,) = services.settings.alert_channels

    assert str(setting) == "json://****"
    assert callbacks.url.removeprefix("http://") not in repr(setting)
