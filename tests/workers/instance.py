"""Events for a worker: recorded as the receiver does it."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

from kulanz.crypto import places
from kulanz.providers import lemonsqueezy
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import inbox
from kulanz.store.inbox import NewEvent
from tests.lemonsqueezy import MONDAY, Payload, subscription_created, subscription_payment_failed, wire

KEY = "0f" * 32


def receive(services: Services, *payloads: Payload) -> None:
    """Record deliveries as the receiver does, without a ring."""
    with services.database.write() as tx:
        inbox.record(tx, [_delivery(services, wire(payload)) for payload in payloads], real_now())


def an_unpaid_account(services: Services, number: int) -> str:
    """Receive a purchase and its failed renewal; return the account."""
    stated = {"account": f"org_{number}", "subscription": number, "customer": number + 1, "invoice": number + 2}
    bought = MONDAY - timedelta(days=30)
    receive(services, subscription_created(at=bought, began=bought, **stated), subscription_payment_failed(**stated))
    return f"org_{number}"


def _delivery(services: Services, body: bytes) -> NewEvent:
    seen = lemonsqueezy.peek(body)
    return NewEvent(
        provider="lemonsqueezy",
        name=seen.name,
        delivery_key=seen.delivery_key,
        content_key=seen.content_key,
        lane=seen.lane,
        state="received",
        received_at=real_now(),
        body=services.vault.seal(body, places.event("lemonsqueezy", seen.delivery_key)),
        sha256=sha256(body).digest(),
    )
