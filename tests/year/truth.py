"""What became of failed renewals by the provider's own record and the mailboxes; nothing of ours is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kulanz.queries import recovery
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


def differences(shop: Shop, played: Played) -> Iterator[str]:
    """Yield where the report of recovery differs from that record: by month, outcome, step and money."""
    truth: Counter[tuple[str, ...]] = Counter()
    for each in failures(shop, played):
        step = each.step if each.outcome == "recovered" else ""
        truth.update({_line(f"{each.failed_at:%Y-%m}", each.outcome, step, each.currency, str(each.amount)): 1})
    ours: Counter[tuple[str, ...]] = Counter()
    for row in recovery.sums(shop.services, first=f"{shop.now.year - 2}-01"):
        step = (row.step or "") if row.outcome == "recovered" else ""
        assert row.amount % row.number == 0
        # A case that only snapshots told of, without an invoice, has no money; the record has no renewal for it.
        if row.outcome != "dropped" and row.currency:
            each = str(row.amount // row.number)
            ours.update({_line(row.month, row.outcome, step, row.currency or "", each): row.number})
    for line in sorted(ours.keys() | truth.keys()):
        if ours[line] != truth[line]:
            yield f"recovery {' '.join(line)}: the report has {ours[line]}, the provider's record {truth[line]}"


def _line(*words: str) -> tuple[str, ...]:
    return words


def _of(shop: Shop, customer: Any) -> Iterator[Failure]:
    """Yield the failures of one customer: since the first notice that arrived, else since the charge failed.

    Where no notice arrived, the subscription's own snapshots tell the product that it is unpaid.
    """
    heard = {id(each.payload) for each in shop.simulator.sender.deliveries if each.state == "delivered"}
    first: dict[str, tuple[datetime, dict[str, Any]]] = {}
    failed: dict[str, datetime] = {}
    paid: dict[str, datetime] = {}
    for at, name, payload in customer.told():
        if payload["data"]["type"] != "subscription-invoices":
            continue
        own, attributes = payload["data"]["id"], payload["data"]["attributes"]
        if name == FAILED and attributes["billing_reason"] == "renewal":
            first.setdefault(own, (at, attributes))
            if id(payload) in heard:
                failed.setdefault(own, at)
        elif name == PAID:
            paid.setdefault(own, at)
    ended = shop.simulator.subscription(customer.subscription)["status"] in ENDED
    for own, (at, attributes) in first.items():
        money = paid.get(own)
        yield Failure(
            account=customer.account,
            invoice=own,
            failed_at=failed.get(own, at),
            paid_at=money,
            amount=attributes["total"],
            currency=attributes["currency"],
            outcome="recovered" if money is not None else "lost" if ended else "open",
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
