"""The button of the page for customers of Polar and of Dodo."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from kulanz.ingest.receiver import Receiver
from kulanz.services import Services
from kulanz.web.application import create_app
from tests import standard
from tests.days import DAY, days_go_by, product, settings_of, settle
from tests.lemonsqueezy import MONDAY
from tests.portals import KEY, Portals, a_portal_server
from tests.web.paying import BILLING, PUBLIC, links

FAILED = {
    "polar": (
        standard.POLAR,
        standard.polar_subscription("active", at=MONDAY - 30 * DAY),
        standard.polar_subscription("past_due"),
    ),
    "dodo": (
        standard.BOUGHT,
        standard.dodo_subscription("active", at=MONDAY - 30 * DAY),
        standard.dodo_payment("failed"),
        standard.dodo_subscription("on_hold"),
    ),
}
SENDERS = pytest.mark.parametrize("sender", ["polar", "dodo"])


@contextmanager
def reminded(folder: Path, database_url: str, sender: str, **told: Any) -> Iterator[tuple[FlaskClient, str]]:
    """A browser before the page of an account whose renewal failed on Monday, and the page's link."""
    own = {
        "standard_webhook_secrets": (standard.SECRET,),
        "plans": (),
        "billing_url": BILLING,
        "public_url": PUBLIC,
        "test_clock": True,
    }
    with product(settings_of(folder, database_url, **own | told), at=MONDAY - 40 * DAY) as services:
        services.clock.set(MONDAY - 30 * DAY)
        hear(services, FAILED[sender][1])
        services.clock.set(MONDAY)
        hear(services, *FAILED[sender][2:])
        days_go_by(services, 3)
        app = create_app(services)
        yield app.test_client(), links(services)[-1]
        app.end()


def hear(services: Services, *payloads: standard.Payload) -> None:
    receiver = Receiver(services)
    for payload in payloads:
        body, headers = standard.delivery(payload)
        assert receiver.accept("standard", headers, body).status == 200
    receiver.close()
    settle(services)


def keys(portals: Portals, key: str = KEY) -> dict[str, str]:
    return {
        "polar_api_key": key,
        "polar_api_url": portals.url,
        "dodo_api_key": key,
        "dodo_api_url": portals.url,
    }


@pytest.fixture
def portals() -> Iterator[Portals]:
    with a_portal_server() as portals:
        yield portals


@SENDERS
def test_the_button_opens_a_new_session_of_the_customers_portal(
    tmp_path: Path, sqlite_url: str, portals: Portals, sender: str
) -> None:
    customer = FAILED[sender][0].customer
    with reminded(tmp_path, sqlite_url, sender, **keys(portals)) as (client, link):
        shown = client.get(link)
        asked = len(portals.calls)
        pressed = [client.post(link).headers["Location"] for _ in range(2)]

    assert (shown.status_code, asked) == (200, 0)
    assert pressed == [f"https://portal.example/{customer}/session-{number}" for number in (1, 2)]


@SENDERS
def test_without_a_key_the_button_leads_to_the_billing_page(tmp_path: Path, sqlite_url: str, sender: str) -> None:
    with reminded(tmp_path, sqlite_url, sender) as (client, link):
        assert client.post(link).headers["Location"] == BILLING


@SENDERS
def test_where_the_provider_is_away_or_refuses_the_key_the_page_says_so(
    tmp_path: Path, sqlite_url: str, portals: Portals, sender: str
) -> None:
    with reminded(tmp_path, sqlite_url, sender, **keys(portals, "another-key")) as (client, link):
        refused = client.post(link)
        portals.status = 500
        away = client.post(link)

    for answer in (refused, away):
        assert answer.status_code == 503
        assert "cannot be reached at the moment" in answer.text
        assert f'href="{BILLING}"' in answer.text


def test_a_key_for_portals_lets_kulanz_do_nothing_else_at_the_provider(
    tmp_path: Path, sqlite_url: str, portals: Portals
) -> None:
    with product(settings_of(tmp_path, sqlite_url, **keys(portals))) as services:
        assert set(services.payment_pages) == {"polar", "dodo"}
        assert dict(services.clients) == {}
        with services.database.read() as conn:
            assert services.terms(conn).can_look == frozenset()
