"""The webhook endpoint: a Flask blueprint for every WSGI server, and the answers that the event loop gives too."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from http import HTTPStatus

import msgspec
from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState
from prometheus_client import Counter
from werkzeug.routing import BaseConverter, Rule

from kulanz.errors import reason_of
from kulanz.ingest.receiver import Receiver, WebhookResponse
from kulanz.telemetry import metrics
from kulanz.telemetry.logs import log
from kulanz.web.bodies import PayloadTooLargeError, read_body

MAX_BODY = 1024 * 1024
"""Bytes of the largest body that is taken."""
WEBHOOK_PREFIX = "/webhooks/"
TOO_LARGE = WebhookResponse(status=413, document={"error": "payload_too_large"})


def blueprint(receiver: Receiver) -> Blueprint:
    """Return the endpoint `/webhooks/<endpoint>` (CONTRACT section 3): size, raw bytes, verify, durable, answer."""
    webhooks = Blueprint("webhooks", __name__)

    def deliver(endpoint: str) -> Response:
        refused = refusal(receiver, endpoint, request.method)
        try:
            answer = refused or receiver.accept(
                endpoint, _headers_by_name(), read_body(request.stream, MAX_BODY, request.content_length)
            )
        except PayloadTooLargeError:
            answer = TOO_LARGE
        except Exception as error:  # noqa: BLE001 - the application's own handlers answer in another form
            answer = broken(error)
        status, headers, body = written(endpoint, answer)
        return Response(body, status, headers)

    @webhooks.record
    def _route(state: BlueprintSetupState) -> None:
        """Route every path and method here, known or not, so that refusals have the form of this endpoint."""
        state.app.view_functions["webhooks.deliver"] = deliver
        state.app.url_map.converters["rest"] = _Rest
        state.app.url_map.add(Rule(f"{WEBHOOK_PREFIX}<rest:endpoint>", endpoint="webhooks.deliver"))

    return webhooks


def refusal(receiver: Receiver, endpoint: str, method: str) -> WebhookResponse | None:
    """Return the refusal that is possible before a body is read; None if there is none."""
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
    """Count an answer and return it as sent: status, headers and body."""
    word = answer.document.get("status") or answer.document["error"]
    place = endpoint if answer.status != HTTPStatus.NOT_FOUND else "unknown"
    _counter(place, word).inc()
    return answer.status, [*_headers(answer)], msgspec.json.encode(answer.document)


class _Rest(BaseConverter):
    """The rest of a path, slashes and nothing at all included."""

    part_isolating = False
    regex = ".*?"


def _headers_by_name() -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers}


@cache
def _counter(place: str, word: str) -> Counter:
    return metrics.DELIVERIES.labels(place, word)


def _headers(answer: WebhookResponse) -> Iterator[tuple[str, str]]:
    yield "Content-Type", "application/json"
    yield "Cache-Control", "no-store"
    if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
        yield "Allow", "POST"
    if answer.retry_after is not None:
        yield "Retry-After", str(answer.retry_after)
