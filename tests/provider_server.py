"""A local HTTP server that plays Lemon Squeezy's REST API: subscriptions to read, cancel and resume, orders to refund.

with a_provider() as provider:
    provider.add(subscription_created(subscription=8))
    provider.queue(Reply(status=429, headers={"Retry-After": "3"}))
    …
    assert provider.calls == ["GET /v1/subscriptions/8", "DELETE /v1/subscriptions/8"]
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.lemonsqueezy import MONDAY, Payload, moment

API_KEY = "a-key-of-test-mode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is answered once instead of the truth. `acts`: the request is carried out first, and then answered so."""

    status: int = 200
    body: bytes | Payload | None = None
    """None: what the provider would say with that status."""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds before the answer."""
    hang: bool = False
    """Never answer, until the server is closed."""
    reset: bool = False
    """Break the connection instead of answering."""
    cut: int | None = None
    """Break the connection after so many bytes of the body."""
    drip: float = 0.0
    """Seconds between any two bytes of the body."""
    acts: bool = False
    only: str | None = None
    """The method that it waits for; None: whatever comes next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes

    @property
    def document(self) -> Payload:
        document: Payload = json.loads(self.body)
        return document


@dataclass(slots=True)
class Provider:
    """The store behind the API, and what was asked of it. Set `now` to say when it does what it does."""

    url: str = ""
    """To be used as `LEMONSQUEEZY_API_URL`."""
    api_key: str = API_KEY
    test_mode: bool = True
    now: datetime = MONDAY
    subscriptions: dict[str, Payload] = field(default_factory=dict)
    """The `data` of each subscription, by its id."""
    invoices: dict[str, Payload] = field(default_factory=dict)
    """The `data` of each invoice of a subscription, by its id."""
    orders: dict[str, Payload] = field(default_factory=dict)
    """The `data` of each order, by its id."""
    requests: list[Call] = field(default_factory=list)
    replies: deque[Reply] = field(default_factory=deque)
    closed: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def calls(self) -> list[str]:
        """Every request in short: `GET /v1/subscriptions/8`."""
        return [f"{call.method} {call.path}" for call in self.requests]

    def add(self, payload: Payload) -> None:
        """Hold the subscription, invoice or order of an event's payload, as that event says it is."""
        data = json.loads(json.dumps(payload["data"]))
        held = {"subscription-invoices": self.invoices, "orders": self.orders}.get(data["type"], self.subscriptions)
        held[data["id"]] = data

    def refunded(self, order: object) -> int:
        """Return how much of an order went back."""
        return int(self.orders[str(order)]["attributes"]["refunded_amount"])

    def queue(self, *replies: Reply) -> None:
        """Answer the next requests so, one after the other."""
        self.replies.extend(replies)

    def change(self, subscription: object, **attributes: object) -> None:
        """Let something happen to a subscription at `now`."""
        stated = {key: moment(value) if isinstance(value, datetime) else value for key, value in attributes.items()}
        self.subscriptions[str(subscription)]["attributes"] |= {"updated_at": moment(self.now)} | stated

    def attributes(self, subscription: object) -> Payload:
        """Return what the provider holds of a subscription: good as overrides of the event that tells it."""
        return dict(self.subscriptions[str(subscription)]["attributes"])

    def reply_to(self, call: Call) -> Reply:
        """Record a request and say how it is answered."""
        with self.lock:
            self.requests.append(call)
            queued = next((reply for reply in self.replies if reply.only in {None, call.method}), None)
            if queued is None:
                return self._truth(call)
            self.replies.remove(queued)
            truth = self._truth(call) if queued.acts else queued
            return replace(queued, body=truth.body) if queued.body is None and queued.status == 200 else queued

    def _truth(self, call: Call) -> Reply:
        if call.headers.get("authorization") != f"Bearer {self.api_key}":
            return _error(401, "Unauthenticated.")
        if (call.method, call.path) == ("GET", "/v1/users/me"):
            return Reply(body={"meta": {"test_mode": self.test_mode}, "data": {"type": "users", "id": "1"}})
        invoice = self.invoices.get(call.path.removeprefix("/v1/subscription-invoices/"))
        if call.method == "GET" and invoice is not None:
            return Reply(body={"jsonapi": {"version": "1.0"}, "data": invoice})
        if call.path.startswith("/v1/orders/"):
            return self._order(call)
        own_id = call.path.removeprefix("/v1/subscriptions/")
        if own_id not in self.subscriptions:
            return _error(404, "The requested resource was not found.")
        return self._act(call, own_id)

    def _act(self, call: Call, own_id: str) -> Reply:
        match call.method:
            case "GET":
                return self._held(own_id)
            case "DELETE":
                return self._cancel(own_id)
            case "PATCH":
                return self._patch(own_id, call.document["data"]["attributes"])
        return _error(405, "The method is not supported for this route.")

    def _order(self, call: Call) -> Reply:
        own_id, _, wanted = call.path.removeprefix("/v1/orders/").partition("/")
        if own_id not in self.orders:
            return _error(404, "The requested resource was not found.")
        attributes = self.orders[own_id]["attributes"]
        if (call.method, wanted) == ("POST", "refund"):
            gone = self.refunded(own_id) + call.document["data"]["attributes"]["amount"]
            whole = gone >= attributes["total"]
            status = "refunded" if whole else "partial_refund"
            attributes |= {"refunded_amount": gone, "refunded": whole, "status": status, "updated_at": moment(self.now)}
        return Reply(body={"jsonapi": {"version": "1.0"}, "data": self.orders[own_id]})

    def _held(self, own_id: str) -> Reply:
        return Reply(body={"jsonapi": {"version": "1.0"}, "data": self.subscriptions[own_id]})

    def _cancel(self, own_id: str) -> Reply:
        held = self.attributes(own_id)
        if held["status"] != "expired":
            self.change(own_id, status="cancelled", cancelled=True, ends_at=held["renews_at"])
        return self._held(own_id)

    def _patch(self, own_id: str, document: Payload) -> Reply:
        held = self.attributes(own_id)
        if held["status"] == "expired":
            return _error(422, "An expired subscription cannot be resumed.")
        if document.get("cancelled") is True:
            return self._cancel(own_id)
        if document.get("cancelled") is False:
            trial = document.get("trial_ends_at")
            resumed = {"status": "on_trial", "trial_ends_at": trial} if trial else {"status": "active"}
            self.change(own_id, cancelled=False, ends_at=None, **resumed)
        return self._held(own_id)


@contextmanager
def a_provider(*, test_mode: bool = True) -> Iterator[Provider]:
    """Run the API on a port of its own."""
    provider = Provider(test_mode=test_mode)
    with _Server(("127.0.0.1", 0), _handler(provider)) as server:
        provider.url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield provider
        finally:
            provider.closed.set()
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that went away: that is what some tests are about."""


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = provider.reply_to(Call(method=self.command, path=self.path, headers=headers, body=body))
            if provider.closed.wait(None if reply.hang else reply.delay) or reply.reset:
                self._break()
                return
            stated = _bytes(reply)
            self.send_response_only(reply.status)
            dated = {"Date": self.date_time_string(), "Content-Length": str(len(stated))}
            for name, value in {**dated, **_headers(reply)}.items():
                self.send_header(name, value)
            self.end_headers()
            self._write(stated if reply.cut is None else stated[: reply.cut], reply.drip)
            if reply.cut is not None:
                self._break()

        do_GET = do_DELETE = do_PATCH = do_POST = _answer  # noqa: N815 - the names under which they are found

        def _write(self, stated: bytes, drip: float) -> None:
            pieces = [stated[index : index + 1] for index in range(len(stated))] if drip else [stated]
            with suppress(ConnectionError):
                for piece in pieces:
                    self.wfile.write(piece)
                    if provider.closed.wait(drip):
                        return

        def _break(self) -> None:
            """End the connection with a reset rather than in good order."""
            self.close_connection = True
            with suppress(OSError):
                self.wfile.flush()
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    return Handler


def _error(status: int, detail: str) -> Reply:
    return Reply(status=status, body={"errors": [{"detail": detail, "status": str(status), "title": "Error"}]})


def _headers(reply: Reply) -> Mapping[str, str]:
    limits = {"X-Ratelimit-Limit": "300", "X-Ratelimit-Remaining": "299"}
    return {"Content-Type": "application/vnd.api+json", **limits, **reply.headers}


def _bytes(reply: Reply) -> bytes:
    if isinstance(reply.body, bytes):
        return reply.body
    if reply.body is None and reply.status >= 300:
        return _bytes(_error(reply.status, "Something went wrong."))
    return b"" if reply.body is None else json.dumps(reply.body).encode()
