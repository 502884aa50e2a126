"""A shop on each database, and what a merchant's support says to its API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from kulanz.providers.lemonsqueezy.samples import Purchase
from tests.shop import TOKEN, Shop, a_shop

DAY = timedelta(days=1)


@dataclass(slots=True)
class Support:
    """Somebody at the merchant's who asks for refunds and decides about them, over HTTP."""

    shop: Shop
    session: requests.Session

    def sold(self, **told: Any) -> Purchase:
        """Sell a subscription for 49.00 with 8.17 of tax, and let everything follow."""
        purchase = self.shop.simulator.sell(price=4900, taxes=817, **told)
        self.shop.advance(DAY)
        return purchase

    def ask(self, purchase: Purchase, **told: Any) -> requests.Response:
        """Ask for the money of a purchase back; by its order unless told otherwise."""
        form = {"account_id": purchase.account, "contact_email": purchase.email, "organisation": "Bakery"}
        named = (
            {}
            if {"payment_id", "licence_id", "transaction_date"} & told.keys()
            else {"payment_id": str(purchase.order)}
        )
        return self.post("/v1/refund-requests", {**form, **named, **told})

    def asked(self, purchase: Purchase, **told: Any) -> dict[str, Any]:
        answer = self.ask(purchase, **told)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def approve(self, request: dict[str, Any], **told: Any) -> requests.Response:
        return self.post(f"/v1/refund-requests/{request['id']}/approve", told)

    def deny(self, request: dict[str, Any], **told: Any) -> requests.Response:
        return self.post(f"/v1/refund-requests/{request['id']}/deny", told)

    def now(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return a request as it stands, after everything has followed."""
        self.shop.settle()
        return self.get(f"/v1/refund-requests/{request['id']}")

    def get(self, path: str) -> dict[str, Any]:
        answer = self.session.get(self.url + path, timeout=10)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def post(self, path: str, form: dict[str, Any], **headers: str) -> requests.Response:
        return self.session.post(self.url + path, json=form, headers=headers, timeout=10)

    def account(self, purchase: Purchase) -> dict[str, Any]:
        self.shop.settle()
        return self.shop.account(purchase.account)

    @property
    def url(self) -> str:
        return self.shop.web.url.removesuffix("/webhooks/lemonsqueezy")


@pytest.fixture
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """A shop on SQLite; a test that is marked `everywhere` gets one on each database."""
    url = request.getfixturevalue(getattr(request, "param", "sqlite_url"))
    with a_shop(tmp_path, url) as shop:
        yield shop


everywhere = pytest.mark.parametrize("shop", ["sqlite_url", "postgresql_url"], indirect=True)
"""For what the database has a part in."""


@pytest.fixture
def support(shop: Shop) -> Iterator[Support]:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        yield Support(shop, session)
