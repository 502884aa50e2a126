"""The whole simulator: store, billing, desk, sender and API on one clock, safe to be used by several threads."""

from __future__ import annotations

import random
import threading
import time
from datetime import datetime, timedelta
from typing import Any

from kulanz.errors import InvalidInputError
from kulanz.providers.lemonsqueezy.samples import Payload, Purchase
from kulanz.providers.lemonsqueezy.vocabulary import INVOICES, SUBSCRIPTIONS
from kulanz_simulator.api import ApiRequest, ApiResponse, SimulatedApi
from kulanz_simulator.assumptions import Assumptions
from kulanz_simulator.billing import Billing
from kulanz_simulator.network_conditions import NetworkConditions
from kulanz_simulator.sender import Faults, Sender, WebhookTarget
from kulanz_simulator.shop_actions import ShopActions
from kulanz_simulator.store import Store

API_KEY = "a-key-of-the-simulator"
TICK_SECONDS = 0.1


class Simulator:
    """One simulated store. Its time goes on by `advance_to`, or by itself at `speed` times real time."""

    def __init__(
        self,
        now: datetime,
        *,
        seed: int = 1,
        assumptions: Assumptions = Assumptions(),  # noqa: B008 - frozen
        api_key: str = API_KEY,
        test_mode: bool = True,
    ) -> None:
        self.lock = threading.RLock()
        self._advancing = threading.RLock()
        self.assumptions = assumptions
        self.random = random.Random(seed)  # noqa: S311 - a play, not a secret
        self.api_key = api_key
        self.sender = Sender(assumptions=assumptions, random=self.random, test_mode=test_mode)
        self.store = Store(now=now, announce=self._announce, test_mode=test_mode)
        self.billing = Billing(self.store, assumptions)
        self.desk = ShopActions(self.store, self.billing, assumptions)
        self.api = SimulatedApi(self.store, self.desk, self.sender, api_key)
        self.conditions = NetworkConditions(limit=assumptions.requests_a_minute)
        self.speed = 0.0
        self.url = ""
        """To be used as `LEMONSQUEEZY_API_URL`, once it is running."""

    @property
    def now(self) -> datetime:
        """The simulator's time."""
        return self.store.now

    @property
    def faults(self) -> Faults:
        """How much goes wrong on the way."""
        return self.sender.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self.sender.faults = faults

    def deliver_to(self, url: str, secret: str) -> None:
        """Deliver every event there from now on, and nowhere else."""
        with self.lock:
            self.sender.endpoints.clear()
            self.sender.endpoints["1"] = WebhookTarget(url=url, secret=secret)

    def sell(self, *, trial: timedelta | None = None, licence: bool = False, **told: Any) -> Purchase:
        """Sell a subscription now, to a new customer unless `customer` is given; `told` are fields of a purchase."""
        with self.lock:
            ids: dict[str, Any] = {
                name: told.pop(name, None) or self.store.new_id()
                for name in ("customer", "subscription", "order", "licence")
            }
            email = told.pop("email", f"buyer{ids['customer']}@shop.example")
            account = told.pop("account", f"org_{ids['customer']}")
            purchase = Purchase(began=self.now, email=email, account=account, store=self.store.store_id, **ids, **told)
            self.billing.check_out(purchase, trial=trial, licence=licence)
        return purchase

    def subscription(self, subscription: object) -> Payload:
        """Return a subscription's attributes as the provider holds them."""
        with self.lock:
            return dict(self.store.told(SUBSCRIPTIONS, subscription))

    def invoices(self, subscription: object) -> list[Payload]:
        """Return the invoices of a subscription, oldest first."""
        with self.lock:
            return list(self.store.invoices_of(subscription))

    def last_invoice(self, subscription: object) -> str:
        """Return the id of the newest invoice of a subscription."""
        return str(self.invoices(subscription)[-1]["id"])

    def answer(self, request: ApiRequest) -> ApiResponse:
        """Answer a request to the API."""
        with self.lock:
            return self.api.respond(request)

    def next_due(self) -> datetime | None:
        """Return when something happens by itself next: a charge, an end, a delivery."""
        with self.lock:
            moments = (self.store.next_due(), self.sender.next_due())
            return min((at for at in moments if at is not None), default=None)

    def advance_to(self, at: datetime) -> None:
        """Go on to an instant; everything due on the way happens at its time, deliveries and their repetitions too."""
        while True:
            with self.lock:
                due = self.next_due()
                self.store.act_until(max(self.now, min(at, due) if due is not None else at))
                delivery = self.sender.pop_due(self.now)
            if delivery is not None:
                status = self.sender.attempt(delivery)
                with self.lock:
                    self.sender.record(self.now, delivery, status)
            elif due is None or due > at:
                return

    def advance(self, by: timedelta) -> None:
        """Go on for so long, one call after the other."""
        if by < timedelta():
            raise InvalidInputError("time does not go back")
        with self._advancing:
            self.advance_to(self.now + by)

    def run(self, stopping: threading.Event) -> None:
        """Let time go on by itself until told to stop; at speed 0 it stands still, and only what is due now is sent."""
        last = time.monotonic()
        while not stopping.wait(TICK_SECONDS):
            passed, last = time.monotonic() - last, time.monotonic()
            self.advance(timedelta(seconds=passed) * self.speed)

    def totals(self) -> dict[str, int]:
        """Return how much there is, and what became of the deliveries."""
        with self.lock:
            states = [webhook_delivery.state for webhook_delivery in self.sender.deliveries]
            counts = {state: states.count(state) for state in ("waiting", "delivered", "failed", "lost")}
            held = self.store.objects
            return {
                "subscriptions": len(held.get(SUBSCRIPTIONS, {})),
                "invoices": len(held.get(INVOICES, {})),
                **counts,
            }

    def _announce(self, name: str, data: Payload, custom: object) -> None:
        self.sender.announce(self.now, name, data, custom)
