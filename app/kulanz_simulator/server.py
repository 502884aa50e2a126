"""The simulator as a local HTTP server: the API under `/v1`, the console everywhere else."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from kulanz_simulator.api import ApiRequest
from kulanz_simulator.console import Console, ConsoleResponse
from kulanz_simulator.simulator import Simulator

API = "/v1"
S = TypeVar("S", bound=Simulator)
_WORDS = {429: "Too Many Attempts.", 503: "Service Unavailable."}


@contextmanager
def running(simulator: S, port: int = 0) -> Iterator[S]:
    """Serve on loopback while the context lasts; `simulator.url` is the API's address then."""
    with _Server(("127.0.0.1", port), _handler(simulator)) as server:
        simulator.url = f"http://127.0.0.1:{server.server_port}{API}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield simulator
        finally:
            server.shutdown()
            thread.join()
            simulator.sender.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_: object) -> None:
        """Ignore clients that went away."""


def _handler(simulator: Simulator) -> type[BaseHTTPRequestHandler]:
    console = Console(simulator)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or "0"))
            pairs = parse_qsl(parts.query)
            query = dict(pairs)
            headers = {name.lower(): value for name, value in self.headers.items()}
            if parts.path.startswith(f"{API}/"):
                path = parts.path.removeprefix(API)
                request = ApiRequest(
                    method=self.command, path=path, query=query, pairs=pairs, headers=headers, body=body
                )
                self._answer_api(request)
            else:
                self._send(*_shown(console.respond(self.command, parts.path, query, headers, body)))

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - the names under which they are found

        def _answer_api(self, request: ApiRequest) -> None:
            conditions = simulator.conditions
            time.sleep(conditions.slow)
            if conditions.away:
                self._break()
                return
            with simulator.lock:
                instead, remaining, wait = conditions.take()
            words = _WORDS.get(instead or 0, "Failed.")
            answer = simulator.answer(request) if instead is None else simulator.refusal(instead, words)
            waits = {"Retry-After": str(wait)} if instead is not None else {}
            headers = {**simulator.headers(remaining), **waits}
            body = b"" if answer.document is None else json.dumps(answer.document, separators=(",", ":")).encode()
            self._send(answer.status, headers, body)

        def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            with suppress(ConnectionError):
                self.send_response_only(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        def _break(self) -> None:
            """End the connection with a reset."""
            self.close_connection = True
            with suppress(OSError):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        def log_message(self, *_: object) -> None:
            """Write no access log."""

    return Handler


def _shown(page: ConsoleResponse) -> tuple[int, Mapping[str, str], bytes]:
    hardened = {
        "Content-Type": page.kind,
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        **page.headers,
    }
    return page.status, hardened, page.body
