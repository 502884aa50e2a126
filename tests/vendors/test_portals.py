"""The vendors' own clients open portals at our server, and ask for the same as ours do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from dodopayments import DodoPayments, NotFoundError
from polar.v2026_10.client import Polar
from polar.v2026_10.errors import HTTPValidationError

from kulanz.providers.standard.portals import DodoPortal, PolarPortal
from tests import standard
from tests.portals import KEY, Portals, a_portal_server


@pytest.fixture
def portals() -> Iterator[Portals]:
    with a_portal_server() as portals:
        yield portals


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def test_polars_client_and_ours_say_and_read_the_same(portals: Portals, session: requests.Session) -> None:
    customer = standard.POLAR.customer

    with Polar(KEY, base_url=portals.url) as theirs:
        read = theirs.customer_sessions.create(customer_id=customer)
        ours = PolarPortal(KEY, portals.url, session).payment_page("", None, customer)
        with pytest.raises(HTTPValidationError):
            theirs.customer_sessions.create(customer_id="0f9a4c27-8f0a-4c0a-9b62-000000000000")

    assert read.customer_portal_url.rpartition("-")[0] == str(ours).rpartition("-")[0]
    assert read.customer_id == customer
    asked = [(method, path, "".join(body.split()), version) for method, path, body, version in portals.calls]
    assert asked[0] == asked[1]


def test_dodos_client_and_ours_say_and_read_the_same(portals: Portals, session: requests.Session) -> None:
    customer = standard.BOUGHT.customer

    with DodoPayments(bearer_token=KEY, base_url=portals.url, max_retries=0) as theirs:
        read = theirs.customers.customer_portal.create(customer)
        ours = DodoPortal(KEY, portals.url, session).payment_page("", None, customer)
        with pytest.raises(NotFoundError):
            theirs.customers.customer_portal.create("cus_unknown")

    assert read.link.rpartition("-")[0] == str(ours).rpartition("-")[0]
    assert portals.calls[0][:2] == portals.calls[1][:2]
