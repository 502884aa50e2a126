"""The way in for webhooks: a small WSGI function in front of Flask's dispatch, the only code that serves them.

Flask's limits and error handlers do not reach here, so size, method and errors are this file's own business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Protocol

import msgspec
from werkzeug.wsgi import get_content_length, get_input_stream

from app import metrics
from app.intake import Answer
from app.logs import log
from app.web.bodies import PayloadTooLargeError, read_body

LIMIT = 1024 * 1024
"""Bytes of the largest body that is taken."""
PREFIX = "/webhooks/"


class Receiver(Protocol):
    """What the door hands deliveries to; `app.intake.Intake` is the one that works."""

    def knows(self, endpoint: str) -> bool:
        """Whether anything may be delivered there."""

    def accept(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a delivery to a known endpoint."""

    def ready(self) -> bool:
        """Whether a delivery could be made durable now."""

    def begin(self) -> None:
        """Take up what an earlier process left behind; called once, when the process that serves is made."""


class Door:
    """A WSGI application for everything below `/webhooks/`."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        """Answer one request; whatever happens, with a document of the contract's form."""
        endpoint = environ["PATH_INFO"].removeprefix(PREFIX)
        try:
            answer = self._answer(endpoint, environ)
        except Exception as error:  # noqa: BLE001 - nothing stands behind this to keep a traceback from the client
            log.critical("webhook.failed", error=type(error).__name__)
            answer = Answer(status=500, document={"error": "internal_error"})
        self._count(endpoint, answer)
        body = msgspec.json.encode(answer.document)
        start_response(_STATUS[answer.status], [*_headers(answer), ("Content-Length", str(len(body)))])
        return [body]

    def _answer(self, endpoint: str, environ: dict[str, Any]) -> Answer:
        if not self._receiver.knows(endpoint):
            return Answer(status=404, document={"error": "unknown_endpoint"})
        if environ["REQUEST_METHOD"] != "POST":
            return Answer(status=405, document={"error": "method_not_allowed"})
        try:
            body = read_body(get_input_stream(environ), LIMIT, get_content_length(environ))
        except PayloadTooLargeError:
            return Answer(status=413, document={"error": "payload_too_large"})
        return self._receiver.accept(endpoint, Headers(environ), body)

    def _count(self, endpoint: str, answer: Answer) -> None:
        word = answer.document.get("status") or answer.document["error"]
        place = endpoint if answer.status != HTTPStatus.NOT_FOUND else "unknown"
        metrics.DELIVERIES.labels(place, word).inc()


class Headers(Mapping[str, str]):
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


def _headers(answer: Answer) -> Iterator[tuple[str, str]]:
    yield "Content-Type", "application/json"
    yield "Cache-Control", "no-store"
    if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
        yield "Allow", "POST"
    if answer.retry_after is not None:
        yield "Retry-After", str(answer.retry_after)
