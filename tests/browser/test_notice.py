"""The web component on a product's page with a strict content security policy, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import msgspec
import pytest

from kulanz.queries import accounts
from tests.browser.conftest import Shop

PAGE = """<!doctype html><html lang="{language}"><title>Product</title><script src="{kulanz}/embed/notice.js"></script>
<main><h1>Product</h1><kulanz-notice src="/entitlement"></kulanz-notice></main></html>"""
FORGED = '<img src=x onerror="document.title=1"><b>x</b>'


@dataclass(slots=True)
class Product:
    """A product's server: a page, and what its server was answered about the user's account."""

    kulanz: str
    answer: Any = None
    status: int = 200
    language: str = "en"
    server: Any = field(default=None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"

    @property
    def policy(self) -> str:
        return (
            f"default-src 'none'; script-src {self.kulanz}; connect-src 'self'; base-uri 'none'; form-action 'none'; "
            "require-trusted-types-for 'script'"
        )


@pytest.fixture
def merchant(browsing: Shop) -> Iterator[Product]:
    product = Product(browsing.url)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_page = self.path == "/"
            page = PAGE.format(language=product.language, kulanz=product.kulanz)
            self.send_response(200 if is_page or self.path == "/favicon.ico" else product.status)
            self.send_header("Content-Type", "text/html; charset=utf-8" if is_page else "application/json")
            self.send_header("Content-Security-Policy", product.policy)
            self.end_headers()
            self.wfile.write((page if is_page else json.dumps(product.answer)).encode())

        def log_message(self, *_: object) -> None:
            pass

    product.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=product.server.serve_forever)
    thread.start()
    yield product
    product.server.shutdown()
    thread.join()
    product.server.server_close()


def test_the_page_shows_the_notice_of_an_unpaid_account(browsing: Shop, merchant: Product) -> None:
    merchant.answer = msgspec.to_builtins(accounts.entitlement(browsing.services, "org_100"))
    merchant.answer["notice"]["link"] = "https://product.example.com/billing"
    page = browsing.page

    page.goto(merchant.url)
    banner = page.get_by_role("status")
    banner.wait_for()
    link = page.get_by_role("link", name="Go to payment")
    background = banner.locator("[part=notice]").evaluate("it => getComputedStyle(it).backgroundColor")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    assert merchant.answer["notice"]["text"] in banner.inner_text()
    assert link.get_attribute("href") == "https://product.example.com/billing"
    assert background == "rgb(255, 248, 225)"
    assert browsing.complaints == []
    assert [found["id"] for found in axe.run(page).response["violations"]] == []


@pytest.mark.parametrize(
    ("link", "links"), [("javascript:alert(1)", 0), ("data:text/html,x", 0), ("https://a.example/?q=%22", 1), (None, 0)]
)
def test_a_hostile_notice_is_text_and_leads_nowhere(
    browsing: Shop, merchant: Product, link: str | None, links: int
) -> None:
    merchant.answer = {"notice": {"severity": "x", "text": FORGED, "deadline": None, "link": link, "who": "payer"}}
    page = browsing.page

    page.goto(merchant.url)
    page.get_by_role("status").get_by_text(FORGED).wait_for()

    assert page.title() == "Product"
    assert page.get_by_role("link").count() == links
    assert browsing.complaints == []


def test_a_grave_notice_is_an_alert_in_the_pages_language(browsing: Shop, merchant: Product) -> None:
    merchant.language = "de-AT"
    merchant.answer = {"severity": "critical", "text": "Ihr Konto wurde gesperrt", "link": "https://a.example/"}
    page = browsing.page

    page.goto(merchant.url)
    page.get_by_role("alert").wait_for()

    assert page.get_by_role("link", name="Zur Zahlung").count() == 1


@pytest.mark.parametrize(
    ("status", "answer"), [(404, None), (500, None), (200, {"notice": None}), (200, [1]), (200, "x")]
)
def test_without_a_notice_nothing_is_shown(browsing: Shop, merchant: Product, status: int, answer: object) -> None:
    merchant.status, merchant.answer = status, answer
    page = browsing.page

    with page.expect_response("**/entitlement"):
        page.goto(merchant.url)
    page.wait_for_load_state("networkidle")

    assert page.get_by_role("status").inner_text() == ""


def test_what_was_shown_stays_while_the_product_does_not_answer(browsing: Shop, merchant: Product) -> None:
    merchant.answer = {"severity": "warning", "text": "Your payment is open"}
    page = browsing.page
    page.goto(merchant.url)
    page.get_by_text("Your payment is open").wait_for()

    merchant.status = 500
    with page.expect_response("**/entitlement?again"):
        page.locator("kulanz-notice").evaluate("it => it.setAttribute('src', '/entitlement?again')")

    assert page.get_by_text("Your payment is open").count() == 1
