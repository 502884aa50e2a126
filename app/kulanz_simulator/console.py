"""The simulator's console: a page without scripts, and the same acts as POST endpoints that answer JSON.

`POST /console/<act>` takes a form or a JSON object. A form is sent back to the page; a request for JSON gets the
outcome. Posts from other sites' pages are refused: a browser tells where they come from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from kulanz.errors import InvalidInputError, KulanzError
from kulanz_simulator.acts import CLOCK, CommonActs
from kulanz_simulator.form import FormFields
from kulanz_simulator.page import render
from kulanz_simulator.simulator import ShopAct, Simulator

_JSON = "application/json"
_HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleResponse:
    """An answer of the console."""

    status: int = 200
    kind: str = _JSON
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Console:
    """The acts by their names; each takes the fields of a form and returns a sentence about the outcome."""

    simulator: Simulator

    def respond(
        self, method: str, path: str, query: FormFields, headers: Mapping[str, str], body: bytes
    ) -> ConsoleResponse:
        """Answer a request to the console."""
        if method == "GET" and path == "/":
            return ConsoleResponse(kind=_HTML, body=render(self.simulator, self.acts(), query.get("said", "")).encode())
        if method == "GET" and path == "/state":
            return _document(200, self.state())
        name = path.removeprefix("/console/")
        if method != "POST" or name not in self.acts() or not path.startswith("/console/"):
            return _document(404, {"error": f"no {method} {path} here"})
        if not _is_ours(headers):
            return _document(403, {"error": "sent by another site's page"})
        return self._act(name, headers, body)

    def acts(self) -> Mapping[str, ShopAct]:
        """Return all possible acts."""
        return {**self.simulator.acts(), **CommonActs(self.simulator).acts()}

    def state(self) -> dict[str, Any]:
        """Return the state of the simulator, for programs."""
        simulator = self.simulator
        return {
            "now": simulator.now.isoformat().replace("+00:00", "Z"),
            "speed": simulator.speed,
            "api_url": simulator.url,
            **simulator.totals(),
        }

    def _act(self, name: str, headers: Mapping[str, str], body: bytes) -> ConsoleResponse:
        wants_page = "text/html" in headers.get("accept", "")
        try:
            stated = _read(headers.get("content-type", ""), body)
            outcome = self._carry_out(name, stated)
        except (KulanzError, ValueError) as error:
            words = error.detail if isinstance(error, KulanzError) else str(error)
            return _back(words) if wants_page else _document(getattr(error, "status", 422), {"error": words})
        return _back("done") if wants_page else _document(200, {"done": outcome, **self.state()})

    def _carry_out(self, name: str, stated: FormFields) -> Any:
        """Act, and send what is due at once; time may only advance without the lock, as receivers ask the API."""
        act = self.acts()[name].do
        if name == CLOCK:
            return act(stated)
        with self.simulator.lock:
            outcome = act(stated)
        self.simulator.advance(self.simulator.sender.latency)
        return outcome


def _read(kind: str, body: bytes) -> FormFields:
    if kind.partition(";")[0] != _JSON:
        return dict(parse_qsl(body.decode("utf-8", "replace")))
    document = json.loads(body or b"{}")
    if not isinstance(document, dict):
        raise InvalidInputError("a JSON object is needed")
    return {str(name): str(value) for name, value in document.items() if value is not None}


def _is_ours(headers: Mapping[str, str]) -> bool:
    """Refuse a browser request from another site's page; programs send no origin."""
    origin = headers.get("origin")
    same = origin is None or urlsplit(origin).netloc == headers.get("host")
    return same and headers.get("sec-fetch-site", "none") in {"none", "same-origin"}


def _document(status: int, document: Mapping[str, Any]) -> ConsoleResponse:
    return ConsoleResponse(status=status, body=json.dumps(document).encode())


def _back(words: str) -> ConsoleResponse:
    """Send a browser back to the page, which shows the outcome."""
    safe = "".join(char for char in words if char.isalnum() or char in " .,:-_")[:200]
    return ConsoleResponse(
        status=303, kind=_HTML, headers={"Location": f"/?said={safe.replace(' ', '+')}"}, body=escape(safe).encode()
    )
