"""What doctor says of the place that Paddle delivers to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kulanz.providers.paddle.vocabulary import NEEDED
from tests.adapters.apis import Api, an_api
from tests.cli.conftest import Kulanz

URL = "https://billing.example/webhooks/paddle"


@pytest.fixture
def api(kulanz: Kulanz, sqlite_url: str) -> Iterator[Api]:
    with an_api() as api:
        kulanz.settings |= {
            "DATABASE_URL": sqlite_url,
            "PADDLE_API_KEY": "pdl_sdbx_apikey_1",
            "PADDLE_API_URL": api.url,
            "PADDLE_WEBHOOK_SECRETS": "pdl_ntfset_1",
        }
        yield api


def destination(*events: str, url: str = URL, active: bool = True) -> dict[str, object]:
    return {"id": "ntfset_1", "destination": url, "active": active, "subscribed_events": [{"name": e} for e in events]}


def doctor(kulanz: Kulanz) -> dict[str, Any]:
    checks = kulanz("doctor", "--json").document["checks"]
    return dict(next(check for check in checks if check["check"] == "paddle destination"))


def test_doctor_names_the_events_that_paddle_does_not_send(api: Api, kulanz: Kulanz) -> None:
    api.held["/notification-settings"] = {"data": [destination(*NEEDED[1:])]}
    lacking = doctor(kulanz)
    api.held["/notification-settings"] = {"data": [destination(*NEEDED[1:]), destination(NEEDED[0])]}
    whole = doctor(kulanz)
    api.held["/notification-settings"] = {
        "data": [destination(*NEEDED, active=False), destination("x", url="https://a")]
    }
    elsewhere = doctor(kulanz)

    assert lacking["ok"] is False
    assert f"{NEEDED[0]} not delivered" in lacking["advice"]
    assert (whole["ok"], whole["detail"].startswith(URL)) == (True, True)
    assert (elsewhere["ok"], elsewhere["detail"]) == (False, "none of 1 destinations leads to /webhooks/paddle")


def test_a_key_that_may_not_say_so_is_no_fault(api: Api, kulanz: Kulanz) -> None:
    api.status = 403

    assert doctor(kulanz)["ok"] is None
