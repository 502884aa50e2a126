"""Stripe as a whole: one account's objects, billing, desk, sender and API."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from kulanz_simulator.api import ApiRequest, ApiResponse
from kulanz_simulator.form import YES, FormFields, flag, needed, number, whole
from kulanz_simulator.simulator import API_KEY, ROWS_SHOWN, Listing, Pace, ShopAct, Simulator
from kulanz_simulator.stripe.api import StripeApi, failure
from kulanz_simulator.stripe.assumptions import StripeAssumptions
from kulanz_simulator.stripe.billing import StripeBilling
from kulanz_simulator.stripe.desk import PAUSES, PAYMENTS, PRORATIONS, REASONS, STATUSES, StripeDesk
from kulanz_simulator.stripe.documents import AUTOMATICALLY, BY_HAND, Document, Item, StripePurchase, seconds
from kulanz_simulator.stripe.store import CHARGES, DISPUTES, INVOICES, SUBSCRIPTIONS, StripeStore
from kulanz_simulator.stripe.versions import ApiVersion, rendered
from kulanz_simulator.stripe.wire import StripeWire

PLAN = (Item(price="price_pro"),)


class StripeSimulator(Simulator):
    """A simulated account, of one version of the API."""

    provider = "stripe"

    def __init__(
        self,
        now: datetime,
        *,
        seed: int = 1,
        assumptions: StripeAssumptions = StripeAssumptions(),  # noqa: B008 - frozen
        test_mode: bool = True,
        version: ApiVersion = ApiVersion.ENDIVE,
    ) -> None:
        pace = Pace(
            latency=assumptions.latency,
            attempts_at=assumptions.attempts_at,
            timeout=assumptions.timeout,
            requests_a_minute=assumptions.requests_a_minute,
        )
        api_key = f"sk_{'test' if test_mode else 'live'}_{API_KEY}"
        super().__init__(StripeWire(), pace, random.Random(seed), api_key)  # noqa: S311 - a play, not a secret
        self.version = version
        self.events: dict[str, Document] = {}
        self.store = self.timeline = StripeStore(now=now, announce=self._announce, livemode=not test_mode)
        self.billing = StripeBilling(self.store, assumptions)
        self.desk = StripeDesk(self.store, self.billing)
        self.api = StripeApi(self.store, self.desk, self.sender, assumptions, version, self.events)

    def sell(self, *, items: Sequence[Item] = PLAN, charges: Sequence[bool] = (), **told: Any) -> StripePurchase:
        """Sell a subscription now, to a new customer unless `customer` is given; `told` are fields of a purchase."""
        with self.lock:
            ids: dict[str, Any] = {"customer": told.pop("customer", None) or self.store.new_id("cus")}
            ids["subscription"] = told.pop("subscription", None) or self.store.new_id("sub")
            email = told.pop("email", f"{ids['customer']}@shop.example".lower())
            account = told.pop("account", f"org_{ids['customer'][-7:]}")
            purchase = StripePurchase(began=self.now, email=email, account=account, items=tuple(items), **ids, **told)
            self.billing.check_out(purchase, charges)
        return purchase

    def subscription(self, subscription: object) -> Document:
        """Return a subscription as the provider holds it."""
        with self.lock:
            return dict(self.store.get(SUBSCRIPTIONS, subscription))

    def invoices(self, subscription: object) -> list[Document]:
        """Return the invoices of a subscription, oldest first."""
        with self.lock:
            return self.store.invoices_of(subscription)

    def held(self) -> Mapping[str, int]:
        """Return how many subscriptions and invoices there are."""
        return {kind: len(self.store.objects.get(kind, {})) for kind in (SUBSCRIPTIONS, INVOICES)}

    def answer(self, request: ApiRequest) -> ApiResponse:
        """Answer a request to the API."""
        with self.lock:
            return self.api.respond(request)

    def refusal(self, status: int, words: str) -> ApiResponse:
        """Return an error in Stripe's shape."""
        return failure(status, words)

    def headers(self, _remaining: int) -> Mapping[str, str]:
        """Return the content type of an answer, its time by the simulator's clock, and its version."""
        date = format_datetime(self.now.replace(microsecond=0), usegmt=True)
        return {"Content-Type": "application/json", "Date": date, "Stripe-Version": str(self.version)}

    def acts(self) -> Mapping[str, ShopAct]:
        """Return the acts of customers, the merchant and banks."""
        desk = self.desk
        bought = ("account", "email", "price", "quantity", "trial_days", "by_hand", "debit", "customer")
        return {
            "subscribe": ShopAct("Sell a subscription", (), bought, self._subscribe, {"by_hand": YES, "debit": YES}),
            "fail": _on(_SUB, "Fail the renewal now", desk.fail),
            "recover": _on(_SUB, "Pay what is owed", desk.recover),
            "cancel": _on(_SUB, "Cancel", desk.cancel),
            "cancel-now": _on(_SUB, "Cancel at once", desk.cancel_now),
            "resume": _on(_SUB, "Resume", desk.resume),
            "pause": ShopAct(
                "Pause",
                (_SUB,),
                ("mode",),
                lambda stated: desk.pause(needed(stated, _SUB), stated.get("mode", PAUSES[0])),
                {"mode": PAUSES},
            ),
            "unpause": _on(_SUB, "Collect again", desk.unpause),
            "change-plan": ShopAct(
                "Change the plan",
                (_SUB,),
                ("price", "quantity", "proration", "payment"),
                self._change_plan,
                {"proration": PRORATIONS, "payment": PAYMENTS},
            ),
            "move": ShopAct(
                "Give to another account",
                (_SUB,),
                ("account",),
                lambda stated: desk.move(needed(stated, _SUB), {"account_id": needed(stated, "account")}),
            ),
            "pay": _on(_INVOICE, "Pay by transfer", desk.pay),
            "refund": ShopAct(
                "Refund",
                (_CHARGE,),
                ("amount",),
                lambda stated: desk.refund(needed(stated, _CHARGE), whole(stated, "amount"))["id"],
            ),
            "dispute": ShopAct(
                "Dispute",
                (_CHARGE,),
                ("reason", "status"),
                lambda stated: desk.dispute(
                    needed(stated, _CHARGE), stated.get("reason", "fraudulent"), stated.get("status", "needs_response")
                )["id"],
                {"reason": REASONS, "status": STATUSES},
            ),
            "move-dispute": ShopAct(
                "Change the status",
                (_DISPUTE,),
                ("status",),
                lambda stated: desk.move_dispute(needed(stated, _DISPUTE), needed(stated, "status")),
                {"status": STATUSES},
            ),
            "bounce": _on(_CHARGE, "Return the debit", lambda charge: desk.bounce(charge)["id"]),
            "warn": _on(_CHARGE, "Warn of fraud", desk.warn),
        }

    def listings(self) -> Iterable[Listing]:
        """Return the newest subscriptions, invoices, charges and disputes."""
        subscriptions = [
            (
                each["id"],
                each["metadata"].get("account_id"),
                each["status"],
                ", ".join(f"{item['quantity']} {item['price']['id']}" for item in each["items"]["data"]),
                each["cancel_at_period_end"],
            )
            for each in self._newest(SUBSCRIPTIONS)
        ]
        yield Listing("Subscriptions", _SUB, ("id", "account", "status", "items", "cancelled"), subscriptions)
        names: tuple[str, ...] = ("id", "customer", "status", "total", "billing_reason")
        yield Listing("Invoices", _INVOICE, names, self._rows(INVOICES, names))
        names = ("id", "customer", "status", "amount", "amount_refunded", "disputed")
        yield Listing("Charges", _CHARGE, names, self._rows(CHARGES, names))
        names = ("id", "charge", "status", "reason", "amount")
        yield Listing("Disputes", _DISPUTE, names, self._rows(DISPUTES, names))

    def _rows(self, kind: str, names: Iterable[str]) -> list[tuple[object, ...]]:
        return [tuple(each[name] for name in names) for each in self._newest(kind)]

    def _newest(self, kind: str) -> list[Document]:
        return list(self.store.all(kind))[:ROWS_SHOWN]

    def _subscribe(self, stated: FormFields) -> dict[str, Any]:
        wanted: dict[str, Any] = {name: stated[name] for name in ("email", "account", "customer") if stated.get(name)}
        if stated.get("trial_days"):
            wanted["trial"] = timedelta(days=number(stated, "trial_days"))
        collection = BY_HAND if flag(stated, "by_hand") else AUTOMATICALLY
        bought = self.sell(items=_items(stated), collection=collection, debit=flag(stated, "debit"), **wanted)
        invoice = self.invoices(bought.subscription)[-1]
        return {"subscription": bought.subscription, "charge": invoice["paid_with"], "account": bought.account}

    def _change_plan(self, stated: FormFields) -> None:
        self.desk.change_items(
            needed(stated, _SUB),
            _items(stated),
            proration=stated.get("proration") or "none",
            payment=stated.get("payment") or "allow_incomplete",
        )

    def _announce(self, name: str, document: Document, previous: Document | None) -> None:
        if not self.version.has_event(name):
            return
        data = {"object": rendered(document, self.version, livemode=self.store.livemode)}
        if previous:
            data["previous_attributes"] = previous
        event: Document = {
            "id": self.store.new_id("evt"),
            "object": "event",
            "api_version": str(self.version),
            "created": seconds(self.now),
            "data": data,
            "livemode": self.store.livemode,
            "pending_webhooks": len(self.sender.endpoints),
            "request": {"id": None, "idempotency_key": None},
            "type": name,
        }
        self.events[event["id"]] = event
        self.sender.announce(self.now, name, event)


_SUB, _INVOICE, _CHARGE, _DISPUTE = "subscription", "invoice", "charge", "dispute"


def _on(subject: str, title: str, act: Callable[[str], Any]) -> ShopAct:
    """Return an act that needs nothing but the id of its object."""
    return ShopAct(title, (subject,), (), lambda stated: act(needed(stated, subject)))


def _items(stated: FormFields) -> tuple[Item, ...]:
    """Return one item, or several where prices are separated by commas."""
    prices = (stated.get("price") or "price_pro").split(",")
    return tuple(Item(price=price.strip(), quantity=whole(stated, "quantity") or 1) for price in prices)
