"""From granian's own interface to WSGI: how a request that came to the event loop is asked of Flask."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator
from contextlib import closing, nullcontext
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Written = tuple[int, list[tuple[str, str]], bytes]
"""A whole answer: status, headers, body."""


class RsgiRequest(Protocol):
    """A request as granian describes it."""

    http_version: str
    server: str
    client: str
    scheme: str
    method: str
    path: str
    """Percent-decoded path; invalid UTF-8 becomes U+FFFD."""
    query_string: str

    @property
    def headers(self) -> Any:
        """Give the headers, of which one may come several times."""


class WsgiExchange(Protocol):
    """Source of a request's body and target of its answer; ProtocolClosed after the client has disconnected."""

    def __call__(self) -> Awaitable[bytes]:
        """Read the whole body."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Read the body as it comes."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer."""


def handle(app: WSGIApplication, request: RsgiRequest, body: bytes) -> Written:
    """Ask a WSGI application and return its whole answer."""
    begun: list[tuple[str, list[tuple[str, str]]]] = []

    def start(status: str, headers: list[tuple[str, str]], _error: object = None) -> Any:
        begun[:] = [(status, headers)]

    parts: Iterable[bytes] = app(environ_of(request, body), start)
    with closing(parts) if hasattr(parts, "close") else nullcontext():  # type: ignore[type-var]
        answer = b"".join(parts)
    ((status, headers),) = begun
    return int(status[:3]), headers, answer


def environ_of(request: RsgiRequest, body: bytes) -> dict[str, Any]:
    """Return a request as PEP 3333 has it."""
    (host, port), (peer, _) = _address(request.server), _address(request.client)
    return {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path.encode().decode("latin-1"),
        "QUERY_STRING": request.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{request.http_version}",
        "REMOTE_ADDR": peer,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **dict(_told(request)),
        "CONTENT_LENGTH": str(len(body)),
    }


def header_names(request: RsgiRequest) -> Iterator[str]:
    """Return the name of each header once, without names that have an underscore.

    WSGI reads `X_Forwarded-For` and `X-Forwarded-For` alike, so a client could replace its proxy's header.
    """
    return (name for name in dict.fromkeys(name for name, _ in request.headers.items()) if "_" not in name)


def _told(request: RsgiRequest) -> Iterator[tuple[str, str]]:
    for name in header_names(request):
        key = name.upper().replace("-", "_")
        value = ("; " if key == "COOKIE" else ",").join(request.headers.get_all(name))
        yield key if key == "CONTENT_TYPE" else f"HTTP_{key}", value


def _address(text: str) -> tuple[str, str]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), port
