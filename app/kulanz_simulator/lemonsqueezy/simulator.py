"""Lemon Squeezy as a whole: store, billing, desk, sender and API."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from kulanz.providers.lemonsqueezy.samples import Payload, Purchase
from kulanz.providers.lemonsqueezy.vocabulary import INVOICES, LICENCES, ORDERS, SUBSCRIPTIONS
from kulanz_simulator.api import ApiRequest, ApiResponse
from kulanz_simulator.form import YES, FormFields, flag, needed, number, whole
from kulanz_simulator.lemonsqueezy.api import SimulatedApi, failure
from kulanz_simulator.lemonsqueezy.assumptions import Assumptions
from kulanz_simulator.lemonsqueezy.billing import Billing
from kulanz_simulator.lemonsqueezy.shop_actions import PAUSES, ShopActions
from kulanz_simulator.lemonsqueezy.store import Store
from kulanz_simulator.lemonsqueezy.wire import LemonSqueezyWire
from kulanz_simulator.simulator import API_KEY, ROWS_SHOWN, Listing, Pace, ShopAct, Simulator


class LemonSqueezySimulator(Simulator):
    """A simulated store."""

    provider = "lemonsqueezy"

    def __init__(
        self,
        now: datetime,
        *,
        seed: int = 1,
        assumptions: Assumptions = Assumptions(),  # noqa: B008 - frozen
        test_mode: bool = True,
    ) -> None:
        chance = random.Random(seed)  # noqa: S311 - a play, not a secret
        pace = Pace(
            latency=assumptions.latency,
            attempts_at=assumptions.attempts_at,
            timeout=assumptions.timeout,
            requests_a_minute=assumptions.requests_a_minute,
        )
        self._wire = LemonSqueezyWire(chance, test_mode)
        super().__init__(self._wire, pace, chance, API_KEY)
        self.store = self.timeline = Store(now=now, announce=self._announce, test_mode=test_mode)
        self.billing = Billing(self.store, assumptions)
        self.desk = ShopActions(self.store, self.billing, assumptions)
        self.api = SimulatedApi(self.store, self.desk, self.sender)

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

    def held(self) -> Mapping[str, int]:
        """Return how many subscriptions and invoices there are."""
        return {kind: len(self.store.objects.get(own, {})) for kind, own in _COUNTED}

    def answer(self, request: ApiRequest) -> ApiResponse:
        """Answer a request to the API."""
        with self.lock:
            return self.api.respond(request)

    def refusal(self, status: int, words: str) -> ApiResponse:
        """Return a JSON:API error."""
        return failure(status, words)

    def headers(self, remaining: int) -> Mapping[str, str]:
        """Return the content type of an answer, and the rest of the rate limit."""
        return {
            "Content-Type": "application/vnd.api+json",
            "X-Ratelimit-Limit": str(self.conditions.limit),
            "X-Ratelimit-Remaining": str(remaining),
        }

    def acts(self) -> Mapping[str, ShopAct]:
        """Return the acts of customers, the merchant and the bank."""
        desk = self.desk
        bought = ("account", "email", "price", "variant", "product_name", "trial_days", "licence", "customer")
        return {
            "subscribe": ShopAct("Sell a subscription", (), bought, self._subscribe, {"licence": YES}),
            "fail": _on_subscription("Fail the renewal now", desk.fail),
            "recover": _on_subscription("Pay what is owed", desk.recover),
            "cancel": _on_subscription("Cancel", desk.cancel),
            "resume": _on_subscription("Resume", desk.resume),
            "pause": ShopAct(
                "Pause",
                (_SUB,),
                ("mode",),
                lambda stated: desk.pause(needed(stated, _SUB), stated.get("mode", PAUSES[0])),
                {"mode": PAUSES},
            ),
            "unpause": _on_subscription("Collect again", desk.unpause),
            "change-plan": ShopAct(
                "Change the plan", (_SUB,), ("variant", "product", "unpaid"), self._change_plan, {"unpaid": YES}
            ),
            "pay-change": _on_subscription("Pay the changed plan", desk.pay_change),
            "quantity": ShopAct(
                "Change the seats",
                (_SUB,),
                ("quantity",),
                lambda stated: desk.change_quantity(needed(stated, _SUB), int(number(stated, "quantity"))),
            ),
            "refund": ShopAct("Refund", (_ORDER, "invoice"), ("amount",), self._refund),
            "fraudulent": ShopAct(
                "Call fraudulent",
                (_ORDER,),
                ("told_by",),
                lambda stated: desk.call_fraudulent(needed(stated, _ORDER), told_by=stated.get("told_by")),
            ),
            "clear": ShopAct(
                "Call paid again",
                (_ORDER,),
                ("told_by",),
                lambda stated: desk.clear(needed(stated, _ORDER), told_by=stated.get("told_by")),
            ),
            "disable-licence": ShopAct(
                "Disable",
                (_LICENCE,),
                (),
                lambda stated: desk.change_licence(needed(stated, _LICENCE), {"disabled": True}),
            ),
        }

    def listings(self) -> Iterable[Listing]:
        """Return the newest subscriptions, invoices, orders and licences."""
        names: tuple[str, ...] = ("status", "variant_id", "renews_at", "ends_at", "order_id")
        columns: tuple[str, ...] = ("id", "account", "status", "variant", "renews", "ends", "order")
        subscriptions = [
            (own_id, self.store.contract(own_id).purchase.account, *(stated[name] for name in names))
            for own_id, stated in self._newest(SUBSCRIPTIONS)
        ]
        yield Listing("Subscriptions", _SUB, columns, subscriptions)
        names = ("subscription_id", "status", "total", "refunded_amount", "billing_reason")
        columns = ("id", "subscription", "status", "total", "refunded", "why")
        yield Listing("Invoices", "invoice", columns, self._rows(INVOICES, names))
        names = ("status", "total", "refunded_amount", "user_email")
        yield Listing("Orders", _ORDER, ("id", "status", "total", "refunded", "mail"), self._rows(ORDERS, names))
        names = ("status", "order_id", "expires_at")
        yield Listing("Licences", _LICENCE, ("id", "status", "order", "expires"), self._rows(LICENCES, names))

    def _rows(self, kind: str, names: Iterable[str]) -> list[tuple[object, ...]]:
        return [(own_id, *(stated[name] for name in names)) for own_id, stated in self._newest(kind)]

    def _newest(self, kind: str) -> list[tuple[str, dict[str, object]]]:
        held = list(self.store.objects.get(kind, {}).values())[-ROWS_SHOWN:]
        return [(data["id"], data["attributes"]) for data in reversed(held)]

    def _subscribe(self, stated: FormFields) -> dict[str, Any]:
        wanted: dict[str, Any] = {
            name: stated[name] for name in ("email", "account", "product_name") if stated.get(name)
        }
        wanted |= {name: int(number(stated, name)) for name in ("price", "variant", "customer") if stated.get(name)}
        trial = timedelta(days=number(stated, "trial_days")) if stated.get("trial_days") else None
        bought = self.sell(trial=trial, licence=flag(stated, "licence"), **wanted)
        return {"subscription": str(bought.subscription), "order": str(bought.order), "account": bought.account}

    def _change_plan(self, stated: FormFields) -> None:
        sub, variant = needed(stated, _SUB), int(number(stated, "variant"))
        if flag(stated, "unpaid"):
            self.desk.change_plan_unpaid(sub, variant)
        else:
            self.desk.change_plan(sub, variant, stated.get("product") or None)

    def _refund(self, stated: FormFields) -> None:
        amount = whole(stated, "amount")
        if stated.get("invoice"):
            self.desk.refund_invoice(stated["invoice"], amount)
        else:
            self.desk.refund_order(needed(stated, _ORDER), amount)

    def _announce(self, name: str, data: Payload, custom: object) -> None:
        self.sender.announce(self.now, name, self._wire.payload(name, data, custom))


_COUNTED = (("subscriptions", SUBSCRIPTIONS), ("invoices", INVOICES))
_SUB, _ORDER, _LICENCE = "subscription", "order", "licence"


def _on_subscription(title: str, act: Callable[[str], None]) -> ShopAct:
    """Return an act that needs nothing but the subscription's id."""
    return ShopAct(title, (_SUB,), (), lambda stated: act(needed(stated, _SUB)))
