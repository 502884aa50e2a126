"""Registering the endpoint at Stripe, and what doctor says of the one that is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from kulanz.providers.stripe.vocabulary import OBJECTS
from tests.adapters.apis import Api, an_api
from tests.cli.conftest import Kulanz

URL = "https://billing.example/webhooks/stripe"


@pytest.fixture
def api(kulanz: Kulanz, sqlite_url: str) -> Iterator[Api]:
    with an_api() as api:
        kulanz.settings |= {
            "DATABASE_URL": sqlite_url,
            "STRIPE_API_KEY": "sk_test_1",
            "STRIPE_API_URL": f"{api.url}/v1",
            "STRIPE_WEBHOOK_SECRETS": "whsec_1",
        }
        yield api


def endpoint(*events: str, url: str = URL, status: str = "enabled") -> dict[str, object]:
    return {"id": "we_1", "object": "webhook_endpoint", "url": url, "enabled_events": list(events), "status": status}


def doctor(kulanz: Kulanz) -> dict[str, Any]:
    checks = kulanz("doctor", "--json").document["checks"]
    return dict(next(check for check in checks if check["check"] == "stripe webhook"))


def test_a_new_endpoint_is_registered_with_every_event_and_its_secret_is_printed(api: Api, kulanz: Kulanz) -> None:
    api.held["/v1/webhook_endpoints"] = {"data": [], "id": "we_1", "url": URL, "secret": "whsec_new"}

    printed = kulanz("stripe", "setup", URL).out

    assert "set STRIPE_WEBHOOK_SECRETS=whsec_new" in printed
    (call,) = [call for call in api.calls if call.startswith("POST")]
    form = parse_qs(call.removeprefix("POST /v1/webhook_endpoints "))
    assert (form["url"], set(form["enabled_events[]"])) == ([URL], set(OBJECTS))


def test_an_endpoint_that_is_there_is_told_its_events_again(api: Api, kulanz: Kulanz) -> None:
    api.held["/v1/webhook_endpoints"] = {"data": [endpoint("invoice.paid")]}

    made = kulanz("stripe", "setup", URL, "--json").document

    assert (made["done"], made["secret"]) == ("changed", None)
    assert [call.split()[1] for call in api.calls if call.startswith("POST")] == ["/v1/webhook_endpoints/we_1"]


def test_a_dry_run_changes_nothing(api: Api, kulanz: Kulanz) -> None:
    api.held["/v1/webhook_endpoints"] = {"data": []}

    kulanz("stripe", "setup", URL, "--dry-run")

    assert not [call for call in api.calls if call.startswith("POST")]


def test_doctor_names_the_events_that_stripe_does_not_send(api: Api, kulanz: Kulanz) -> None:
    api.held["/v1/webhook_endpoints"] = {"data": [endpoint(*(name for name in OBJECTS if name != "charge.succeeded"))]}
    lacking = doctor(kulanz)
    api.held["/v1/webhook_endpoints"] = {"data": [endpoint("*")]}
    whole = doctor(kulanz)
    api.held["/v1/webhook_endpoints"] = {"data": [endpoint("*", status="disabled")]}
    disabled = doctor(kulanz)

    assert lacking["ok"] is False
    assert str(lacking["advice"]).startswith("charge.succeeded not delivered")
    assert (whole["ok"], disabled["ok"]) == (True, False)
