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
Told = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the console answers."""

    status: int = 200
    kind: str = _JSON
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Console:
    """The acts by their names; each takes what a form says and returns what became of it."""

    simulator: Simulator

    def answer(self, method: str, path: str, query: Told, headers: Mapping[str, str], body: bytes) -> Page:
        """Answer a request to the console."""
        if method == "GET" and path == "/":
            return Page(kind=_HTML, body=render(self.simulator, query.get("said", "")).encode())
        if method == "GET" and path == "/state":
            return _document(200, self.state())
        act = self.acts().get(path.removeprefix("/console/"))
        if method != "POST" or act is None or not path.startswith("/console/"):
            return _document(404, {"error": f"no {method} {path} here"})
        if not _is_ours(headers):
            return _document(403, {"error": "sent by another site's page"})
        return self._act(act, headers, body)

    def acts(self) -> dict[str, Callable[[Told], Any]]:
        """Return everything that can be done here."""
        simulator, desk = self.simulator, self.simulator.desk
        return {
            "subscribe": self._subscribe,
            "fail": lambda told: desk.fail(_id(told, SUBSCRIPTIONS)),
            "recover": lambda told: desk.recover(_id(told, SUBSCRIPTIONS)),
            "cancel": lambda told: desk.cancel(_id(told, SUBSCRIPTIONS)),
            "resume": lambda told: desk.resume(_id(told, SUBSCRIPTIONS)),
            "pause": lambda told: desk.pause(_id(told, SUBSCRIPTIONS), told.get("mode", "void")),
            "unpause": lambda told: desk.unpause(_id(told, SUBSCRIPTIONS)),
            "change-plan": lambda told: desk.change_plan(
                _id(told, SUBSCRIPTIONS), int(_number(told, "variant")), told.get("product") or None
            ),
            "refund": self._refund,
            "fraudulent": lambda told: desk.call_fraudulent(_id(told, ORDERS), told_by=told.get("told_by")),
            "clear": lambda told: desk.clear(_id(told, ORDERS), told_by=told.get("told_by")),
            "disable-licence": lambda told: desk.change_licence(_id(told, LICENCES), {"disabled": True}),
            "resend": lambda told: simulator.sender.resend(simulator.now, int(_number(told, "delivery"))).number,
            "faults": self._faults,
            "weather": self._weather,
            "clock": self._clock,
            "webhook": lambda told: simulator.deliver_to(told.get("url", ""), told.get("secret", "")),
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

    def _act(self, act: Callable[[Told], Any], headers: Mapping[str, str], body: bytes) -> Page:
        wants_page = "text/html" in headers.get("accept", "")
        try:
            told = _read(headers.get("content-type", ""), body)
            outcome = self._carry_out(act, told)
        except (KulanzError, ValueError) as error:
            words = error.detail if isinstance(error, KulanzError) else str(error)
            return _back(words) if wants_page else _document(getattr(error, "status", 422), {"error": words})
        return _back("done") if wants_page else _document(200, {"done": outcome, **self.state()})

    def _carry_out(self, act: Callable[[Told], Any], told: Told) -> Any:
        """Act, and send what is due at once; time may only go on without the lock, as receivers ask the API."""
        if act == self._clock:
            return act(told)
        with self.simulator.lock:
            outcome = act(told)
        self.simulator.advance(self.simulator.assumptions.latency)
        return outcome

    def _subscribe(self, told: Told) -> dict[str, Any]:
        wanted: dict[str, Any] = {name: told[name] for name in ("email", "account", "product_name") if told.get(name)}
        wanted |= {name: int(_number(told, name)) for name in ("price", "variant", "customer") if told.get(name)}
        trial = timedelta(days=_number(told, "trial_days")) if told.get("trial_days") else None
        bought = self.simulator.sell(trial=trial, licence=told.get("licence") in {"1", "on", "True", "true"}, **wanted)
        return {"subscription": str(bought.subscription), "order": str(bought.order), "account": bought.account}

    def _refund(self, told: Told) -> None:
        amount = int(_number(told, "amount")) if told.get("amount") else None
        if told.get("invoice"):
            self.simulator.desk.refund_invoice(told["invoice"], amount)
        else:
            self.simulator.desk.refund_order(_id(told, ORDERS), amount)

    def _faults(self, told: Told) -> None:
        shares = {name: _number(told, name) for name in ("lost", "twice", "late") if told.get(name)}
        self.simulator.faults = spoiled(self.simulator.faults, shares)

    def _weather(self, told: Told) -> None:
        weather = self.simulator.weather
        weather.slow = _number(told, "slow") if told.get("slow") else 0.0
        weather.away = told.get("away") in {"1", "on", "True", "true"}
        if told.get("status"):
            status, times = int(_number(told, "status")), int(_number(told, "times")) if told.get("times") else 1
            weather.answers.extend([status] * min(times, 1000))

    def _clock(self, told: Told) -> None:
        if told.get("speed"):
            self.simulator.speed = max(_number(told, "speed"), 0.0)
        hours = _number(told, "hours") if told.get("hours") else 0.0
        self.simulator.advance(timedelta(hours=hours, days=_number(told, "days") if told.get("days") else 0.0))


def _read(kind: str, body: bytes) -> Told:
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


def _id(told: Told, kind: str) -> str:
    name = {SUBSCRIPTIONS: "subscription", ORDERS: "order", LICENCES: "licence"}[kind]
    if not told.get(name):
        raise InvalidInputError(f"{name}: which?")
    return told[name]


def _number(told: Told, name: str) -> float:
    try:
        return float(told[name])
    except (KeyError, ValueError) as error:
        raise InvalidInputError(f"{name}: a number is needed") from error


def _document(status: int, document: Mapping[str, Any]) -> Page:
    return Page(status=status, body=json.dumps(document).encode())


def _back(words: str) -> Page:
    """Send a browser back to the page, which shows the outcome."""
    safe = "".join(char for char in words if char.isalnum() or char in " .,:-_")[:200]
    return Page(
        status=303, kind=_HTML, headers={"Location": f"/?said={safe.replace(' ', '+')}"}, body=escape(safe).encode()
    )
