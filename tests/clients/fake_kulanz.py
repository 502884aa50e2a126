"""A scripted Kulanz: a real HTTP server that gives the answers that a test tells it to give."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kulanz_client import Client
from standardwebhooks import Webhook

SECRET = "whsec_YSBzZWNyZXQgdGhhdCBvbmx5IHRlc3RzIGtub3c="
OLDER_SECRET = "whsec_YW4gb2xkZXIgc2VjcmV0IG9mIHRoZSBwcm9kdWN0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int = 200
    body: object = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    """Close the connection instead of answering."""


@dataclass(frozen=True, slots=True)
class Asked:
    path: str
    headers: Mapping[str, str]
    """By lower-case name."""


def entitlement(plan: str = "professional", version: int = 3, **more: object) -> dict[str, Any]:
    access = "free" if plan == "free" else "full"
    document = {"account_id": "org_42", "plan": plan, "access": access, "allows": [], "add_ons": [], "version": version}
    return document | more


@dataclass(slots=True)
class FakeKulanz:
    url: str = ""
    answer: Callable[[Asked], Answer] = lambda _: Answer(body=entitlement())
    asked: list[Asked] = field(default_factory=list)
    now: float = 1000.0
    """Reading of the clients' clock."""

    def client(self, **options: Any) -> Client:
        patient = timedelta(seconds=20)  # A busy machine is no outage.
        given = {"callback_secret": SECRET, "plans": ("professional", "enterprise"), "timeout": patient}
        return Client(self.url, "a-token", **({**given, "clock": lambda: self.now} | options))


@contextmanager
def a_fake_kulanz() -> Iterator[FakeKulanz]:
    fake = FakeKulanz()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def signed(
    version: int, *, secret: str = SECRET, age: timedelta = timedelta(), body: str | None = None, **data: object
) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of a callback that suspends the account, as Kulanz posts it."""
    taken = entitlement("free", version, access="none", allows=["login", "export"])
    del taken["account_id"]
    about = {"account_id": "org_42", "entitlement": taken, "reason": {"rule": "dispute.suspended", "clause": "5.1"}}
    document = {"type": "account.suspended", "timestamp": "2026-03-08T14:08:20Z", "data": about | data}
    text = json.dumps(document) if body is None else body
    at = datetime.now(UTC) - age
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    values = ("ef_1", str(int(at.timestamp())), Webhook(secret).sign("ef_1", at, text))
    return text.encode(), dict(zip(names, values, strict=True))


def _handler(fake: FakeKulanz) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = (
            -1
        )  # Headers and body leave together: apart, the second would wait for the first one's acknowledgement.

        def do_GET(self) -> None:
            requested_asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()})
            fake.asked.append(requested_asked)
            answer = fake.answer(requested_asked)
            if answer.drop:
                self.close_connection = True
                return
            body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
            kind = "application/json" if answer.status < 400 else "application/problem+json"
            self.send_response(answer.status)
            for name, value in (
                {"Content-Type": kind, "Content-Length": str(len(body))} | dict(answer.headers)
            ).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    return Handler
