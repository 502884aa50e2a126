"""A customer of a store on Stripe."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from kulanz.policy.book import Book
from kulanz.policy.facts import Fact
from kulanz.providers import PROVIDERS, Naming
from kulanz.providers.stripe.translation import looked_up_invoice
from kulanz.providers.stripe.vocabulary import OBJECTS
from kulanz_simulator.sender import WebhookTarget
from kulanz_simulator.stripe.desk import REASONS
from kulanz_simulator.stripe.documents import AUTOMATICALLY, BY_HAND, Item
from kulanz_simulator.stripe.store import CHARGES
from kulanz_simulator.stripe.versions import rendered
from kulanz_simulator.stripe.wire import StripeWire
from tests.shop import Shop
from tests.year.customer import Customer

STRIPE = PROVIDERS["stripe"]
PRO, ENTERPRISE, SEAT = "price_pro", "price_ent", "price_seat"
SENT_INVOICES, DEBITS = 0.12, 0.12
PAYS_LATE, NEVER_PAYS = 0.1, 0.03
"""Shares of the invoices that are sent."""
RETURNS = ("bank_cannot_process", "debit_not_authorized", "incorrect_account_details", "insufficient_funds")
"""Why a debit comes back."""
BANK_REASONS = tuple(reason for reason in REASONS if reason not in RETURNS)
RUNNING = frozenset({"active", "trialing"})


class StripeCustomer(Customer):
    """Buys one or two items, by card, direct debit or invoice; his metadata names the account."""

    def __init__(self, shop: Shop, rnd: random.Random) -> None:
        super().__init__(shop, rnd)
        self._simulator = shop.simulator
        self._desk = shop.simulator.desk
        kind = rnd.random()
        self._collection = BY_HAND if kind < SENT_INVOICES else AUTOMATICALLY
        self._debit = SENT_INVOICES <= kind < SENT_INVOICES + DEBITS
        self._plan = rnd.choice([PRO, PRO, PRO, ENTERPRISE])
        self._seats = rnd.choice([0, 0, 2, 5])
        self._behaviour = rnd.choice(["void", "mark_uncollectible", "keep_as_draft"])
        self._dispute = ""
        self._customer = ""
        self._first = rnd.random()

    def buy(self) -> None:
        trial = None if self._collection == BY_HAND else self.trial
        charges = self.charges if trial or self._collection == BY_HAND else [True, *self.charges]
        bought = self._simulator.sell(
            items=self._items(), charges=charges, trial=trial, collection=self._collection, debit=self._debit
        )
        self.account, self.email = str(bought.account), bought.email
        self.subscription, self._customer = bought.subscription, bought.customer

    def monthly(self) -> None:
        """Pay the invoices that were sent, mostly in time."""
        for invoice in self._simulator.invoices(self.subscription):
            if invoice["status"] != "open" or invoice["collection_method"] != BY_HAND:
                continue
            chance = self.rnd.random()
            if chance < NEVER_PAYS:
                continue
            if chance < PAYS_LATE:
                self.attempt(lambda invoice=invoice: self._simulator.billing.decline(invoice))
            else:
                self.attempt(lambda invoice=invoice: self._desk.pay(invoice["id"]))

    def cancel(self) -> None:
        if self._status == "past_due" or self.rnd.random() < 0.2:
            self.left |= self.attempt(lambda: self._desk.cancel_now(self.subscription))
        else:
            self.left |= self.attempt(lambda: self._desk.cancel(self.subscription))

    def resume(self) -> None:
        self.left &= not self.attempt(lambda: self._desk.resume(self.subscription))

    def pause(self) -> None:
        if self._status in RUNNING:
            self.attempt(lambda: self._desk.pause(self.subscription, self._behaviour))

    def unpause(self) -> None:
        self.attempt(lambda: self._desk.unpause(self.subscription))

    def change_plan(self) -> None:
        self._plan = PRO if self._plan == ENTERPRISE else ENTERPRISE
        self.changed_at = self.shop.now
        self.attempt(lambda: self._desk.change_items(self.subscription, self._items()))

    def upgrade(self, *, fails: bool) -> None:
        if self._plan == ENTERPRISE or self._status != "active" or self._collection == BY_HAND:
            return
        self._plan = ENTERPRISE
        contract = self._simulator.store.contract(self.subscription)
        contract.charges = [not fails, *contract.charges]
        payment = self.rnd.choice(["allow_incomplete", "pending_if_incomplete"])
        self.attempt(
            lambda: self._desk.change_items(
                self.subscription, self._items(), proration="always_invoice", payment=payment
            )
        )
        self._plan = next(
            item["price"]["id"]
            for item in self._simulator.subscription(self.subscription)["items"]["data"]
            if item["price"]["id"] != SEAT
        )

    def take_change_back(self) -> None:
        if self._plan == ENTERPRISE and self._status == "past_due":
            self.change_plan()

    def pay_change(self) -> None:
        self.pay_by_hand()

    def change_seats(self) -> None:
        self._seats = self.rnd.randrange(9)
        self.attempt(lambda: self._desk.change_items(self.subscription, self._items()))

    def move(self) -> None:
        target = f"{self.account}_new"
        if self.attempt(lambda: self._desk.move(self.subscription, {"account_id": target})):
            self.become(target)

    def pay_by_hand(self) -> None:
        for invoice in self._simulator.invoices(self.subscription):
            if invoice["status"] == "open":
                self.attempt(lambda invoice=invoice: self._desk.pay(invoice["id"]))

    def get_back(self, amount: int | None) -> None:
        charge = self._last_charge()
        if charge:
            self.attempt(lambda: self._desk.refund(charge, amount))

    def accuse(self) -> None:
        charge = self._last_charge()
        if not charge:
            return
        if self._debit:
            self.bounced |= self.attempt(lambda: self._desk.bounce(charge, self.rnd.choice(RETURNS)))
            return
        kind, reason = self.rnd.choice(["warning", "warned", "dispute"]), self.rnd.choice(BANK_REASONS)
        if kind == "warned":
            self.attempt(lambda: self._desk.warn(charge))
        status = "warning_needs_response" if kind == "warning" else "needs_response"

        def dispute() -> None:
            self._dispute = self._desk.dispute(charge, reason, status)["id"]

        self.accused |= self.attempt(dispute)

    def clear(self) -> None:
        if self._dispute:
            held = self._simulator.store.get("disputes", self._dispute)["status"]
            ends = ["warning_closed"] if held.startswith("warning") else ["under_review", "won"]
            for status in ends:
                self.attempt(lambda status=status: self._desk.move_dispute(self._dispute, status))

    def told(self) -> Iterator[tuple[datetime, str, dict[str, Any]]]:
        charges = {each["id"] for each in self._charges()}
        invoices = {each["id"] for each in self._simulator.invoices(self.subscription)}
        for name, event in self._simulator.sender.told:
            document = event["data"]["object"]
            own = (
                document.get("customer") == self._customer
                or document.get("charge") in charges
                or document.get("invoice") in invoices
            )
            if own and name in OBJECTS:
                yield datetime.fromtimestamp(event["created"], UTC), name, event

    def facts(self) -> Iterator[Fact]:
        wire, target = StripeWire(), WebhookTarget(url="", secret="")
        for _, name, event in self.told():
            body = wire.body(event, target)
            digest = STRIPE.peek(body).content_key.hex()
            yield from STRIPE.translate(name, STRIPE.decode(body), digest, Naming())
        yield STRIPE.looked_up(self._simulator.subscription(self.subscription), self.shop.now)
        for invoice in self._simulator.invoices(self.subscription):
            if invoice["status"] == "paid":
                document = rendered(invoice, self._simulator.version, {"payments"})
                yield looked_up_invoice(document, self.shop.now)

    def mismatches(self, held: Book) -> Iterator[str]:
        document = self._simulator.subscription(self.subscription)
        seen = held.subscriptions[f"stripe:{self.subscription}"].seen
        theirs = {f"stripe:{item['price']['id']}": item["quantity"] for item in document["items"]["data"]}
        ours = {item.variant: item.quantity for item in seen.items} or {seen.variant: seen.quantity}
        if theirs != ours:
            yield f"the provider holds {theirs}, we {ours}"
        for invoice in self._simulator.invoices(self.subscription):
            known = held.invoice(f"stripe:{invoice['id']}")
            if invoice["status"] == "paid" and (known is None or not known.paid):
                yield f"invoice {invoice['id']} is paid, we know {known}"
        for charge in self._charges():
            order = held.orders.get(f"stripe:{charge['id']}")
            if charge["status"] == "succeeded" and (order is None or order.refunded != charge["amount_refunded"]):
                yield f"charge {charge['id']} has {charge['amount_refunded']} back, we know {order}"

    def entitled(self) -> str | None:
        document = self._simulator.subscription(self.subscription)
        if document["status"] in {"canceled", "incomplete_expired"}:
            return "free"
        owed = any(each["status"] in {"open", "uncollectible"} for each in self._simulator.invoices(self.subscription))
        if document["status"] != "active" or document["pause_collection"] or owed or self.bounced:
            return None
        prices = {item["price"]["id"] for item in document["items"]["data"]}
        return "enterprise" if ENTERPRISE in prices else "professional"

    def status_at(self, at: datetime) -> str:
        statuses = [
            _word(event["data"]["object"])
            for told_at, _, event in self.told()
            if told_at <= at and event["data"]["object"]["object"] == "subscription"
        ]
        return statuses[-1] if statuses else ""

    def _items(self) -> tuple[Item, ...]:
        plan, seats = Item(price=self._plan), Item(price=SEAT, quantity=self._seats)
        both = (plan, seats) if self._first < 0.5 else (seats, plan)
        return both if self._seats else (plan,)

    def _charges(self) -> list[dict[str, Any]]:
        held = self._simulator.store.objects.get(CHARGES, {}).values()
        return [each for each in held if each["customer"] == self._customer]

    def _last_charge(self) -> str:
        taken = [each["id"] for each in self._charges() if each["status"] == "succeeded"]
        return taken[-1] if taken else ""

    @property
    def _status(self) -> str:
        return str(self._simulator.subscription(self.subscription)["status"])


def _word(subscription: dict[str, Any]) -> str:
    return "paused" if subscription["pause_collection"] else str(subscription["status"])
