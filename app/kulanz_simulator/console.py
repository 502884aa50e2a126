"""The simulator's console: a page without scripts, and the same acts as POST endpoints that answer JSON.

`POST /console/<act>` takes a form or a JSON object. A form is sent back to the page; whoever asks for JSON gets the
outcome. Posts from other sites' pages are refused: a browser tells where they come from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from kulanz.errors import InvalidInputError, KulanzError
from kulanz.providers.lemonsqueezy.vocabulary import LICENCES, ORDERS, SUBSCRIPTIONS
from kulanz_simulator.page import render
from kulanz_simulator.sender import spoiled
from kulanz_simulator.simulator import Simulator

_JSON = "application/json"
_HTML = "text/html; charset=utf-8"
FormFields = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleResponse:
    """What the console answers."""

    status: int = 200
    kind: str = _JSON
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Console:
    """The acts by their names; each takes what a form says and returns what became of it."""

    simulator: Simulator

    def respond(
        self, method: str, path: str, query: FormFields, headers: Mapping[str, str], body: bytes
    ) -> ConsoleResponse:
        """Answer a request to the console."""
        if method == "GET" and path == "/":
            return ConsoleResponse(kind=_HTML, body=render(self.simulator, query.get("said", "")).encode())
        if method == "GET" and path == "/state":
            return _document(200, self.state())
        act = self.acts().get(path.removeprefix("/console/"))
        if method != "POST" or act is None or not path.startswith("/console/"):
            return _document(404, {"error": f"no {method} {path} here"})
        if not _is_ours(headers):
            return _document(403, {"error": "sent by another site's page"})
        return self._act(act, headers, body)

    def acts(self) -> dict[str, Callable[[FormFields], Any]]:
        """Return everything that can be done here."""
        simulator, service = self.simulator, self.simulator.desk
        return {
            "subscribe": self._subscribe,
            "fail": lambda stated: service.fail(_id(stated, SUBSCRIPTIONS)),
            "recover": lambda stated: service.recover(_id(stated, SUBSCRIPTIONS)),
            "cancel": lambda stated: service.cancel(_id(stated, SUBSCRIPTIONS)),
            "resume": lambda stated: service.resume(_id(stated, SUBSCRIPTIONS)),
            "pause": lambda stated: service.pause(_id(stated, SUBSCRIPTIONS), stated.get("mode", "void")),
            "unpause": lambda stated: service.unpause(_id(stated, SUBSCRIPTIONS)),
            "change-plan": lambda stated: service.change_plan(
                _id(stated, SUBSCRIPTIONS), int(_number(stated, "variant")), stated.get("product") or None
            ),
            "refund": self._refund,
            "fraudulent": lambda stated: service.call_fraudulent(_id(stated, ORDERS), told_by=stated.get("told_by")),
            "clear": lambda stated: service.clear(_id(stated, ORDERS), told_by=stated.get("told_by")),
            "disable-licence": lambda stated: service.change_licence(_id(stated, LICENCES), {"disabled": True}),
            "resend": lambda stated: simulator.sender.resend(simulator.now, int(_number(stated, "delivery"))).number,
            "faults": self._faults,
            "weather": self._conditions,
            "clock": self._clock,
            "webhook": lambda stated: simulator.deliver_to(stated.get("url", ""), stated.get("secret", "")),
        }

    def state(self) -> dict[str, Any]:
        """Return what is going on, for programs."""
        simulator = self.simulator
        return {
            "now": simulator.now.isoformat().replace("+00:00", "Z"),
            "speed": simulator.speed,
            "api_url": simulator.url,
            **simulator.totals(),
        }

    def _act(self, act: Callable[[FormFields], Any], headers: Mapping[str, str], body: bytes) -> ConsoleResponse:
        wants_page = "text/html" in headers.get("accept", "")
        try:
            stated = _read(headers.get("content-type", ""), body)
            outcome = self._carry_out(act, stated)
        except (KulanzError, ValueError) as error:
            words = error.detail if isinstance(error, KulanzError) else str(error)
            return _back(words) if wants_page else _document(getattr(error, "status", 422), {"error": words})
        return _back("done") if wants_page else _document(200, {"done": outcome, **self.state()})

    def _carry_out(self, act: Callable[[FormFields], Any], stated: FormFields) -> Any:
        """Act, and send what is due at once; time may only go on without the lock, as receivers ask the API."""
        if act == self._clock:
            return act(stated)
        with self.simulator.lock:
            outcome = act(stated)
        self.simulator.advance(self.simulator.assumptions.latency)
        return outcome

    def _subscribe(self, stated: FormFields) -> dict[str, Any]:
        wanted: dict[str, Any] = {
            name: stated[name] for name in ("email", "account", "product_name") if stated.get(name)
        }
        wanted |= {name: int(_number(stated, name)) for name in ("price", "variant", "customer") if stated.get(name)}
        trial = timedelta(days=_number(stated, "trial_days")) if stated.get("trial_days") else None
        bought = self.simulator.sell(
            trial=trial, licence=stated.get("licence") in {"1", "on", "True", "true"}, **wanted
        )
        return {"subscription": str(bought.subscription), "order": str(bought.order), "account": bought.account}

    def _refund(self, stated: FormFields) -> None:
        amount = int(_number(stated, "amount")) if stated.get("amount") else None
        if stated.get("invoice"):
            self.simulator.desk.refund_invoice(stated["invoice"], amount)
        else:
            self.simulator.desk.refund_order(_id(stated, ORDERS), amount)

    def _faults(self, stated: FormFields) -> None:
        shares = {name: _number(stated, name) for name in ("lost", "twice", "late") if stated.get(name)}
        self.simulator.faults = spoiled(self.simulator.faults, shares)

    def _conditions(self, stated: FormFields) -> None:
        conditions = self.simulator.conditions
        conditions.slow = _number(stated, "slow") if stated.get("slow") else 0.0
        conditions.away = stated.get("away") in {"1", "on", "True", "true"}
        if stated.get("status"):
            status, times = int(_number(stated, "status")), int(_number(stated, "times")) if stated.get("times") else 1
            conditions.answers.extend([status] * min(times, 1000))

    def _clock(self, stated: FormFields) -> None:
        if stated.get("speed"):
            self.simulator.speed = max(_number(stated, "speed"), 0.0)
        hours = _number(stated, "hours") if stated.get("hours") else 0.0
        self.simulator.advance(timedelta(hours=hours, days=_number(stated, "days") if stated.get("days") else 0.0))


def _read(kind: str, body: bytes) -> FormFields:
    if kind.partition(";")[0] != _JSON:
        return dict(parse_qsl(body.decode("utf-8", "replace")))
    document = json.loads(body or b"{}")
    if not isinstance(document, dict):
        raise InvalidInputError("a JSON object is needed")
    return {str(name): str(value) for name, value in document.items() if value is not None}


def _is_ours(headers: Mapping[str, str]) -> bool:
    """Refuse a browser that was sent by another site; a program says nothing of where it comes from."""
    origin = headers.get("origin")
    same = origin is None or urlsplit(origin).netloc == headers.get("host")
    return same and headers.get("sec-fetch-site", "none") in {"none", "same-origin"}


def _id(stated: FormFields, kind: str) -> str:
    name = {SUBSCRIPTIONS: "subscription", ORDERS: "order", LICENCES: "licence"}[kind]
    if not stated.get(name):
        raise InvalidInputError(f"{name}: which?")
    return stated[name]


def _number(stated: FormFields, name: str) -> float:
    try:
        return float(stated[name])
    except (KeyError, ValueError) as error:
        raise InvalidInputError(f"{name}: a number is needed") from error


def _document(status: int, document: Mapping[str, Any]) -> ConsoleResponse:
    return ConsoleResponse(status=status, body=json.dumps(document).encode())


def _back(words: str) -> ConsoleResponse:
    """Send a browser back to the page, which shows the outcome."""
    safe = "".join(char for char in words if char.isalnum() or char in " .,:-_")[:200]
    return ConsoleResponse(
        status=303, kind=_HTML, headers={"Location": f"/?said={safe.replace(' ', '+')}"}, body=escape(safe).encode()
    )
