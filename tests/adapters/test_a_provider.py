"""The places outside `providers/` that name every provider: none may forget one."""

from __future__ import annotations

from pathlib import Path

import pytest

from kulanz.config import Settings
from kulanz.config.sources import ENDPOINTS, VARIABLES
from kulanz.ingest.secret_usage import configured
from kulanz.providers import PROVIDERS
from kulanz.providers.naming import is_usable


def test_every_provider_has_an_endpoint_and_no_endpoint_is_without_a_provider() -> None:
    settings = Settings(data_dir=Path("/nowhere"), database_url="sqlite://")

    assert PROVIDERS.keys() == configured(settings).keys() == set(ENDPOINTS)


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_providers_secrets_have_a_setting(name: str) -> None:
    assert f"{name.upper()}_WEBHOOK_SECRETS" in VARIABLES


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_buyer_cannot_take_the_id_that_another_customer_of_a_provider_would_get(name: str) -> None:
    assert not is_usable(f"{name}-3083767")
