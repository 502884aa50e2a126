"""A local HTTP server that plays the one call of Polar's and of Dodo's API that opens a customer's portal.

with a_portal_server() as portals:
    portals.customers.add("cus_1")
    DodoPortal(KEY, portals.url, requests.Session()).payment_page("", None, "cus_1")
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.fake_servers import serving
from tests.standard import BOUGHT, POLAR, polar_subscription

KEY = "a-key-of-the-sandbox"
POLAR_CALL, DODO_CALL = "/v1/customer-sessions/", "/customer-portal/session"
Answer = tuple[int, dict[str, Any]]


@dataclass(slots=True)
class Portals:
    """Its customers and what was asked. `status` and `body` are answered instead, if set."""

    url: str = ""
    customers: set[str] = field(default_factory=lambda: {BOUGHT.customer, POLAR.customer})
    calls: list[tuple[str, str, str, str | None]] = field(default_factory=list)
    """Method, path, body and `Polar-Version`."""
    status: int | None = None
    body: bytes | None = None

    def answer(self, path: str, body: bytes, key: str | None) -> Answer:
        polar = path == POLAR_CALL
        if key != f"Bearer {KEY}":
            return 401, {"error": "invalid_token"} if polar else {"code": "UNAUTHORIZED", "message": "no such key"}
        if polar:
            return self._polar(json.loads(body)["customer_id"])
        return self._dodo(unquote(path.removesuffix(DODO_CALL).rpartition("/")[2]))

    def _polar(self, customer: str) -> Answer:
        if customer not in self.customers:
            fault = {"loc": ["body", "customer_id"], "msg": "Customer does not exist.", "type": "value_error"}
            return 422, {"error": "RequestValidationError", "detail": [fault]}
        session = {
            "id": "7c1df0a4-7777-4f4f-8d64-5f8d5ca0aa08",
            "created_at": "2026-03-06T14:08:20Z",
            "modified_at": None,
            "token": "polar_cst_1",
            "expires_at": "2026-03-06T15:08:20Z",
            "return_url": None,
            "customer_portal_url": self.page(customer),
            "customer_id": customer,
            "customer": polar_subscription("active")["data"]["customer"],
        }
        return 201, session

    def _dodo(self, customer: str) -> Answer:
        if customer not in self.customers:
            return 404, {"code": "CUSTOMER_NOT_FOUND", "message": "no such customer"}
        return 200, {"link": self.page(customer)}

    def page(self, customer: str) -> str:
        """The page of the newest session."""
        return f"https://portal.example/{customer}/session-{len(self.calls)}"


@contextmanager
def a_portal_server() -> Iterator[Portals]:
    """Run it on a port of its own."""
    portals = Portals()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            portals.calls.append((self.command, self.path, body.decode(), self.headers.get("Polar-Version")))
            status, document = portals.answer(urlsplit(self.path).path, body, self.headers.get("Authorization"))
            stated = json.dumps(document).encode()
            if portals.status is not None or portals.body is not None:
                status, stated = portals.status or 200, portals.body or b""
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(stated)))
            self.end_headers()
            self.wfile.write(stated)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with serving(Handler) as port:
        portals.url = f"http://127.0.0.1:{port}"
        yield portals
