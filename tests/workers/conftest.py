"""A database with events for a worker of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from kulanz.config import load
from kulanz.services import Services, build
from tests.lemonsqueezy import MONDAY

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
