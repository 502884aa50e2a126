"""The way in for webhooks, in front of Flask's dispatch: what is refused, and what answers look like.

Flask's limits and error handlers do not reach here, so size, method and errors are this file's own business. `Door`
serves them where a server speaks WSGI; `kulanz.web.server.rsgi` does on ours, where no thread waits for a commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from functools import cache
from http import HTTPStatus
from typing import Any, Protocol

import msgspec
from prometheus_client import Counter
from werkzeug.wsgi import get_content_length, get_input_stream

from kulanz.errors import reason_of
from kulanz.ingest.receiver import WebhookResponse
from kulanz.telemetry import metrics
from kulanz.telemetry.logs import log
from kulanz.web.bodies import PayloadTooLargeError, read_body

MAX_BODY = 1024 * 1024
"""Bytes of the largest body that is taken."""
WEBHOOK_PREFIX = "/webhooks/"


class WebhookReceiver(Protocol):
    """What the door hands deliveries to; `kulanz.ingest.receiver.Receiver` is the one that works."""

    def knows(self, endpoint: str) -> bool:
        """Whether anything may be delivered there."""

    def accept(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> WebhookResponse:
        """Answer a delivery to a known endpoint."""

    def ready(self) -> bool:
        """Whether a delivery could be made durable now."""

    async def receive(self, endpoint: str, headers: Mapping[str, str], body: bytes, aside: Executor) -> WebhookResponse:
        """Do the same without blocking; what must block is done by `aside`."""

    def begin(self) -> None:
        """Take up what an earlier process left behind; called once, when the process that serves is made."""


class WebhookApp:
    """A WSGI application for everything below `/webhooks/`: what a server or test that speaks WSGI comes through."""

    def __init__(self, receiver: WebhookReceiver) -> None:
        self._receiver = receiver

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        """Answer one request; whatever happens, with a document of the contract's form."""
        endpoint = environ["PATH_INFO"].removeprefix(WEBHOOK_PREFIX)
        try:
            answer = self._answer(endpoint, environ)
        except Exception as error:  # noqa: BLE001 - nothing stands behind this to keep a traceback from the client
            answer = broken(error)
        status, headers, body = written(endpoint, answer)
        start_response(_STATUS[status], [*headers, ("Content-Length", str(len(body)))])
        return [body]

    def _answer(self, endpoint: str, environ: dict[str, Any]) -> WebhookResponse:
        refused = refusal(self._receiver, endpoint, environ["REQUEST_METHOD"])
        if refused is not None:
            return refused
        try:
            body = read_body(get_input_stream(environ), MAX_BODY, get_content_length(environ))
        except PayloadTooLargeError:
            return TOO_LARGE
        return self._receiver.accept(endpoint, WsgiHeaders(environ), body)


TOO_LARGE = WebhookResponse(status=413, document={"error": "payload_too_large"})


def refusal(receiver: WebhookReceiver, endpoint: str, method: str) -> WebhookResponse | None:
    """Return what is said before a body is read; None where one may come."""
    if not receiver.knows(endpoint):
        return WebhookResponse(status=404, document={"error": "unknown_endpoint"})
    if method != "POST":
        return WebhookResponse(status=405, document={"error": "method_not_allowed"})
    return None


def broken(error: Exception) -> WebhookResponse:
    """Return the answer to a fault of ours, which shows nothing of itself."""
    log.critical("webhook.failed", error=reason_of(error))
    return WebhookResponse(status=500, document={"error": "internal_error"})


def written(endpoint: str, answer: WebhookResponse) -> tuple[int, list[tuple[str, str]], bytes]:
    """Count an answer and return it as it is sent: status, headers and body."""
    word = answer.document.get("status") or answer.document["error"]
    place = endpoint if answer.status != HTTPStatus.NOT_FOUND else "unknown"
    _counter(place, word).inc()
    return answer.status, [*_headers(answer)], msgspec.json.encode(answer.document)


@cache
def _counter(place: str, word: str) -> Counter:
    return metrics.DELIVERIES.labels(place, word)


class WsgiHeaders(Mapping[str, str]):
    """The headers of a request by their names in any case, without copying them."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        value: str = self._environ["HTTP_" + name.upper().replace("-", "_")]
        return value

    def __iter__(self) -> Iterator[str]:
        return (name[5:].replace("_", "-").lower() for name in self._environ if name.startswith("HTTP_"))

    def __len__(self) -> int:
        return sum(1 for _ in self)


_STATUS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


def _headers(answer: WebhookResponse) -> Iterator[tuple[str, str]]:
    yield "Content-Type", "application/json"
    yield "Cache-Control", "no-store"
    if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
        yield "Allow", "POST"
    if answer.retry_after is not None:
        yield "Retry-After", str(answer.retry_after)
