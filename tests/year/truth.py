"""What became of failed renewals by the provider's own record and the mailboxes; nothing of ours is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.shop import Shop
from tests.year.play import Played

FAILED, PAID = "subscription_payment_failed", "subscription_payment_success"
ENDED = frozenset({"expired", "cancelled"})
STEPS = {
    "grace_started": "first_notice",
    "grace_reminder": "reminder",
    "grace_warning": "warning",
    "downgraded": "hold",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """One renewal whose first charge failed."""

    account: str
    invoice: str
    failed_at: datetime
    paid_at: datetime | None
    amount: int
    currency: str
    outcome: str
    step: str


def failures(shop: Shop, played: Played) -> list[Failure]:
    """Return every failed renewal of a store on Lemon Squeezy."""
    return [each for customer in played.story.customers for each in _of(shop, customer)]


def _of(shop: Shop, customer: Any) -> Iterator[Failure]:
    failed: dict[str, tuple[datetime, dict[str, Any]]] = {}
    paid: dict[str, datetime] = {}
    for at, name, payload in customer.told():
        if payload["data"]["type"] != "subscription-invoices":
            continue
        own, attributes = payload["data"]["id"], payload["data"]["attributes"]
        if name == FAILED and attributes["billing_reason"] == "renewal":
            failed.setdefault(own, (at, attributes))
        elif name == PAID:
            paid.setdefault(own, at)
    ended = shop.simulator.subscription(customer.subscription)["status"] in ENDED
    for own, (at, attributes) in failed.items():
        money = paid.get(own)
        outcome = "recovered" if money is not None else "lost" if ended else "open"
        yield Failure(
            account=customer.account,
            invoice=own,
            failed_at=at,
            paid_at=money,
            amount=attributes["total"],
            currency=attributes["currency"],
            outcome=outcome,
            step=_step(shop, customer, at, money),
        )


def _step(shop: Shop, customer: Any, since: datetime, until: datetime | None) -> str:
    got = [
        notice
        for at, notice, to in shop.mailed
        if to == customer.email and since <= at and (until is None or at < until)
    ]
    reminders = got.count("grace_reminder")
    words = [STEPS[notice] for notice in got if notice in STEPS]
    order = ("first_notice", "reminder", "warning", "hold")
    last = max(words, key=order.index, default="retry")
    return f"reminder_{reminders}" if last == "reminder" else last
