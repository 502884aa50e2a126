"""A customer of a store on Lemon Squeezy."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from kulanz.commands.links import Link, link
from kulanz.policy.book import Book
from kulanz.policy.facts import Fact, Provenance
from kulanz.providers import PROVIDERS, Naming
from kulanz.providers.lemonsqueezy.answers import answered
from kulanz.providers.lemonsqueezy.client import ResourceKind
from kulanz.providers.lemonsqueezy.samples import wire
from kulanz.store import accounts
from tests.shop import Shop
from tests.year.customer import Customer

LEMONSQUEEZY = PROVIDERS["lemonsqueezy"]
PRO, ENTERPRISE = 47001, 47002
PLANS = {PRO: "professional", ENTERPRISE: "enterprise"}


class LemonSqueezyCustomer(Customer):
    """Buys one variant; an operator's link moves what he bought."""

    def __init__(self, shop: Shop, rnd: random.Random) -> None:
        super().__init__(shop, rnd)
        self._simulator = shop.simulator
        self._desk = shop.simulator.desk
        self._variant = rnd.choice([PRO, PRO, PRO, ENTERPRISE])
        self._told_by = rnd.choice(["order_refunded", "nothing"])
        self._customer = 0
        self._order = ""

    def buy(self) -> None:
        bought = self._simulator.sell(trial=self.trial, variant=self._variant, licence=self._variant == ENTERPRISE)
        self.account, self.email, self._customer = str(bought.account), bought.email, bought.customer
        self.subscription, self._order = str(bought.subscription), str(bought.order)
        self._simulator.store.contract(self.subscription).charges = list(self.charges)

    def cancel(self) -> None:
        self.left |= self.attempt(lambda: self._desk.cancel(self.subscription))

    def resume(self) -> None:
        self.left &= not self.attempt(lambda: self._desk.resume(self.subscription))

    def pause(self) -> None:
        if self._status == "active":
            self.attempt(lambda: self._desk.pause(self.subscription))

    def unpause(self) -> None:
        self.attempt(lambda: self._desk.unpause(self.subscription))

    def change_plan(self) -> None:
        self._variant = PRO if self._variant == ENTERPRISE else ENTERPRISE
        if self._status == "active":
            self.changed_at = self.shop.now
            self.attempt(lambda: self._desk.change_plan(self.subscription, self._variant))

    def upgrade(self, *, fails: bool) -> None:
        contract = self._simulator.store.contract(self.subscription)
        if self._variant == ENTERPRISE or self._status != "active" or contract.open_invoice is not None:
            return
        self.attempt(lambda: self._desk.change_plan_unpaid(self.subscription, ENTERPRISE))
        if not fails:
            self.pay_change()

    def take_change_back(self) -> None:
        if self._simulator.store.contract(self.subscription).unpaid_change is not None:
            self.changed_at = self.shop.now
            self.attempt(lambda: self._desk.change_plan(self.subscription, self._variant))

    def pay_change(self) -> None:
        if self.attempt(lambda: self._desk.pay_change(self.subscription)):
            self._variant = int(self._simulator.subscription(self.subscription)["variant_id"])

    def change_seats(self) -> None:
        self.attempt(lambda: self._desk.change_quantity(self.subscription, self.rnd.randrange(1, 9)))

    def move(self) -> None:
        target = f"{self.account}_new"
        with self.shop.services.database.read() as conn:
            known = accounts.get(conn, self.account) is not None
        if known:
            link(self.shop.services, [Link(source=self.account, target=target, reason="renamed")], "tests")
            self.become(target)
            self.shop.settle()

    def pay_by_hand(self) -> None:
        contract = self._simulator.store.contract(self.subscription)
        contract.charges = [True, *contract.charges]
        self.attempt(lambda: self._simulator.billing.retry(self.subscription))

    def get_back(self, amount: int | None) -> None:
        invoice = self._simulator.last_invoice(self.subscription)
        self.attempt(lambda: self._desk.refund_invoice(invoice, amount))

    def accuse(self) -> None:
        self.accused |= self.attempt(lambda: self._desk.call_fraudulent(self._order, told_by=self._told_by))

    def clear(self) -> None:
        self.attempt(lambda: self._desk.clear(self._order, told_by=self._told_by))

    def told(self) -> Iterator[tuple[datetime, str, dict[str, Any]]]:
        for name, payload in self._simulator.sender.told:
            attributes = payload["data"]["attributes"]
            if attributes["customer_id"] == self._customer:
                yield datetime.fromisoformat(attributes["updated_at"]), name, payload

    def facts(self) -> Iterator[Fact]:
        for _, name, payload in self.told():
            body = wire(payload)
            digest = LEMONSQUEEZY.peek(body).content_key.hex()
            yield from LEMONSQUEEZY.translate(name, LEMONSQUEEZY.decode(body), digest, Naming())
        for kind in ResourceKind:
            for data in self._simulator.store.objects.get(kind, {}).values():
                if data["attributes"]["customer_id"] == self._customer:
                    yield answered(data, Provenance.RECONCILED, self.shop.now)

    def mismatches(self, held: Book) -> Iterator[str]:
        document = self._simulator.subscription(self.subscription)
        seen = held.subscriptions[f"lemonsqueezy:{self.subscription}"].seen
        quantity = document["first_subscription_item"]["quantity"]
        theirs = (document["status"], f"lemonsqueezy:{document['variant_id']}", quantity)
        if theirs != (str(seen.status), seen.variant, seen.quantity):
            yield f"the provider holds {theirs}, we {seen.status} {seen.variant} {seen.quantity}"
        for invoice in self._simulator.invoices(self.subscription):
            known = held.invoice(f"lemonsqueezy:{invoice['id']}")
            attributes = invoice["attributes"]
            if known is None or known.refunded != attributes["refunded_amount"]:
                yield f"invoice {invoice['id']} is {attributes['status']}, we know {known}"

    def entitled(self) -> str | None:
        document = self._simulator.subscription(self.subscription)
        if document["status"] == "expired":
            return "free"
        contract = self._simulator.store.contract(self.subscription)
        paid = contract.open_invoice is None and contract.unpaid_change is None
        return PLANS[document["variant_id"]] if document["status"] == "active" and paid else None

    def status_at(self, at: datetime) -> str:
        statuses = [
            payload["data"]["attributes"]["status"]
            for told_at, _, payload in self.told()
            if told_at <= at and payload["data"]["type"] == "subscriptions"
        ]
        return statuses[-1] if statuses else ""

    @property
    def _status(self) -> str:
        return str(self._simulator.subscription(self.subscription)["status"])
