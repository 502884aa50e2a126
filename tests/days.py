"""A product without its processes: deliveries in, all that follows, and days that go by on its test clock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from kulanz import pipeline
from kulanz.config import Settings
from kulanz.ingest.receiver import Receiver
from kulanz.policy.document import Policy
from kulanz.services import Services, build
from tests.lemonsqueezy import MONDAY, SECRET, Payload, delivery

DAY = timedelta(days=1)


def settings_of(folder: Path, database_url: str, **told: Any) -> Settings:
    """Give the settings of a product that sells by Lemon Squeezy, and what a test says beside them."""
    usual: dict[str, Any] = {
        "lemonsqueezy_webhook_secrets": (SECRET,),
        "lemonsqueezy_mode": "any",
        "encryption_keys": (b"k" * 32,),
        "plans": (("lemonsqueezy:47001", "professional"),),
    }
    return Settings(data_dir=folder, database_url=database_url, **usual | told)


def policy_in_force(services: Services) -> Policy:
    """Give the general policy that is in force now."""
    with services.database.read() as conn:
        return services.terms(conn).current


@contextmanager
def product(settings: Settings, *, at: datetime | None = None) -> Iterator[Services]:
    """Give its services; where its test clock stands `at` a time, the policy is in force since then."""
    services = build(settings)
    try:
        if at is not None:
            services.clock.set(at)
            with services.database.write() as tx:
                services.adopt_policy(tx)
        yield services
    finally:
        await_readings()
        services.close()


def await_readings() -> None:
    """Wait for the figures that are still searched for: each search has a connection."""
    for thread in threading.enumerate():
        if thread.name == "reading":
            thread.join(timeout=20)


@contextmanager
def days_before_monday(database_url: str, folder: Path) -> Iterator[Services]:
    """Give services whose clock stands forty days before Monday, with the default policy in force since then."""
    with product(settings_of(folder, database_url, test_clock=True), at=MONDAY - 40 * DAY) as services:
        yield services


def happens(services: Services, day: float, *payloads: Payload) -> None:
    """Let a day come, counted from Monday, and deliveries with it, and do all that follows."""
    services.clock.set(MONDAY + day * DAY)
    deliver(services, *payloads)
    settle(services)


def days_go_by(services: Services, days: int) -> None:
    """Let that many days come from Monday on, and do on each all that follows."""
    for day in range(days):
        happens(services, day)


def tell(services: Services, *payloads: Payload) -> None:
    """Deliver events and apply them; effects wait."""
    deliver(services, *payloads)
    while pipeline.process(services).moved:
        pass


def deliver(services: Services, *payloads: Payload) -> None:
    """Let events arrive as Lemon Squeezy sends them."""
    receiver = Receiver(services)
    for payload in payloads:
        body, headers = delivery(payload)
        assert receiver.accept("lemonsqueezy", headers, body).status == 200
    receiver.close()


def settle(services: Services) -> None:
    """Do what is due, as the workers would, until nothing is."""
    while pipeline.process(services).moved | pipeline.deliver(services).moved:
        pass
