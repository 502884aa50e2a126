"""A product without its processes, which lives through days on its test clock: deliveries in, and all that follows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from app import pipeline
from app.config import load
from app.receiving.intake import Intake
from app.services import Services, build
from app.vault import random_key_text
from tests.lemonsqueezy import MONDAY, SECRET, Payload, delivery

DAY = timedelta(days=1)


@contextmanager
def days_before_monday(database_url: str, folder: Path) -> Iterator[Services]:
    """Give services whose clock stands forty days before Monday, with the default policy in force since then."""
    settings = {
        "KULANZ_DATA_DIR": str(folder),
        "DATABASE_URL": database_url,
        "LEMONSQUEEZY_WEBHOOK_SECRETS": SECRET,
        "LEMONSQUEEZY_MODE": "any",
        "KULANZ_PLANS": "lemonsqueezy:47001=professional",
        "KULANZ_TEST_CLOCK": "1",
        "ENCRYPTION_KEYS": random_key_text(),
    }
    services = build(load(settings))
    services.clock.set(MONDAY - 40 * DAY)
    with services.database.write() as tx:
        services.adopt_policy(tx)
    yield services
    services.close()


def happens(services: Services, day: float, *payloads: Payload) -> None:
    """Let a day come, counted from Monday, and deliveries with it, and do all that follows."""
    services.clock.set(MONDAY + day * DAY)
    intake = Intake(services)
    for payload in payloads:
        body, headers = delivery(payload)
        assert intake.accept("lemonsqueezy", headers, body).status == 200
    intake.close()
    while pipeline.process(services).moved or pipeline.deliver(services).moved:
        pass
