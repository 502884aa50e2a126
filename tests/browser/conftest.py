"""The console in a real browser: the application on a port, with a story behind it, and headless Chromium before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from werkzeug.serving import make_server

from kulanz.commands import execute, refund_requests
from kulanz.commands.commands import BookAddOn, RecordPayment, RequestRefund
from kulanz.config import OpsUser
from kulanz.runtime.clock import real_now
from kulanz.services import Services, build
from kulanz.store import inbox
from kulanz.web.application import create_app
from tests.browser import showcase
from tests.days import settings_of, tell
from tests.lemonsqueezy import (
    Purchase,
    dispute_created,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_recovered,
    subscription_payment_success,
    subscription_updated,
)

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LONG_NAME = "9f1c1f0e-5f5a-4c52-8d0e-2b4b7c3b9a51_international_holding_and_logistics"
LONG_BUYER = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft mbH"
LONG_MAIL = "accounts-payable.central-purchasing.department@donaudampfschifffahrtsgesellschaft.example"


@dataclass(slots=True)
class Shop:
    """A running console, and what its browser complained of."""

    url: str
    services: Services
    parked: str
    request: str
    """A request for a refund."""
    page: Any = None
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def shop(tmp_path: Path, sqlite_url: str, redis_url: str) -> Iterator[Shop]:
    ops_users = (OpsUser(name="ops", password="correct horse"),)
    services = build(settings_of(tmp_path, sqlite_url, redis_url=redis_url, ops_users=ops_users))
    parked = _story(services, real_now().replace(microsecond=0))
    request = _extras(services, real_now().replace(microsecond=0))
    with _served(services) as url:
        yield Shop(url, services, parked, request)


@pytest.fixture
def store(tmp_path: Path, sqlite_url: str, redis_url: str, chromium: Any) -> Iterator[Shop]:
    """Give a store with four months behind it, and a page that is logged in."""
    told = {"redis_url": redis_url, "ops_users": (OpsUser(name="ops", password="correct horse"),)}
    services = build(settings_of(tmp_path, sqlite_url, test_clock=True, plans=showcase.PLANS, **told))
    showcase.fill(services)
    with _served(services) as url:
        shop = Shop(url, services, "", "")
        shop.page = chromium.new_page(viewport={"width": 1440, "height": 900})
        log_in(shop)
        yield shop
        shop.page.close()


@contextmanager
def _served(services: Services) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(services), threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    services.close()


def log_in(shop: Shop, page: Any | None = None) -> None:
    """Log in as the operator who may do everything."""
    page = page or shop.page
    page.goto(f"{shop.url}/ops/accounts?standing=grace")
    page.get_by_label("Name").fill("ops")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Log out").wait_for()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
    if not CHROMIUM.exists():
        pytest.skip("apt-get install chromium")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=str(CHROMIUM), headless=True, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def browsing(shop: Shop, chromium: Any) -> Iterator[Shop]:
    """The shop with a page open that notes every complaint of the browser."""
    page = chromium.new_page()
    page.on("console", lambda said: said.type == "error" and shop.complaints.append(said.text))
    page.on("pageerror", lambda error: shop.complaints.append(str(error)))
    shop.page = page
    yield shop
    page.close()


def _story(services: Services, now: datetime) -> str:
    """Fill the instance: accounts that are well, in grace, recovered and disputed, and one event that is parked."""
    with services.database.write() as tx:
        services.adopt_policy(tx)
    for number in range(1, 9):
        own = number * 100
        ids = {"customer": own + 1, "subscription": own + 2, "order": own + 3, "invoice": own + 4, "dispute": own + 5}
        bought = Purchase(account=f"org_{own}", email=f"buyer{own}@shop.example", **ids)
        tell(services, subscription_created(at=now - timedelta(days=40), purchase=bought))
        failed_at = now - timedelta(days=number % 4, hours=number)
        if number % 2:
            tell(
                services,
                subscription_updated(at=failed_at, status="past_due", purchase=bought),
                subscription_payment_failed(at=failed_at, purchase=bought),
            )
        if number == 3:
            tell(services, subscription_payment_recovered(at=now - timedelta(hours=2), purchase=bought))
        if number == 4:
            tell(services, dispute_created(at=now - timedelta(hours=5), purchase=bought))
    ids = {"customer": 90_000_901, "subscription": 90_000_902, "order": 90_000_903, "invoice": 90_000_904}
    long = Purchase(account=LONG_NAME, email=LONG_MAIL, buyer=LONG_BUYER, price=123_456_789_00, **ids)
    tell(
        services,
        subscription_created(at=now - timedelta(days=40), purchase=long),
        subscription_updated(at=now - timedelta(days=3), status="past_due", purchase=long),
        subscription_payment_failed(at=now - timedelta(days=3), purchase=long),
        dispute_created(at=now - timedelta(hours=4), purchase=long),
    )
    with services.database.write() as tx:
        newest = inbox.listing(tx, None, None, 1)[0].id
        inbox.failed(tx, newest, "UntranslatableError in reading.py:12", permanent=True, now_real=now)
    return f"evt_{newest}"


def _extras(services: Services, now: datetime) -> str:
    """Let one account have add-ons, a recorded transfer, and a request for a refund, whose id is returned."""
    bought = Purchase(account="org_200", email="buyer200@shop.example", customer=201, subscription=202, order=203)
    tell(services, subscription_payment_success(at=now - timedelta(days=5), purchase=bought, invoice=209))
    ends = now + timedelta(days=20)
    book = BookAddOn(kind="users", quantity=3, unit_price=500, currency="EUR", period_ends_at=ends)
    execute.command(services, "org_200", book, "browser")
    paid = RecordPayment(amount=1900, currency="EUR", reference="RF 18 5390")
    execute.command(services, "org_200", paid, "browser")
    command = RequestRefund(
        payment="209", contact_email="buyer200@shop.example", organisation="Bakery Ada", reason="we found another"
    )
    return str(refund_requests.request(services, "org_200", command, "browser")[0].id)
