"""The page behind a mail's link, of customers of every provider, through the front door of a running instance."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.message import Message

import pytest
import requests

from tests.adapters.apis import Api, an_api
from tests.end_to_end.test_payment_and_time import DATABASES, Market, a_market
from tests.portals import KEY, Portals, a_portal_server
from tests.provider_server import Reply
from tests.sellers import DAY, SOON, Seller

PUBLIC = "https://pay.shop.example"
BILLING = "https://shop.example/billing"
LINK = re.compile(rf"{re.escape(PUBLIC)}(/pay/[A-Za-z0-9_-]+)")
AWAY = "cannot be reached at the moment"


@dataclass(slots=True)
class Street:
    """The market, the providers that are asked for payment pages, and a customer who opens links."""

    market: Market
    api: Api
    portals: Portals
    customers: int = 0

    def opens(self) -> None:
        """Let a month of every provider fail, and its customer be reminded; nothing was asked yet."""
        self.market.opens()
        self.customers += 1
        for seller in self.market.sellers:
            self.holds(seller, "fresh")
            self.portals.customers.add(getattr(seller, "purchase").customer)  # noqa: B009
        self.market.happens(lambda seller, at: seller.fails(at), timedelta())
        self.market.go_to(2 * DAY + SOON)
        self.api.calls.clear()
        self.portals.calls.clear()
        self.market.instance.provider.requests.clear()

    def holds(self, seller: Seller, name: str) -> None:
        """Let a provider have a payment page of that name."""
        page = f"https://{seller.name}.example/{seller.subscription}/{name}"
        match seller.name:
            case "lemonsqueezy":
                (payload,) = seller.is_called("past_due", self.market.ends)
                payload["data"]["attributes"]["urls"] = {"update_payment_method": page}
                self.market.instance.provider.add(payload)
            case "stripe":
                (payload,) = seller.invoice_fails(self.market.ends)
                held = {**payload["data"]["object"], "status": "open", "hosted_invoice_url": page}
                self.api.held[f"/v1/invoices/{held['id']}"] = held
            case "paddle":
                path = f"/subscriptions/{seller.subscription}/update-payment-method-transaction"
                self.api.held[path] = {"data": {"id": "txn_card", "checkout": {"url": page}}}

    @property
    def sellers(self) -> list[Seller]:
        return self.market.sellers

    @property
    def asked(self) -> list[object]:
        """All that providers were asked since the story began."""
        return [*self.market.instance.provider.calls, *self.api.calls, *self.portals.calls]

    def link(self, seller: Seller) -> str:
        """Return the path of the newest link that a seller's customer got."""
        mails = [mail for mail in self.market.instance.mailbox.accepted if seller.email in str(mail["To"])]
        found = LINK.findall(_text(mails[-1]))
        assert len(set(found)) == 1, (seller.name, found)
        return str(found[0])

    def get(self, path: str) -> requests.Response:
        return self._visit("GET", path)

    def post(self, path: str) -> requests.Response:
        return self._visit("POST", path)

    def _visit(self, method: str, path: str) -> requests.Response:
        instance = self.market.instance
        return instance.session.request(
            method,
            instance.url + path,
            headers={"X-Forwarded-For": f"203.0.113.{self.customers}"},
            allow_redirects=False,
            timeout=20,
        )

    @contextmanager
    def providers_are_away(self) -> Iterator[None]:
        self.api.status, self.api.body, self.portals.status = 500, b"{}", 500
        self.market.instance.provider.queue(Reply(status=500, only="GET"))
        try:
            yield
        finally:
            self.api.status = self.api.body = self.portals.status = None


def _text(mail: Message) -> str:
    parts = [part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()]
    return "".join(part.decode() for part in parts if isinstance(part, bytes))


@pytest.fixture(scope="module", params=DATABASES)
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """An instance with a key of every provider, behind a proxy that names the customer's address."""
    with ExitStack() as stack:
        api, portals = stack.enter_context(an_api()), stack.enter_context(a_portal_server())
        settings = {
            "PUBLIC_URL": PUBLIC,
            "BILLING_URL": BILLING,
            "TRUSTED_PROXIES": "127.0.0.1",
            "STRIPE_API_KEY": "sk_test_1",
            "STRIPE_API_URL": f"{api.url}/v1",
            "PADDLE_API_KEY": "pdl_sdbx_1",
            "PADDLE_API_URL": api.url,
            "POLAR_API_KEY": KEY,
            "POLAR_API_URL": portals.url,
            "DODO_API_KEY": KEY,
            "DODO_API_URL": portals.url,
        }
        market = stack.enter_context(a_market(request, tmp_path_factory, settings))
        yield Street(market, api, portals)


@pytest.fixture
def street(opened: Street) -> Street:
    opened.opens()
    return opened


def test_opening_a_link_shows_what_is_owed_and_asks_no_provider(street: Street) -> None:
    shown = {seller.name: street.get(street.link(seller)) for seller in street.sellers}

    assert {name: answer.status_code for name, answer in shown.items()} == dict.fromkeys(shown, 200)
    assert all("Your open payment for Professional" in answer.text for answer in shown.values())
    assert all("<form" in answer.text for answer in shown.values())
    assert street.asked == []


def test_the_button_leads_to_the_page_that_the_provider_has_at_that_moment(street: Street) -> None:
    pressed: dict[str, list[str]] = {}
    for name in ("fresh", "fresher"):
        for seller in street.sellers:
            street.holds(seller, name)
            answer = street.post(street.link(seller))
            assert answer.status_code == 303, (seller.name, answer.text)
            pressed.setdefault(seller.name, []).append(answer.headers["Location"])

    for seller in street.sellers:
        first, second = pressed[seller.name]
        if seller.endpoint == "standard":
            assert first.startswith(f"https://portal.example/{getattr(seller, 'purchase').customer}/session-")  # noqa: B009
            assert first != second
        else:
            assert first == f"https://{seller.name}.example/{seller.subscription}/fresh"
            assert second == f"https://{seller.name}.example/{seller.subscription}/fresher"


def test_after_the_payment_the_page_says_so(street: Street) -> None:
    links = {seller.name: street.link(seller) for seller in street.sellers}
    paid = 2 * DAY + 10 * SOON

    street.market.happens(lambda seller, at: [*seller.invoice_is_paid(at), *seller.is_called("active", at)], paid)

    for name, link in links.items():
        shown, pressed = street.get(link), street.post(link)
        assert "Thank you: your payment has arrived" in shown.text, name
        assert (pressed.status_code, "Location" in pressed.headers) == (200, False)
        assert "<form" not in shown.text


def test_a_subscription_that_has_ended_is_offered_again(street: Street) -> None:
    links = {seller.name: street.link(seller) for seller in street.sellers}

    street.market.go_to(45 * DAY)

    for name, link in links.items():
        shown = street.get(link)
        assert "Subscribe again" in shown.text, name
        assert f'href="{BILLING}"' in shown.text
        assert "<form" not in shown.text


def test_a_provider_that_is_away_is_a_sentence_and_the_billing_page(street: Street) -> None:
    links = {seller.name: street.link(seller) for seller in street.sellers}

    with street.providers_are_away():
        pressed = {name: street.post(link) for name, link in links.items()}

    assert {name: answer.status_code for name, answer in pressed.items()} == dict.fromkeys(links, 503)
    assert all(AWAY in answer.text and f'href="{BILLING}"' in answer.text for answer in pressed.values())
    assert {name: street.post(link).status_code for name, link in links.items()} == dict.fromkeys(links, 303)


def test_a_wrong_link_opens_nothing_and_a_link_opens_nothing_of_another(street: Street) -> None:
    own, other = street.sellers[:2]
    wrong = [street.get(path) for path in (f"/pay/{'A' * 43}", "/pay/x", "/pay/%00", f"/pay/{'A' * 3000}")]
    changed = street.get(street.link(own)[:-1] + "_")

    street.post(street.link(own))

    assert {answer.status_code for answer in (*wrong, changed)} == {404}
    assert all("This link does not lead anywhere" in answer.text for answer in (*wrong, changed))
    assert street.asked != []
    assert not any(other.subscription in str(call) for call in street.asked)
    answer = street.market.instance.session.get(
        street.market.instance.url + f"/v1/accounts/{own.account}",
        headers={"Authorization": f"Bearer {street.link(own).rpartition('/')[2]}"},
        timeout=20,
    )
    assert answer.status_code == 401


def test_a_link_and_an_address_may_ask_only_so_often(street: Street) -> None:
    link = street.link(street.sellers[0])

    pressed = [street.post(link) for _ in range(11)]
    shown = [street.get(f"/pay/{number}").status_code for number in range(115)]

    assert [answer.status_code for answer in pressed] == [303] * 10 + [429]
    assert int(pressed[-1].headers["Retry-After"]) > 0
    assert shown[-1] == 429
    street.customers += 100
    assert street.get(link).status_code == 200
