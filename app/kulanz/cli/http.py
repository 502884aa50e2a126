"""One HTTP request from the command line: no redirects, a time limit, and failures in plain words."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kulanz.errors import FarEndError

HTTP_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """Response of the remote server."""

    status: int
    body: bytes

    def document(self) -> Any:
        """Return the body as JSON if possible, else as text."""
        try:
            return json.loads(self.body)
        except ValueError:
            return self.body.decode("utf-8", "replace")[:500]


def post(url: str, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
    """Post; raise FarEndError where there is no answer."""
    return request("POST", url, body, headers)


def request(method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Make a request; raise FarEndError where there is no answer."""
    parts = urlsplit(url)
    connection = _connection(parts.scheme, parts.hostname or "", parts.port)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, body=body, headers=dict(headers or {}))
        answer = connection.getresponse()
        return HttpResponse(answer.status, answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise FarEndError(
            f"{parts.netloc.rpartition('@')[2]} does not answer: {_words(error)}", retryable=True
        ) from error
    finally:
        connection.close()


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=HTTP_TIMEOUT, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=HTTP_TIMEOUT)


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
