"""Signed requests of Lemon Squeezy's shape and size, as bytes ready to be sent.

Every account lives the same story (created, paid, failed, recovered, updated), each event with an id of its own, so
that none is a duplicate and applying them opens and closes dunning cases.
"""

import hashlib
import hmac
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

SECRET = "bench-webhook-secret"
PATH = "/webhooks/lemonsqueezy"
STORY = (
    ("subscription_created", "active"),
    ("subscription_payment_success", "paid"),
    ("subscription_payment_failed", "pending"),
    ("subscription_payment_recovered", "paid"),
    ("subscription_updated", "active"),
)
EVENTS_PER_ACCOUNT = len(STORY)
DISORDER = 50
"""Number of places by which an event may come late: many stories run at once, some of them out of order."""


def requests(
    count: int, *, first_account: int, seed: int, disorder: int = DISORDER, began: datetime | None = None
) -> list[bytes]:
    """Return `count` requests for accounts from `first_account` on, in the slight disorder of a provider's queues.

    The stories began at `began`, by default six hours ago.
    """
    chance = random.Random(seed)
    places = [place + chance.uniform(0, disorder) for place in range(count)]
    ordered = sorted(zip(places, _requests(count, first_account, began), strict=True))
    return [request for _, request in ordered]


def bodies(count: int) -> Iterator[tuple[str, bytes]]:
    """Yield as many events as they are stored: the provider's id of each, and its body."""
    start = (datetime.now(UTC) - timedelta(hours=6)).replace(microsecond=0)
    for number in range(count):
        account, step = divmod(number, EVENTS_PER_ACCOUNT)
        body = _body(account, step, start + timedelta(minutes=step))
        yield json.loads(body)["meta"]["webhook_id"], body


def _requests(count: int, first_account: int, began: datetime | None) -> Iterator[bytes]:
    start = (began or datetime.now(UTC) - timedelta(hours=6)).replace(microsecond=0)
    for number in range(count):
        account, step = divmod(number, EVENTS_PER_ACCOUNT)
        yield _request(_body(first_account + account, step, start + timedelta(minutes=step)))


def _request(body: bytes) -> bytes:
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: LemonSqueezy-Hookshot\r\n"
        f"Content-Type: application/json\r\nX-Event-Name: event\r\nX-Signature: {signature}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _body(account: int, step: int, at: datetime) -> bytes:
    name, status = STORY[step]
    is_payment = "payment" in name
    document = {
        "meta": {
            "test_mode": False,
            "event_name": name,
            "custom_data": {"account_id": f"org_{account}"},
            "webhook_id": f"{account:08x}-0000-4000-8000-{step:012x}",
        },
        "data": {
            "type": "subscription-invoices" if is_payment else "subscriptions",
            "id": str(account * 10 + (2 if step > 1 else 1)) if is_payment else str(account),
            "attributes": (invoice if is_payment else subscription)(account, status, step, at),
        },
    }
    return json.dumps(document, separators=(",", ":")).replace("/", "\\/").encode()


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def _customer(account: int) -> dict[str, Any]:
    return {
        "store_id": 25857,
        "customer_id": account,
        "user_name": f"Übung Nr. {account}",
        "user_email": f"buyer{account}@example.com",
        "card_brand": "visa",
        "card_last_four": "4242",
        "test_mode": False,
    }


def subscription(account: int, status: str, step: int, at: datetime) -> dict[str, Any]:
    portal = f"https://store.lemonsqueezy.com/billing?expires=1790000000&user={account}&signature={'0' * 64}"
    return {
        **_customer(account),
        "order_id": account,
        "order_item_id": account,
        "product_id": 261161,
        "variant_id": 394420,
        "product_name": "Professional",
        "variant_name": "Default",
        "status": status,
        "status_formatted": status.title(),
        "payment_processor": "stripe",
        "pause": None,
        "cancelled": False,
        "trial_ends_at": None,
        "billing_anchor": 1,
        "first_subscription_item": {
            "id": account,
            "subscription_id": account,
            "price_id": 475842,
            "quantity": 1,
            "is_usage_based": False,
            "created_at": _instant(at - timedelta(minutes=step)),
            "updated_at": _instant(at),
        },
        "urls": {
            "update_payment_method": portal,
            "customer_portal": portal,
            "customer_portal_update_subscription": portal,
        },
        "renews_at": _instant(at + timedelta(days=30)),
        "ends_at": None,
        "created_at": _instant(at - timedelta(minutes=step)),
        "updated_at": _instant(at),
    }


def invoice(account: int, status: str, step: int, at: datetime) -> dict[str, Any]:
    amounts = {"subtotal": 1999, "discount_total": 0, "tax": 400, "total": 2399, "refunded_amount": 0}
    return {
        **_customer(account),
        "subscription_id": account,
        "billing_reason": "renewal" if step > 1 else "initial",
        "currency": "EUR",
        "currency_rate": "1.08000000",
        "status": status,
        "status_formatted": status.title(),
        "refunded": False,
        "refunded_at": None,
        "tax_inclusive": False,
        **amounts,
        **{f"{name}_usd": amount for name, amount in amounts.items()},
        **{f"{name}_formatted": f"€{amount / 100:.2f}" for name, amount in amounts.items()},
        "urls": {"invoice_url": f"https://app.lemonsqueezy.com/my-orders/{account}?signature={'0' * 64}"},
        "created_at": _instant(at - timedelta(seconds=30)),
        "updated_at": _instant(at),
    }
