"""A worker of the test's own: a database with events, and what they come to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from app.clock import real_now
from app.config import load
from app.providers import lemonsqueezy
from app.services import Services, build
from app.store import inbox
from app.store.inbox import NewEvent
from tests.lemonsqueezy import MONDAY, Payload, subscription_created, subscription_payment_failed, wire

KEY = "0f" * 32


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> dict[str, str]:
    return {
        "KULANZ_DATA_DIR": str(tmp_path),
        "DATABASE_URL": database_url,
        "ENCRYPTION_KEYS": KEY,
        "KULANZ_TEST_CLOCK": "1",
        "LEMONSQUEEZY_MODE": "any",
    }


@pytest.fixture
def services(settings: dict[str, str]) -> Iterator[Services]:
    services = build(load(settings))
    services.clock.set(MONDAY + timedelta(hours=1))
    yield services
    services.close()


def receive(services: Services, *payloads: Payload) -> None:
    """Record deliveries as the receiver does, without a ring."""
    with services.database.write() as tx:
        inbox.record(tx, [_delivery(services, wire(payload)) for payload in payloads], real_now())


def an_unpaid_account(services: Services, number: int) -> str:
    """Receive a purchase and its failed renewal; return the account."""
    told = {"account": f"org_{number}", "subscription": number, "customer": number + 1, "invoice": number + 2}
    bought = MONDAY - timedelta(days=30)
    receive(services, subscription_created(at=bought, began=bought, **told), subscription_payment_failed(**told))
    return f"org_{number}"


def _delivery(services: Services, body: bytes) -> NewEvent:
    seen = lemonsqueezy.glance(body)
    return NewEvent(
        provider="lemonsqueezy",
        name=seen.name,
        delivery_key=seen.delivery_key,
        content_key=seen.content_key,
        lane=seen.lane,
        state="received",
        received_at=real_now(),
        body=services.vault.seal(body),
        sha256=sha256(body).digest(),
    )
