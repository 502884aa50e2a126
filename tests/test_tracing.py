"""One id leads through the log from a delivery to the mails and callbacks that follow from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kulanz import pipeline
from kulanz.services import Services
from kulanz.store import outbox
from tests.days import days_go_by, product, settings_of, settle
from tests.fake_servers import CallbackReceiver, a_callback_receiver
from tests.lemonsqueezy import MONDAY
from tests.workers.instance import an_unpaid_account


@pytest.fixture
def callbacks() -> Iterator[CallbackReceiver]:
    with a_callback_receiver() as receiver:
        yield receiver


@pytest.fixture
def services(tmp_path: Path, database_url: str, callbacks: CallbackReceiver) -> Iterator[Services]:
    stated = {"callback_url": callbacks.url, "callback_secret": callbacks.secret, "test_clock": True}
    with product(settings_of(tmp_path, database_url, **stated), at=MONDAY) as services:
        yield services


def fields(line: str) -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S+)", line))


def test_a_log_line_names_the_event_or_the_timer_that_it_follows_from(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    account = an_unpaid_account(services, 1)
    while pipeline.process(services).moved:
        pass
    settle(services)
    at_once = [fields(line) for line in capsys.readouterr().err.splitlines()]
    days_go_by(services, 9)
    later = [fields(line) for line in capsys.readouterr().err.splitlines()]

    assert [(line["cause"], line["state"]) for line in at_once if line["event"] == "event.settled"] == [
        ("evt_1", "handled"),
        ("evt_2", "handled"),
    ]
    with services.database.read() as conn:
        types = {row.id: row.type for row in outbox.of_account(conn, account)}
    attempts = [line for line in at_once + later if line["event"] == "effect.attempted" and line["effect"] in types]
    causes = {types[line["effect"]]: line["cause"] for line in attempts}
    assert causes["account.grace_started"] == "evt_2"
    assert (causes["grace_reminder"], causes["downgraded"]) == ("timer:grace_reminder", "timer:grace_end")
