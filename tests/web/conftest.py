"""The application over four accounts, with a receiver that only remembers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kulanz.config import ApiToken, Settings
from kulanz.ingest.receiver import WebhookResponse
from kulanz.services import Services, build
from kulanz.web.application import WebApp, assemble
from tests.compiled_templates import COMPILED
from tests.days import DAY, product, settings_of, tell
from tests.lemonsqueezy import (
    MONDAY,
    Purchase,
    subscription_created,
    subscription_expired,
    subscription_payment_failed,
    subscription_updated,
)

WebApp.jinja_options = {"bytecode_cache": COMPILED}


class ReceiverInMemory:
    """Accepts whatever comes, and remembers it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.answer = WebhookResponse(status=200, document={"status": "accepted", "event": "evt_1"})
        self.breaks = False
        self.able = True

    def leave(self) -> None:
        """Leave nothing."""

    def knows(self, endpoint: str) -> bool:
        return endpoint == "lemonsqueezy"

    def accept(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> WebhookResponse:
        if self.breaks:
            raise ValueError("s3cret")
        self.bodies.append(body)
        self.headers.append(dict(headers))
        return self.answer

    async def receive(
        self, endpoint: str, headers: Mapping[str, str], body: bytes, _aside: Executor
    ) -> WebhookResponse:
        return self.accept(endpoint, headers, body)

    def begin(self) -> None:
        pass

    def ready(self) -> bool:
        return self.able


@pytest.fixture(scope="session")
def _four_accounts(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path) -> Path:
    """A database of four accounts that is only copied: two stand well, one has expired, `org_42` is in grace."""
    folder = tmp_path_factory.mktemp("accounts")
    shutil.copyfile(_sqlite_template, folder / "kulanz.db")
    with product(_settings(folder), at=MONDAY) as services:
        for number, account in enumerate(("org_1", "org_2", "org_3", "org_42")):
            variant = 47002 if account == "org_3" else 47001
            bought = Purchase(account=account, customer=number + 1, subscription=number + 1, variant=variant)
            tell(services, subscription_created(purchase=bought, at=MONDAY - 40 * DAY))
            if account == "org_2":
                tell(services, subscription_expired(purchase=bought, at=MONDAY - DAY))
            if account == "org_42":
                tell(services, subscription_updated(purchase=bought, at=MONDAY - DAY, status="past_due"))
                tell(services, subscription_payment_failed(purchase=bought, at=MONDAY - DAY, invoice=42))
    return folder / "kulanz.db"


def _settings(folder: Path) -> Settings:
    return settings_of(
        folder,
        f"sqlite:///{folder / 'kulanz.db'}",
        test_clock=True,
        plans=(("lemonsqueezy:47001", "professional"), ("lemonsqueezy:47002", "enterprise")),
        api_tokens=(
            ApiToken(name="writer", token="w-secret", read_only=False),
            ApiToken(name="reader", token="r-secret", read_only=True),
        ),
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return _settings(tmp_path)


@pytest.fixture
def receiver() -> ReceiverInMemory:
    return ReceiverInMemory()


@pytest.fixture
def services(settings: Settings, _four_accounts: Path) -> Iterator[Services]:
    shutil.copyfile(_four_accounts, settings.data_dir / "kulanz.db")
    services = build(settings)
    yield services
    services.close()


@pytest.fixture
def app(receiver: ReceiverInMemory, services: Services) -> WebApp:
    return assemble(receiver, services, services.settings)


@pytest.fixture
def client(app: WebApp) -> FlaskClient:
    return app.test_client()
