"""The page behind a mail's link, of an account that was reminded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kulanz.services import Services
from tests.applications import an_application
from tests.provider_server import Provider, a_provider
from tests.web.paying import a_reminded_account


@pytest.fixture
def provider() -> Iterator[Provider]:
    with a_provider() as provider:
        yield provider


@pytest.fixture
def services(tmp_path: Path, sqlite_url: str, provider: Provider) -> Iterator[Services]:
    with a_reminded_account(tmp_path, sqlite_url, provider) as services:
        yield services


@pytest.fixture
def client(services: Services) -> Iterator[FlaskClient]:
    with an_application(services) as app:
        yield app.test_client()
