"""What our own server talks to: webhooks are answered in its event loop, all else by Flask in a few threads.

A webhook waits for a commit that it shares with others. A thread for each that waits would change hands several times
a request, which costs more than all that is done with it; here a whole group is woken at once.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from granian._granian import RSGIProtocolClosed as ProtocolClosed
from granian._granian import RSGIProtocolError as ProtocolError

from kulanz.ingest.receiver import Answer
from kulanz.telemetry import metrics
from kulanz.web.application import Web
from kulanz.web.bodies import PATIENCE, PayloadTooLargeError
from kulanz.web.server.deadline import Patience
from kulanz.web.server.wsgi import Exchange, Request, header_names, through
from kulanz.web.webhooks import LIMIT, PREFIX, TOO_LARGE, broken, refusal, written

THREADS = 32
"""Requests that Flask answers at the same time, or deliveries that are kept beside a database that is away."""

BODY_SECONDS = 10.0
"""How long a sender may take over a body: one that dribbles holds a connection, of which there are about a thousand."""
_TOO_SLOW = (408, [("content-type", "application/json"), ("connection", "close")], b'{"error": "too_slow"}')


class Front:
    """An application of granian's own interface (RSGI); one for a process."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._patience = Patience(BODY_SECONDS)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="flask")

    def __rsgi_init__(self, _loop: AbstractEventLoop) -> None:
        """Begin in the process that serves."""
        self._web.begin()

    async def __rsgi__(self, request: Request, exchange: Exchange) -> None:
        """Answer one request, unless who asked has left."""
        try:
            if request.path.startswith(PREFIX):
                endpoint = request.path.removeprefix(PREFIX)
                exchange.response_bytes(*written(endpoint, await self._delivered(endpoint, request, exchange)))
            else:
                exchange.response_bytes(*await self._answered(request, exchange))
        except (ProtocolClosed, ProtocolError):
            return
        except TimeoutError:
            metrics.SLOW_BODIES.inc()
            exchange.response_bytes(*_TOO_SLOW)

    async def _delivered(self, endpoint: str, request: Request, exchange: Exchange) -> Answer:
        receiver = self._web.receiver
        refused = refusal(receiver, endpoint, request.method)
        if refused is not None:
            return refused
        headers = Headers(request)
        try:
            body = await self._patience.await_(read_body(exchange, LIMIT, headers.get("content-length")))
            return await receiver.receive(endpoint, headers, body, self._threads)
        except PayloadTooLargeError:
            return TOO_LARGE
        except (ProtocolClosed, ProtocolError, TimeoutError):
            raise
        except Exception as error:  # noqa: BLE001 - nothing stands behind this to keep a traceback from the client
            return broken(error)

    async def _answered(self, request: Request, exchange: Exchange) -> tuple[int, list[tuple[str, str]], bytes]:
        """Let Flask answer; of a body that is too large for anybody as much is kept as shows that."""
        body = await self._patience.await_(_beginning(exchange, LIMIT + 1))
        return await get_running_loop().run_in_executor(self._threads, through, self._web, request, body)


class Headers(Mapping[str, str]):
    """The headers of a request by their names in any case; of one that came twice both are told, as WSGI does.

    What is not ASCII is not told: no header that anybody here looks at is anything else.
    """

    def __init__(self, request: Request) -> None:
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


async def _beginning(exchange: Exchange, limit: int) -> bytes:
    """Read a body to its end and return so many bytes of it."""
    body = bytearray()
    async for chunk in exchange:
        body += chunk[: limit - len(body)]
    return bytes(body)


async def read_body(exchange: Exchange, limit: int, announced: str | None) -> bytes:
    """Return the raw body of at most `limit` bytes, counted as they come, or raise PayloadTooLargeError.

    What comes beyond is thrown away, up to some times the limit, so that a sender who writes on can hear the refusal.
    """
    length = int(announced) if announced is not None and announced.isascii() and announced.isdigit() else None
    if length is not None and length <= limit:
        return await exchange()
    if length is not None and length > limit * PATIENCE:
        raise PayloadTooLargeError(f"The body is larger than {limit} bytes.")
    body, came = bytearray(), 0
    async for chunk in exchange:
        came += len(chunk)
        if came <= limit:
            body += chunk
        elif came > limit * PATIENCE:
            break
    if came > limit:
        raise PayloadTooLargeError(f"The body is larger than {limit} bytes.")
    return bytes(body)
