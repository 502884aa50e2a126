"""Stripe's REST API over the simulated account: forms, lists by cursor, versions, idempotency keys, and its errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from kulanz.errors import InvalidInputError, KulanzError, NotFoundError, RefusedError
from kulanz_simulator.api import ApiRequest, ApiResponse
from kulanz_simulator.sender import Sender, WebhookTarget
from kulanz_simulator.stripe.assumptions import StripeAssumptions
from kulanz_simulator.stripe.desk import StripeDesk
from kulanz_simulator.stripe.documents import Document, Item, seconds
from kulanz_simulator.stripe.forms import amount, nested, wanted
from kulanz_simulator.stripe.store import (
    CHARGES,
    CUSTOMERS,
    DISPUTES,
    INTENTS,
    INVOICE_PAYMENTS,
    INVOICES,
    REFUNDS,
    SUBSCRIPTIONS,
    StripeStore,
    subscription_of,
)
from kulanz_simulator.stripe.versions import ApiVersion, rendered

EVENTS, ENDPOINTS = "events", "webhook_endpoints"
EVENTS_KEPT_DAYS = 30
MAX_LIMIT, DEFAULT_LIMIT = 100, 10
_LISTED = (SUBSCRIPTIONS, INVOICES, CHARGES, INTENTS, REFUNDS, DISPUTES, CUSTOMERS, INVOICE_PAYMENTS)
_TYPES = {401: "invalid_request_error", 402: "card_error", 429: "rate_limit_error"}
Act = Callable[..., Document]


@dataclass(frozen=True, slots=True)
class _Answered:
    """A stored answer for a repeated idempotency key."""

    at: datetime
    request: tuple[str, str, bytes]
    response: ApiResponse


@dataclass(frozen=True, slots=True)
class StripeApi:
    """Answers requests from the account."""

    store: StripeStore
    desk: StripeDesk
    sender: Sender
    assumptions: StripeAssumptions
    version: ApiVersion
    events: dict[str, Document]
    """Every event by its id, oldest first."""
    _answered: dict[str, _Answered] = field(default_factory=dict)

    def respond(self, request: ApiRequest) -> ApiResponse:
        """Answer a request; an impossible one gets an error in Stripe's words."""
        if not request.is_authorised:
            return failure(HTTPStatus.UNAUTHORIZED, "Invalid API Key provided.")
        key = request.headers.get("idempotency-key")
        if request.method != "POST" or not key:
            return self._carried_out(request)
        asked = (request.method, request.path, request.body)
        earlier = self._answered.get(key)
        if earlier is not None and earlier.at + self.assumptions.idempotency_lasts > self.store.now:
            if earlier.request != asked:
                words = (
                    "Keys for idempotent requests can only be used with the same parameters they were first used with."
                )
                return failure(HTTPStatus.BAD_REQUEST, words, "idempotency_error")
            return earlier.response
        response = self._carried_out(request)
        self._answered[key] = _Answered(self.store.now, asked, response)
        return response

    def _carried_out(self, request: ApiRequest) -> ApiResponse:
        try:
            version = self._version(request)
            told = nested(request.pairs if request.method == "GET" else parse_qsl(request.body.decode(), True))
            for method, pattern, act in self._routes():
                match = re.fullmatch(pattern, request.path)
                if match and method == request.method:
                    document = act(told, *match.groups())
                    return ApiResponse(document=self._shown(document, version, told.get("expand", ())))
        except NotFoundError as error:
            return failure(HTTPStatus.NOT_FOUND, error.detail)
        except RefusedError as error:
            status = HTTPStatus.PAYMENT_REQUIRED if "declined" in error.detail else HTTPStatus.BAD_REQUEST
            return failure(status, error.detail)
        except (InvalidInputError, UnicodeDecodeError) as error:
            return failure(HTTPStatus.BAD_REQUEST, error.detail if isinstance(error, KulanzError) else "not UTF-8")
        return failure(HTTPStatus.NOT_FOUND, f"Unrecognized request URL ({request.method}: /v1{request.path}).")

    def _routes(self) -> Iterable[tuple[str, str, Act]]:
        kinds = "|".join(_LISTED)
        return (
            ("GET", "/account", self._account),
            ("GET", f"/({kinds})", self._list),
            ("GET", f"/({kinds})/([^/]+)", lambda _, kind, own_id: self.store.get(kind, own_id)),
            ("GET", f"/{EVENTS}", self._list_events),
            ("GET", f"/{EVENTS}/([^/]+)", self._event),
            ("POST", f"/{SUBSCRIPTIONS}/([^/]+)", self._change),
            ("DELETE", f"/{SUBSCRIPTIONS}/([^/]+)", self._end),
            ("POST", f"/{INVOICES}/([^/]+)/pay", self._pay),
            ("POST", f"/{INVOICES}/([^/]+)/void", self._void),
            ("POST", f"/{REFUNDS}", self._refund),
            ("POST", "/billing_portal/sessions", self._portal),
            ("GET", f"/{ENDPOINTS}", self._endpoints),
            ("POST", f"/{ENDPOINTS}", self._add_endpoint),
            ("GET", f"/{ENDPOINTS}/([^/]+)", lambda _, own_id: self._endpoint(own_id)),
            ("POST", f"/{ENDPOINTS}/([^/]+)", self._change_endpoint),
            ("DELETE", f"/{ENDPOINTS}/([^/]+)", self._delete_endpoint),
        )

    def _version(self, request: ApiRequest) -> ApiVersion:
        said = request.headers.get("stripe-version", self.version)
        with suppress(ValueError):
            return ApiVersion(said)
        raise InvalidInputError(f"Invalid Stripe API version: {said}")

    def _shown(self, document: Document, version: ApiVersion, expand: Iterable[str]) -> Document:
        parts, live = {name.removeprefix("data.") for name in expand}, self.store.livemode
        if document.get("object") != "list":
            return rendered(document, version, parts, livemode=live)
        return {**document, "data": [rendered(each, version, parts, livemode=live) for each in document["data"]]}

    def _account(self, _: Document) -> Document:
        return {"id": "acct_1Sim", "object": "account", "country": "AT", "default_currency": "eur"}

    def _list(self, told: Document, kind: str) -> Document:
        held = [each for each in self.store.all(kind) if _fits(each, told)]
        return _page(held, told, kind)

    def _list_events(self, told: Document) -> Document:
        oldest = seconds(self.store.now) - EVENTS_KEPT_DAYS * 86400
        types = told.get("types", [told["type"]] if "type" in told else [])
        held = [
            each
            for each in reversed(list(self.events.values()))
            if each["created"] >= oldest and _fits(each, told) and (not types or each["type"] in types)
        ]
        return _page(held, told, EVENTS)

    def _event(self, _: Document, own_id: str) -> Document:
        if own_id not in self.events:
            raise NotFoundError(f"No such event: '{own_id}'")
        return self.events[own_id]

    def _change(self, told: Document, sub: str) -> Document:
        document = self.store.get(SUBSCRIPTIONS, sub)
        cancels = wanted(told, "cancel_at_period_end")
        if cancels is not None:
            self.desk.cancel(sub, at_period_end=cancels)
        if told.get("pause_collection"):
            self.desk.pause(sub, told["pause_collection"].get("behavior", ""))
        elif "pause_collection" in told:
            self.desk.unpause(sub)
        if "metadata" in told:
            self.desk.move(sub, told["metadata"])
        if "items" in told:
            self._change_items(document, told)
        return document

    def _change_items(self, document: Document, told: Document) -> None:
        held = {
            each["id"]: Item(price=each["price"]["id"], quantity=each["quantity"]) for each in document["items"]["data"]
        }
        for number, asked in told["items"].items():
            ident = asked.get("id", number)
            if asked.get("deleted") == "true":
                held.pop(ident, None)
                continue
            before = held.get(ident, Item(price=asked.get("price", "")))
            held[ident] = Item(
                price=asked.get("price", before.price), quantity=amount(asked, "quantity") or before.quantity
            )
        self.desk.change_items(
            document["id"],
            tuple(held.values()),
            proration=told.get("proration_behavior", "create_prorations"),
            payment=told.get("payment_behavior", "allow_incomplete"),
        )

    def _end(self, _: Document, sub: str) -> Document:
        self.desk.cancel_now(sub)
        return self.store.get(SUBSCRIPTIONS, sub)

    def _pay(self, _: Document, own_id: str) -> Document:
        invoice = self.store.get(INVOICES, own_id)
        if not self.desk.billing.collect(invoice):
            raise RefusedError("Your card was declined.")
        return invoice

    def _void(self, _: Document, own_id: str) -> Document:
        invoice = self.store.get(INVOICES, own_id)
        self.desk.billing.void(invoice)
        return invoice

    def _refund(self, told: Document) -> Document:
        charge = told.get("charge")
        if charge is None:
            charge = self.store.get(INTENTS, told.get("payment_intent"))["latest_charge"]
        return self.desk.refund(str(charge), amount(told, "amount"), told.get("metadata"))

    def _portal(self, told: Document) -> Document:
        customer = self.store.get(CUSTOMERS, told.get("customer"))
        ident, now = self.store.new_id("bps"), seconds(self.store.now)
        return {
            "id": ident,
            "object": "billing_portal.session",
            "configuration": "bpc_1Sim",
            "created": now,
            "customer": customer["id"],
            "flow": None,
            "livemode": self.store.livemode,
            "locale": None,
            "on_behalf_of": None,
            "return_url": told.get("return_url"),
            "url": f"https://billing.stripe.example/p/session/{ident}",
        }

    def _endpoints(self, told: Document) -> Document:
        return _page([self._endpoint(own_id) for own_id in self.sender.endpoints], told, ENDPOINTS)

    def _add_endpoint(self, told: Document) -> Document:
        if not told.get("url") or not told.get("enabled_events"):
            raise InvalidInputError("Missing required param: url, enabled_events.")
        own_id, secret = self.store.new_id("we"), f"whsec_{self.store.new_id('sim')}"
        self.sender.endpoints[own_id] = WebhookTarget(url=told["url"], secret=secret, events=_events(told))
        return {**self._endpoint(own_id), "secret": secret}

    def _endpoint(self, own_id: str) -> Document:
        if own_id not in self.sender.endpoints:
            raise NotFoundError(f"No such webhook endpoint: '{own_id}'")
        endpoint = self.sender.endpoints[own_id]
        return {
            "id": own_id,
            "object": "webhook_endpoint",
            "api_version": str(self.version),
            "application": None,
            "created": seconds(self.store.now),
            "description": None,
            "enabled_events": sorted(endpoint.events) or ["*"],
            "livemode": self.store.livemode,
            "metadata": {},
            "status": "enabled",
            "url": endpoint.url,
        }

    def _change_endpoint(self, told: Document, own_id: str) -> Document:
        self._endpoint(own_id)
        before = self.sender.endpoints[own_id]
        events = _events(told) if "enabled_events" in told else before.events
        self.sender.endpoints[own_id] = WebhookTarget(
            url=told.get("url", before.url), secret=before.secret, events=events, thin=before.thin
        )
        return self._endpoint(own_id)

    def _delete_endpoint(self, _: Document, own_id: str) -> Document:
        self._endpoint(own_id)
        del self.sender.endpoints[own_id]
        return {"id": own_id, "object": "webhook_endpoint", "deleted": True}


def failure(status: int, words: str, kind: str | None = None) -> ApiResponse:
    """Return an error."""
    error = {"message": words, "type": kind or _TYPES.get(status, "invalid_request_error")}
    return ApiResponse(status=status, document={"error": error})


def _events(told: Document) -> frozenset[str]:
    named = frozenset(told["enabled_events"])
    return frozenset() if "*" in named else named


def _fits(document: Document, told: Mapping[str, Any]) -> bool:
    """Whether an object is one of those that are asked for."""
    for name in ("customer", "charge", "invoice", "payment_intent"):
        if name in told and document.get(name) != told[name]:
            return False
    if document["object"] == "invoice" and "subscription" in told and subscription_of(document) != told["subscription"]:
        return False
    status = told.get("status")
    if status not in {None, "all"} and document.get("status") != status:
        return False
    created = told.get("created", {})
    bounds = created if isinstance(created, dict) else {"gte": created, "lte": created}
    return all(_BOUNDS[word](document["created"], int(value)) for word, value in bounds.items())


_BOUNDS: Mapping[str, Callable[[int, int], bool]] = {
    "gt": int.__gt__,
    "gte": int.__ge__,
    "lt": int.__lt__,
    "lte": int.__le__,
}


def _page(held: list[Document], told: Document, kind: str) -> Document:
    limit = amount(told, "limit") or DEFAULT_LIMIT
    if limit > MAX_LIMIT:
        raise InvalidInputError("This value must be less than or equal to 100 (it currently is more).")
    idents = [each["id"] for each in held]
    after = told.get("starting_after")
    if after is not None and after not in idents:
        raise InvalidInputError(f"No such {kind.removesuffix('s')}: '{after}'")
    start = idents.index(after) + 1 if after is not None else 0
    data = held[start : start + limit]
    return {"object": "list", "url": f"/v1/{kind}", "has_more": len(held) > start + limit, "data": data}
