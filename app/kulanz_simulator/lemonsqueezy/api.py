"""Lemon Squeezy's REST API over the simulated store: JSON:API, paging, filters, and its errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kulanz.errors import InvalidInputError, KulanzError, NotFoundError, RefusedError
from kulanz.providers.lemonsqueezy.samples import Payload, moment
from kulanz.providers.lemonsqueezy.vocabulary import INVOICES, LICENCES, ORDERS, SUBSCRIPTIONS
from kulanz_simulator.api import ApiRequest, ApiResponse
from kulanz_simulator.lemonsqueezy.shop_actions import ShopActions
from kulanz_simulator.lemonsqueezy.store import OBJECT_KINDS, Store
from kulanz_simulator.sender import Sender, WebhookTarget

MAX_PAGE_SIZE = 100
DEFAULT_PAGE_SIZE = 10
_TITLES = {401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed", 422: "Unprocessable Entity"}


@dataclass(frozen=True, slots=True)
class SimulatedApi:
    """Answers requests from the store."""

    store: Store
    actions: ShopActions
    sender: Sender

    def respond(self, request: ApiRequest) -> ApiResponse:
        """Answer a request; an impossible one gets a JSON:API error."""
        if not request.is_authorised:
            return failure(401, "Unauthenticated.")
        for method, pattern, act in self._routes():
            match = re.fullmatch(pattern, request.path)
            if match and method == request.method:
                return self._carried_out(act, request, match.groups())
        return failure(404, "The requested resource was not found.")

    def _carried_out(
        self, act: Callable[..., ApiResponse], request: ApiRequest, matches: tuple[str, ...]
    ) -> ApiResponse:
        try:
            return act(request, *matches)
        except NotFoundError:
            return failure(404, "The requested resource was not found.")
        except (RefusedError, InvalidInputError) as error:
            return failure(422, error.detail)
        except KulanzError as error:
            return failure(error.status, error.detail)

    def _routes(self) -> tuple[tuple[str, str, Callable[..., ApiResponse]], ...]:
        kinds = "|".join(re.escape(kind) for kind in OBJECT_KINDS)
        return (
            ("GET", "/users/me", self._me),
            ("GET", rf"/({kinds})", self._list),
            ("GET", rf"/({kinds})/([^/]+)", self._read),
            ("DELETE", rf"/{SUBSCRIPTIONS}/([^/]+)", self._cancel),
            ("PATCH", rf"/{SUBSCRIPTIONS}/([^/]+)", self._change),
            ("POST", rf"/({ORDERS}|{INVOICES})/([^/]+)/refund", self._refund),
            ("PATCH", rf"/{LICENCES}/([^/]+)", self._change_licence),
            ("GET", "/webhooks", self._webhooks),
            ("POST", "/webhooks", self._add_webhook),
            ("GET", "/webhooks/([^/]+)", self._webhook),
            ("PATCH", "/webhooks/([^/]+)", self._change_webhook),
            ("DELETE", "/webhooks/([^/]+)", self._delete_webhook),
        )

    def _me(self, _: ApiRequest) -> ApiResponse:
        return ApiResponse(document={"meta": {"test_mode": self.store.test_mode}, "data": {"type": "users", "id": "1"}})

    def _list(self, request: ApiRequest, kind: str) -> ApiResponse:
        wanted = {name[7:-1]: value for name, value in request.query.items() if re.fullmatch(r"filter\[\w+\]", name)}
        held = list(reversed(self.store.objects.get(kind, {}).values()))
        fitting = [data for data in held if _fits(data["attributes"], wanted)] if wanted else held
        return _page(fitting, request.query)

    def _read(self, _: ApiRequest, kind: str, own_id: str) -> ApiResponse:
        return ApiResponse(document={"jsonapi": {"version": "1.0"}, "data": self.store.get(kind, own_id)})

    def _cancel(self, request: ApiRequest, sub: str) -> ApiResponse:
        self.actions.cancel(sub)
        return self._read(request, SUBSCRIPTIONS, sub)

    def _change(self, request: ApiRequest, sub: str) -> ApiResponse:
        self.store.get(SUBSCRIPTIONS, sub)
        wanted = _attributes(request)
        if wanted.get("cancelled") is True:
            self.actions.cancel(sub)
        elif wanted.get("cancelled") is False:
            self.actions.resume(sub, wanted.get("trial_ends_at"))
        if wanted.get("pause"):
            self.actions.pause(sub, wanted["pause"].get("mode", "void"), wanted["pause"].get("resumes_at"))
        elif "pause" in wanted:
            self.actions.unpause(sub)
        if "variant_id" in wanted:
            self.actions.change_plan(sub, int(wanted["variant_id"]))
        return self._read(request, SUBSCRIPTIONS, sub)

    def _refund(self, request: ApiRequest, kind: str, own_id: str) -> ApiResponse:
        amount = _attributes(request).get("amount")
        if amount is not None and not isinstance(amount, int):
            raise InvalidInputError("The amount must be an integer.")
        (self.actions.refund_order if kind == ORDERS else self.actions.refund_invoice)(own_id, amount)
        return self._read(request, kind, own_id)

    def _change_licence(self, request: ApiRequest, licence: str) -> ApiResponse:
        self.actions.change_licence(licence, _attributes(request))
        return self._read(request, LICENCES, licence)

    def _webhooks(self, request: ApiRequest) -> ApiResponse:
        return _page([self._webhook_data(key) for key in self.sender.endpoints], request.query)

    def _add_webhook(self, request: ApiRequest) -> ApiResponse:
        _need_store(request)
        document = _attributes(request)
        if not 6 <= len(str(document.get("secret", ""))) <= 40:  # noqa: PLR2004 - documented
            raise InvalidInputError("The secret must be 6 to 40 characters.")
        own_id = str(self.store.new_id())
        self.sender.endpoints[own_id] = WebhookTarget(
            url=str(document["url"]), secret=str(document["secret"]), events=frozenset(document.get("events") or ())
        )
        return ApiResponse(status=201, document={"data": self._webhook_data(own_id)})

    def _webhook(self, _: ApiRequest, own_id: str) -> ApiResponse:
        return ApiResponse(document={"data": self._webhook_data(own_id)})

    def _change_webhook(self, request: ApiRequest, own_id: str) -> ApiResponse:
        webhook_target, document = self._endpoint(own_id), _attributes(request)
        self.sender.endpoints[own_id] = WebhookTarget(
            url=str(document.get("url", webhook_target.url)),
            secret=str(document.get("secret", webhook_target.secret)),
            events=frozenset(document.get("events", webhook_target.events)),
        )
        return ApiResponse(document={"data": self._webhook_data(own_id)})

    def _delete_webhook(self, _: ApiRequest, own_id: str) -> ApiResponse:
        self._endpoint(own_id)
        del self.sender.endpoints[own_id]
        return ApiResponse(status=204)

    def _endpoint(self, own_id: str) -> WebhookTarget:
        if own_id not in self.sender.endpoints:
            raise NotFoundError(f"no webhook {own_id}")
        return self.sender.endpoints[own_id]

    def _webhook_data(self, own_id: str) -> Payload:
        endpoint = self._endpoint(own_id)
        attributes = {
            "store_id": self.store.store_id,
            "url": endpoint.url,
            "events": sorted(endpoint.events),
            "last_sent_at": None,
            "created_at": moment(self.store.now),
            "updated_at": moment(self.store.now),
            "test_mode": self.store.test_mode,
        }
        return {"type": "webhooks", "id": own_id, "attributes": attributes}


def failure(status: int, detail: str) -> ApiResponse:
    """Return a JSON:API error."""
    title = _TITLES.get(status, "Error")
    return ApiResponse(status=status, document={"errors": [{"detail": detail, "status": str(status), "title": title}]})


def _attributes(request: ApiRequest) -> dict[str, Any]:
    """Return the changes that a request asks for."""
    return dict(_data(request).get("attributes") or {})


def _need_store(request: ApiRequest) -> None:
    """Complain unless it says which store a new object is for; there is only one here."""
    try:
        str(_data(request)["relationships"]["store"]["data"]["id"])
    except (KeyError, TypeError) as error:
        raise InvalidInputError("The store field is required.") from error


def _data(request: ApiRequest) -> dict[str, Any]:
    try:
        data = json.loads(request.body)["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInputError("The data field is required.") from error
    return data if isinstance(data, dict) else {}


def _fits(attributes: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    return all(str(attributes.get(name, "")).lower() == value.lower() for name, value in wanted.items())


def _page(held: list[Payload], query: Mapping[str, str]) -> ApiResponse:
    number, size = _count(query, "page[number]", 1), _count(query, "page[size]", DEFAULT_PAGE_SIZE)
    if size > MAX_PAGE_SIZE:
        raise InvalidInputError("The page.size field must not be greater than 100.")
    last, start = max(1, -(-len(held) // size)), (number - 1) * size
    entries = held[start : start + size]
    page = {
        "currentPage": number,
        "from": start + 1 if entries else None,
        "lastPage": last,
        "perPage": size,
        "to": start + len(entries) if entries else None,
        "total": len(held),
    }
    return ApiResponse(document={"meta": {"page": page}, "jsonapi": {"version": "1.0"}, "data": entries})


def _count(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit() or not int(text):
        raise InvalidInputError(f"The {name} field must be at least 1.")
    return int(text)
