"""An account whose renewal failed on Monday and that was reminded: its mails, and what their links show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path

from flask.testing import FlaskClient

from kulanz.services import Services
from tests.days import DAY, days_go_by, happens, product, settings_of
from tests.lemonsqueezy import (
    MONDAY,
    Purchase,
    subscription_created,
    subscription_payment_failed,
    subscription_updated,
)
from tests.provider_server import API_KEY, Provider

OWN = Purchase().subscription
BILLING = "https://product.example.com/billing"
PUBLIC = "https://pay.example.com"
FRESH = "https://shop.lemonsqueezy.com/subscription/1/payment-details?expires=1&signature=fresh"


@contextmanager
def a_reminded_account(folder: Path, database_url: str, provider: Provider) -> Iterator[Services]:
    """An account whose renewal failed on Monday, and was reminded."""
    told = {
        "billing_url": BILLING,
        "public_url": PUBLIC,
        "test_clock": True,
        "lemonsqueezy_api_key": API_KEY,
        "lemonsqueezy_api_url": provider.url,
    }
    with product(settings_of(folder, database_url, **told), at=MONDAY - 40 * DAY) as services:
        unpaid(services, provider)
        yield services


def unpaid(services: Services, provider: Provider) -> None:
    bought = subscription_created(at=MONDAY - 30 * DAY, began=MONDAY - 30 * DAY)
    failed = subscription_updated(at=MONDAY, status="past_due", urls={"update_payment_method": FRESH})
    provider.add(failed)
    happens(services, -30, bought)
    happens(services, 0, failed, subscription_payment_failed())
    days_go_by(services, 4)


def mails(services: Services) -> list[str]:
    files = sorted((services.settings.data_dir / "mail").glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
    read = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in files]
    return ["".join(part.get_content() for part in mail.iter_parts()) for mail in read]


def links(services: Services) -> list[str]:
    """The path of the link in each mail that has one."""
    result = []
    for mail in mails(services):
        found = set(re.findall(r"https://pay\.example\.com(/pay/[A-Za-z0-9_-]+)", mail))
        assert len(found) <= 1  # The text and the HTML have the same.
        result.extend(found)
    return result


def visible(client: FlaskClient, link: str) -> tuple[int, str]:
    """What a browser is shown, without what is different each time."""
    answer = client.get(link)
    return answer.status_code, re.sub(r'nonce="[^"]*"', "", answer.text)
