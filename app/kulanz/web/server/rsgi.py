"""The RSGI application for granian: webhooks are answered in its event loop, all else by Flask in a few threads.

A webhook waits for a commit that it shares with others. A thread for each that waits would change hands several times
a request, which costs more than all that is done with it; here a whole group is woken at once.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from granian.rsgi import ProtocolClosed, ProtocolError

from kulanz.ingest.receiver import WebhookResponse
from kulanz.telemetry import metrics
from kulanz.web.application import WebApp
from kulanz.web.bodies import DISCARDED_LIMITS, PayloadTooLargeError
from kulanz.web.server.deadline import Deadline
from kulanz.web.server.wsgi import RsgiRequest, WsgiExchange, handle, header_names
from kulanz.web.webhooks import MAX_BODY, TOO_LARGE, WEBHOOK_PREFIX, broken, refusal, written

BLOCKING_THREADS = 32
"""Requests that Flask answers at the same time, or deliveries that are kept beside a database that is away."""

BODY_SECONDS = 10.0
"""Time limit for a body: a slow one holds a connection, of which there are about a thousand."""
LAST_BODY_SECONDS = 3.0
"""Time limit during shutdown: hosts kill a process after ten seconds, and a sender tries again."""
_TOO_SLOW = (408, [("content-type", "application/json"), ("connection", "close")], b'{"error": "too_slow"}')


class RsgiApp:
    """An application of granian's own interface (RSGI); one for a process."""

    def __init__(self, web: WebApp) -> None:
        self._web = web
        self._patience = Deadline(lambda: LAST_BODY_SECONDS if web.is_closing() else BODY_SECONDS)
        self._threads = ThreadPoolExecutor(BLOCKING_THREADS, thread_name_prefix="flask")

    def __rsgi_init__(self, _loop: AbstractEventLoop) -> None:
        """Begin in the process that serves."""
        self._web.begin()

    async def __rsgi__(self, request: RsgiRequest, exchange: WsgiExchange) -> None:
        """Answer one request, unless the client has disconnected."""
        try:
            if request.path.startswith(WEBHOOK_PREFIX):
                endpoint = request.path.removeprefix(WEBHOOK_PREFIX)
                exchange.response_bytes(*written(endpoint, await self._delivered(endpoint, request, exchange)))
            else:
                exchange.response_bytes(*await self._answered(request, exchange))
        except (ProtocolClosed, ProtocolError):
            return
        except TimeoutError:
            metrics.SLOW_BODIES.inc()
            exchange.response_bytes(*_TOO_SLOW)

    async def _delivered(self, endpoint: str, request: RsgiRequest, exchange: WsgiExchange) -> WebhookResponse:
        receiver = self._web.receiver
        refused = refusal(receiver, endpoint, request.method)
        if refused is not None:
            return refused
        headers = RsgiHeaders(request)
        try:
            body = await self._patience.within(read_body(exchange, MAX_BODY, headers.get("content-length")))
            return await receiver.receive(endpoint, headers, body, self._threads)
        except PayloadTooLargeError:
            return TOO_LARGE
        except (ProtocolClosed, ProtocolError, TimeoutError):
            raise
        except Exception as error:  # noqa: BLE001 - nothing stands behind this to keep a traceback from the client
            return broken(error)

    async def _answered(self, request: RsgiRequest, exchange: WsgiExchange) -> tuple[int, list[tuple[str, str]], bytes]:
        """Let Flask answer; an oversized body is kept only as far as needed to show that it is too large."""
        body = await self._patience.within(_beginning(exchange, MAX_BODY + 1))
        return await get_running_loop().run_in_executor(self._threads, handle, self._web, request, body)


class RsgiHeaders(Mapping[str, str]):
    """Headers of a request, case-insensitive; the values of a repeated header are joined, as in WSGI.

    Headers that are not ASCII are left out: Kulanz reads none of them.
    """

    def __init__(self, request: RsgiRequest) -> None:
        self._request = request

    def __getitem__(self, name: str) -> str:
        values: list[str] = self._request.headers.get_all(name)
        if not values or "_" in name:
            raise KeyError(name)
        return values[0] if len(values) == 1 else ",".join(values)

    def __iter__(self) -> Iterator[str]:
        return header_names(self._request)

    def __len__(self) -> int:
        return sum(1 for _ in self)


async def _beginning(exchange: WsgiExchange, limit: int) -> bytes:
    """Read a body to its end and return so many bytes of it."""
    body = bytearray()
    async for chunk in exchange:
        body += chunk[: limit - len(body)]
    return bytes(body)


async def read_body(exchange: WsgiExchange, limit: int, announced: str | None) -> bytes:
    """Return the raw body of at most `limit` bytes, counted while reading, or raise PayloadTooLargeError.

    Bytes beyond are discarded, up to a multiple of the limit, so that the sender can read the refusal.
    """
    length = int(announced) if announced is not None and announced.isascii() and announced.isdigit() else None
    if length is not None and length <= limit:
        return await exchange()
    if length is not None and length > limit * DISCARDED_LIMITS:
        raise PayloadTooLargeError(f"The body is larger than {limit} bytes.")
    body, came = bytearray(), 0
    async for chunk in exchange:
        came += len(chunk)
        if came <= limit:
            body += chunk
        elif came > limit * DISCARDED_LIMITS:
            break
    if came > limit:
        raise PayloadTooLargeError(f"The body is larger than {limit} bytes.")
    return bytes(body)
