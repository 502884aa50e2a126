"""The console over a real database and a real Redis, with somebody logged in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from flask.testing import FlaskClient

from kulanz.config import OpsUser, Settings
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.web.application import WebApp
from tests.applications import an_application
from tests.compiled_templates import COMPILED
from tests.console.operator import Operator
from tests.days import product, settings_of, tell
from tests.lemonsqueezy import subscription_created, subscription_payment_failed, subscription_updated

WebApp.jinja_options = {"bytecode_cache": COMPILED}


@pytest.fixture
def settings(tmp_path: Path, database_url: str, redis_url: str) -> Settings:
    return settings_of(
        tmp_path,
        database_url,
        redis_url=redis_url,
        ops_users=(
            OpsUser(name="ops", password="correct horse"),
            OpsUser(name="bob", password="paper clip"),
            OpsUser(name="eve", password="battery staple", read_only=True),
        ),
    )


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    with product(settings) as services:
        yield services


@pytest.fixture
def app(services: Services) -> Iterator[WebApp]:
    with an_application(services) as app:
        yield app


class Serve(Protocol):
    """Makes an application of its own services, which have these settings beside the usual ones."""

    def __call__(self, **told: Any) -> WebApp: ...


@pytest.fixture
def serve(settings: Settings) -> Iterator[Serve]:
    """Applications beside the usual one; all end with the test."""
    with ExitStack() as stack:

        def made(**told: Any) -> WebApp:
            services = stack.enter_context(product(replace(settings, **told)))
            return stack.enter_context(an_application(services))

        yield made


@pytest.fixture
def client(app: WebApp) -> FlaskClient:
    """Nobody who has logged in."""
    return app.test_client()


@pytest.fixture
def operator(app: WebApp) -> Operator:
    operator = Operator(app.test_client())
    operator.log_in("ops", "correct horse")
    return operator


@pytest.fixture
def reader(app: WebApp) -> Operator:
    operator = Operator(app.test_client())
    operator.log_in("eve", "battery staple")
    return operator


@pytest.fixture
def now() -> datetime:
    return real_now().replace(microsecond=0)


@pytest.fixture
def in_grace(services: Services, now: datetime) -> None:
    tell(
        services,
        subscription_created(at=now - timedelta(days=40), email="ada@shop.example"),
        subscription_updated(at=now - timedelta(hours=1), status="past_due", email="ada@shop.example"),
        subscription_payment_failed(at=now - timedelta(hours=1)),
    )
