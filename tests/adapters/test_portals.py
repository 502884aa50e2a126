"""The portals of Polar and Dodo: one call each, for the customer of the purchase and nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests

from kulanz.delivery.pay_links import payment_page
from kulanz.delivery.provider import PaymentPages
from kulanz.errors import FarEndError
from kulanz.providers.standard.portals import DodoPortal, PolarPortal
from kulanz.providers.standard.sender import DODO_PORTAL as DODO
from kulanz.providers.standard.sender import POLAR_PORTAL as POLAR
from kulanz.providers.standard.sender import sender_of
from tests import standard
from tests.portals import KEY, Portals, a_portal_server

BOUGHT = {POLAR: standard.POLAR, DODO: standard.BOUGHT}
SENDERS = pytest.mark.parametrize("sender", [POLAR, DODO])


@pytest.fixture
def portals() -> Iterator[Portals]:
    with a_portal_server() as portals:
        yield portals


@pytest.fixture
def clients(portals: Portals) -> Iterator[dict[str, PaymentPages]]:
    with requests.Session() as session:
        yield {
            POLAR: PolarPortal(KEY, portals.url, session),
            DODO: DodoPortal(KEY, portals.url, session),
        }


def page(clients: dict[str, PaymentPages], purchase: standard.Purchase) -> str | None:
    return payment_page(clients, f"standard:{purchase.subscription}", None, f"standard:{purchase.customer}")


@SENDERS
def test_a_purchase_leads_to_a_new_session_of_its_customer_each_time(
    clients: dict[str, PaymentPages], portals: Portals, sender: str
) -> None:
    pages = [page(clients, BOUGHT[sender]) for _ in range(2)]

    assert pages == [f"https://portal.example/{BOUGHT[sender].customer}/session-{number}" for number in (1, 2)]


def test_each_is_asked_in_its_own_way(clients: dict[str, PaymentPages], portals: Portals) -> None:
    page(clients, standard.POLAR)
    page(clients, standard.BOUGHT)

    polar, dodo = portals.calls
    assert (polar[:2], json.loads(polar[2]), polar[3]) == (
        ("POST", "/v1/customer-sessions/"),
        {"customer_id": standard.POLAR.customer},
        "2026-10",
    )
    assert dodo == ("POST", f"/customers/{standard.BOUGHT.customer}/customer-portal/session", "", None)


@SENDERS
def test_without_a_key_of_the_sender_there_is_no_page(
    clients: dict[str, PaymentPages], portals: Portals, sender: str
) -> None:
    del clients[sender]

    assert page(clients, BOUGHT[sender]) is None
    assert portals.calls == []


@SENDERS
def test_an_unknown_customer_has_no_page(clients: dict[str, PaymentPages], portals: Portals, sender: str) -> None:
    portals.customers.clear()

    assert page(clients, BOUGHT[sender]) is None


@SENDERS
@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_provider_that_is_away_or_refuses_the_key_is_a_failure(
    clients: dict[str, PaymentPages], portals: Portals, sender: str, status: int
) -> None:
    portals.status, portals.body = status, b"{}"

    with pytest.raises(FarEndError, match=f"answered {status}"):
        page(clients, BOUGHT[sender])


@SENDERS
@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"link": 7, "customer_portal_url": 7}', b'{"link": "javascript:alert(1)"}']
)
def test_an_answer_without_an_address_is_no_page(
    clients: dict[str, PaymentPages], portals: Portals, sender: str, body: bytes
) -> None:
    portals.body = body

    assert page(clients, BOUGHT[sender]) is None


def test_an_address_of_the_customer_cannot_leave_its_path(clients: dict[str, PaymentPages], portals: Portals) -> None:
    payment_page(clients, "standard:sub_1", None, "standard:../v1/x?y#z")

    assert portals.calls[0][1] == "/customers/..%2Fv1%2Fx%3Fy%23z/customer-portal/session"


def test_the_sender_of_a_customer_is_known_by_the_form_of_its_id() -> None:
    assert sender_of(standard.POLAR.customer) == POLAR
    assert {sender_of(name) for name in (standard.BOUGHT.customer, "cus_1", "", "0f9a4c27")} == {DODO}
