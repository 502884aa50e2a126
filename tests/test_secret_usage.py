"""Webhook secrets: which are in use, so that taking one away is no guess."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from kulanz.cli.doctor import internal
from kulanz.cli.doctor.finding import Finding
from kulanz.config import Settings
from kulanz.ingest.receiver import Receiver
from kulanz.ingest.secret_usage import status
from kulanz.runtime.clock import real_now
from kulanz.services import Services, build
from kulanz.store import secret_use
from tests.lemonsqueezy import delivery, subscription_updated

NEW, OLD = "the-new-secret", "the-old-secret"


@pytest.fixture
def services(tmp_path: Path, database_url: str) -> Iterator[Services]:
    services = build(
        Settings(
            data_dir=tmp_path,
            database_url=database_url,
            lemonsqueezy_webhook_secrets=(NEW, OLD),
            encryption_keys=(b"k" * 32,),
        )
    )
    yield services
    services.close()


def deliver(services: Services, *secrets: str) -> list[int]:
    receiver = Receiver(services)
    stated = [delivery(subscription_updated(), secret) for secret in secrets]
    answers = [receiver.accept("lemonsqueezy", headers, body).status for body, headers in stated]
    receiver.close()
    return answers


def findings(services: Services) -> list[Finding]:
    return list(internal.webhook_secrets(services))


def test_a_secret_that_verified_a_delivery_is_known_to_be_in_use(services: Services) -> None:
    assert deliver(services, OLD) == [200]

    with services.database.read() as conn:
        new, old = status(services, conn)
    assert (new.place, new.last_used) == (1, None)
    assert old.in_use(real_now())
    assert OLD not in repr(old)


def test_a_secret_that_verified_nothing_is_not(services: Services) -> None:
    assert deliver(services, "neither") == [401]

    with services.database.read() as conn:
        assert [use.last_used for use in status(services, conn)] == [None, None]


def test_every_secret_that_was_used_is_noted_though_nothing_comes_after(services: Services) -> None:
    assert deliver(services, NEW, OLD) == [200, 200]

    with services.database.read() as conn:
        assert all(use.in_use(real_now()) for use in status(services, conn))


def test_the_doctor_objects_when_a_secret_is_taken_away_that_is_still_in_use(services: Services) -> None:
    deliver(services, OLD)
    retired = replace(services, settings=replace(services.settings, lemonsqueezy_webhook_secrets=(NEW,)))

    assert [finding.well for finding in findings(services)] == [True, True]
    assert [finding.well for finding in findings(retired)] == [True, False]


def test_the_doctor_says_when_a_secret_may_be_taken_away(services: Services) -> None:
    deliver(services, OLD)
    long_ago(services)

    unproven = [finding.advice for finding in findings(services)]
    deliver(services, NEW)

    assert unproven == ["", ""]
    assert [finding.advice for finding in findings(services)] == ["", "it may be taken away"]


def long_ago(services: Services) -> None:
    """Let every use that is noted be two days old."""
    with services.database.write() as tx:
        before = {name: at - timedelta(days=2) for name, at in secret_use.last(tx).items()}
        secret_use.shared_values.put(tx, "webhook_secrets", {name: at.isoformat() for name, at in before.items()})
