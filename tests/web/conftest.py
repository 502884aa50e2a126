"""The application over stand-ins for what lies behind it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kulanz.config import ApiToken, Settings
from kulanz.ingest.receiver import WebhookResponse
from kulanz.web.application import WebApp, assemble
from tests.web.service import ServiceInMemory


class ReceiverInMemory:
    """Accepts whatever comes, and remembers it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.answer = WebhookResponse(status=200, document={"status": "accepted", "event": "evt_1"})
        self.breaks = False
        self.able = True

    def tell_left(self) -> None:
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


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path,
        database_url=f"sqlite:///{tmp_path / 'kulanz.db'}",
        api_tokens=(
            ApiToken(name="writer", token="w-secret", read_only=False),
            ApiToken(name="reader", token="r-secret", read_only=True),
        ),
    )


@pytest.fixture
def receiver() -> ReceiverInMemory:
    return ReceiverInMemory()


@pytest.fixture
def service() -> ServiceInMemory:
    return ServiceInMemory("org_1", "org_2", "org_3", "org_42")


@pytest.fixture
def app(receiver: ReceiverInMemory, service: ServiceInMemory, settings: Settings) -> WebApp:
    return assemble(receiver, service, settings)


@pytest.fixture
def client(app: WebApp) -> FlaskClient:
    return app.test_client()
