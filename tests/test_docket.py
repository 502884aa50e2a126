"""What follows from a decision for what was decided before it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from app import pipeline
from app.config import load
from app.receiving.intake import Intake
from app.services import Services, build
from app.showing import enquiries
from app.store import outbox
from app.vault import random_key_text
from tests.lemonsqueezy import (
    MONDAY,
    SECRET,
    Payload,
    delivery,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_success,
)

DAY = timedelta(days=1)


@pytest.fixture
def services(database_url: str, tmp_path: Path) -> Services:
    settings = load(
        {
            "KULANZ_DATA_DIR": str(tmp_path / "data"),
            "DATABASE_URL": database_url,
            "LEMONSQUEEZY_WEBHOOK_SECRETS": SECRET,
            "LEMONSQUEEZY_MODE": "any",
            "KULANZ_PLANS": "lemonsqueezy:47001=professional",
            "KULANZ_TEST_CLOCK": "1",
            "ENCRYPTION_KEYS": random_key_text(),
        }
    )
    services = build(settings)
    with services.database.write() as tx:
        services.adopt_policy(tx)
    return services


def happens(services: Services, at: int, *payloads: Payload) -> None:
    """Let a day come and deliveries with it, and do all that follows."""
    services.clock.set(MONDAY + at * DAY)
    intake = Intake(services)
    for payload in payloads:
        body, headers = delivery(payload)
        assert intake.accept("lemonsqueezy", headers, body).status == 200
    intake.close()
    while pipeline.process(services).moved or pipeline.deliver(services).moved:
        pass


def todos(services: Services) -> dict[str, str]:
    with services.database.read() as conn:
        return {row.type: row.state for row in outbox.listing(conn) if row.type in {"cancel", "resume"}}


def test_what_a_person_was_to_do_at_the_provider_is_taken_back_when_the_payment_arrives(services: Services) -> None:
    happens(services, 0, subscription_created(at=MONDAY - 30 * DAY), subscription_payment_failed(at=MONDAY))
    for day in (3, 5, 7):
        happens(services, day)
    before = todos(services)

    happens(services, 9, subscription_payment_success(at=MONDAY + 9 * DAY))

    assert before == {"cancel": "todo"}
    assert todos(services) == {"cancel": "withdrawn"}
    assert enquiries.account_document(services, "org_42")["standing"] == "good"
    services.close()
