"""Four months of a store on its test clock: what the pictures of the documentation and the ten questions look at."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from kulanz.commands import execute, refund_requests, versions
from kulanz.commands.commands import DecideRefund, RequestRefund
from kulanz.policy import document
from kulanz.services import Services
from tests.days import DAY, deliver, settle
from tests.lemonsqueezy import (
    Payload,
    Purchase,
    dispute_created,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_recovered,
    subscription_payment_success,
    subscription_updated,
)

TODAY = datetime(2026, 6, 18, 9, 0, tzinfo=UTC)
DAYS = 110
NAMES = (
    "amber", "agate", "basalt", "beryl", "calcite", "cobalt", "coral", "dolomite", "emerald", "feldspar", "flint",
    "galena", "garnet", "granite", "gypsum", "hematite", "jade", "jasper", "kaolin", "lapis", "malachite", "marble",
    "mica", "nickel", "obsidian", "onyx", "opal", "pyrite", "quartz", "ruby", "sapphire", "slate", "spinel",
    "sulphur", "talc", "tin", "topaz", "tungsten", "turquoise", "zircon",
)  # fmt: skip
KINDS = ("Works", "Industries", "Studio", "Logistics")
PRICES = ((47001, 4900), (47001, 4900), (47002, 19900))
FAILURES = {
    "agate": {95: 1}, "beryl": {41: 4, 71: 2}, "calcite": {62: 9}, "coral": {33: 2}, "dolomite": {96: None},
    "emerald": {104: None}, "flint": {70: 15}, "galena": {101: None}, "garnet": {64: 5}, "gypsum": {106: None},
    "jade": {44: 6}, "kaolin": {72: 12}, "marble": {66: 3}, "mica": {93: None}, "onyx": {36: None},
    "opal": {78: 8}, "quartz": {99: None}, "slate": {74: 1}, "talc": {82: None}, "zircon": {107: None},
}  # fmt: skip
"""The days on which a renewal failed, and after how many days it was paid; None: not yet."""
DISPUTED = {"ruby": 104, "tin": 97}
PLANS = (("lemonsqueezy:47001", "professional"), ("lemonsqueezy:47002", "enterprise"))
REFUNDED, ASKED = "topaz", "nickel"


def account_of(name: str) -> str:
    """The id of a customer's account."""
    return f"{name}-{KINDS[NAMES.index(name) % len(KINDS)].lower()}"


def fill(services: Services) -> None:
    """Let the days of the store go by, and do on each all that follows."""
    began = TODAY - DAYS * DAY
    services.clock.set(began)
    with services.database.write() as tx:
        services.adopt_policy(tx)
    for day, payloads in sorted(_days(began).items()):
        services.clock.set(began + day * DAY)
        if day == 60:
            longer = document.preset("plexo").replace('grace = "7d"', 'grace = "9d"')
            versions.activate(services, longer, actor="finance")
        deliver(services, *payloads)
        settle(services)
        if day == 92:
            _refunds(services)
    services.clock.set(TODAY)
    settle(services)


def _days(began: datetime) -> dict[int, list[Payload]]:
    days: dict[int, list[Payload]] = defaultdict(list, {day: [] for day in range(DAYS)})
    for number, name in enumerate(NAMES, 1):
        first, (variant, price) = number % 12, PRICES[number % len(PRICES)]
        bought = Purchase(
            account=account_of(name),
            buyer=f"{name.title()} {KINDS[NAMES.index(name) % len(KINDS)]}",
            email=f"billing@{name}.example",
            customer=5000 + number,
            subscription=8000 + number,
            order=6000 + number,
            invoice=90000 + number,
            dispute=3000 + number,
            variant=variant,
            price=price,
            began=began + first * DAY,
        )
        days[first].append(subscription_created(at=began + first * DAY, purchase=bought))
        failures = FAILURES.get(name, {})
        unpaid = {day for start, after in failures.items() for day in range(start, start + (after or DAYS) + 1)}
        for day in range(first, DAYS, 30):
            at = began + day * DAY + timedelta(hours=1)
            if day not in unpaid:
                days[day] += (
                    subscription_updated(at=at, status="active", purchase=bought),
                    subscription_payment_success(at=at, purchase=bought, invoice=90000 + number + 1000 * day),
                )
        for day, after in failures.items():
            at, invoice = began + day * DAY + timedelta(hours=2), 90000 + number + 1000 * day
            days[day].append(subscription_updated(at=at, status="past_due", purchase=bought))
            days[day].append(subscription_payment_failed(at=at, purchase=bought, invoice=invoice))
            if after is not None:
                back = at + after * DAY
                days[day + after].append(subscription_payment_recovered(at=back, purchase=bought, invoice=invoice))
                days[day + after].append(subscription_updated(at=back, status="active", purchase=bought))
        if name in DISPUTED:
            days[DISPUTED[name]].append(dispute_created(at=began + DISPUTED[name] * DAY, purchase=bought))
    return days


def _refunds(services: Services) -> None:
    for name in (REFUNDED, ASKED):
        number = NAMES.index(name) + 1
        wanted = RequestRefund(
            payment=str(90000 + number + 1000 * (number % 12)),
            contact_email=f"billing@{name}.example",
            organisation=name.title(),
            reason="bought for the wrong team",
        )
        asked = refund_requests.request(services, account_of(name), wanted, "support")[0]
        if name == REFUNDED:
            decision = DecideRefund(request=asked.id, approve=True, amount=4900, reason="goodwill, first year")
            execute.command(services, account_of(name), decision, "finance")
        settle(services)
