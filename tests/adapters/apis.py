"""A local HTTP server that plays the subscriptions of Stripe's and of Paddle's API.

with an_api() as api:
    api.held["/v1/subscriptions/sub_1"] = stripe.subscription()["data"]["object"]
    Client("a-key", f"{api.url}/v1", requests.Session()).cancel("sub_1")
    assert api.calls == ["POST /v1/subscriptions/sub_1 cancel_at_period_end=true"]
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class Api:
    """What is held under each path, and what was asked. `status` and `body` are answered instead, if set."""

    url: str = ""
    held: dict[str, Any] = field(default_factory=dict)
    status: int | None = None
    body: bytes | None = None
    now: datetime = datetime(2026, 3, 9, 14, 8, 20, tzinfo=UTC)
    calls: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    once: list[str | None] = field(default_factory=list)
    """The `Idempotency-Key` of each request."""

    def answer(self, path: str) -> tuple[int, bytes]:
        if self.status is not None or self.body is not None:
            return self.status or 200, self.body or b""
        path = path.partition("?")[0]
        result = self.held.get(path) or self.held.get(path.rpartition("/")[0])
        if result is not None:
            return 200, json.dumps(result).encode()
        refusal = {"message": "No such subscription", "detail": "Entity not found", "code": "missing"}
        return 404, json.dumps({"error": refusal}).encode()


@contextmanager
def an_api() -> Iterator[Api]:
    """Run it on a port of its own."""
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            api.calls.append(f"{self.command} {self.path} {body}".strip())
            api.keys.append(self.headers.get("Authorization"))
            api.once.append(self.headers.get("Idempotency-Key"))
            status, stated = api.answer(self.path)
            self.send_response_only(status)
            self.send_header("Date", format_datetime(api.now, usegmt=True))
            self.send_header("Content-Length", str(len(stated)))
            self.end_headers()
            self.wfile.write(stated)

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - the names under which they are found

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        api.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
