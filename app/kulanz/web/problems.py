"""Every refusal of the API as one RFC 9457 problem document, and nothing of our insides in it."""

from __future__ import annotations

import msgspec
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from kulanz.errors import KulanzError, reason_of
from kulanz.telemetry.logs import log

RETRY_AFTER_HEADER = "5"


class BadRequestError(KulanzError):
    """The request itself cannot be understood."""

    status = 400
    title = "Bad request"


class UnauthorizedError(KulanzError):
    """The caller is not authenticated."""

    status = 401
    title = "Unauthorized"


class ForbiddenError(KulanzError):
    """The caller lacks the permission."""

    status = 403
    title = "Forbidden"


def problem(status: int, title: str, detail: str) -> Response:
    """Return the problem document; `detail` is the error for a person."""
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    response = Response(msgspec.json.encode(document), status=status, content_type="application/problem+json")
    response.headers["Cache-Control"] = "no-store"
    return response


def register(app: Flask) -> None:
    """Answer every error of the application with a problem document."""
    app.register_error_handler(KulanzError, _ours)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _unforeseen)


def _ours(error: KulanzError) -> Response:
    if error.status == UnauthorizedError.status:
        response = problem(error.status, error.title, error.detail)
        response.headers["WWW-Authenticate"] = 'Bearer realm="kulanz"'
        return response
    if error.retryable:
        log.warning("web.unavailable", error=type(error).__name__, detail=error.detail)
        response = problem(error.status, error.title, "This cannot be answered at the moment; try again shortly.")
        response.headers["Retry-After"] = RETRY_AFTER_HEADER
        return response
    return problem(error.status, error.title, error.detail)


def _of_http(error: HTTPException) -> Response:
    response = problem(error.code or 500, error.name, error.description or error.name)
    kept = ((name, value) for name, value in error.get_headers() if name in {"Allow", "Location", "Retry-After"})
    response.headers.extend(kept)
    return response


def _unforeseen(error: Exception) -> Response:
    """Log the class and the place of an error; the text of a foreign error may contain a payload or a secret."""
    log.critical("web.failed", error=reason_of(error))
    return problem(500, "Internal error", "Something went wrong here; it has been logged.")
