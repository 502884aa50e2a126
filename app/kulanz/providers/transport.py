"""A request to a provider's API: rate limit, time-outs, errors in plain words.

A read may be repeated. A write is repeated only if the provider says that it did nothing with it (429), or if
no connection was ever made. In every other case the caller reads the state before it repeats the write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import monotonic, sleep
from typing import Any, ClassVar, Protocol, Self, TypeVar

import msgspec
import requests
import urllib3
from requests.auth import AuthBase

from kulanz.errors import FarEndError, UnknownOutcomeError
from kulanz.providers.reading import shown

MAX_RESPONSE_BYTES = 4 << 20
"""A page of a hundred orders is about 300 KiB."""
MAX_RETRY_AFTER = timedelta(hours=1)
"""The longest `Retry-After` that is followed; a longer one is cut to it."""
FIRST_PAUSE = 1.0
T = TypeVar("T")
_RETRYABLE_STATUSES = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


class RateLimiter(Protocol):
    """Rate limit of our requests, shared by all processes."""

    def acquire(self) -> None:
        """Wait for a place; raise FarEndError, without taking one, if that would take too long."""

    def observe(self, remaining: int) -> None:
        """Adjust the limit by `X-Ratelimit-Remaining`, which counts other users of the key too."""

    def back_off(self, wait: timedelta | None) -> None:
        """Hold all requests back until a 429 is over; None: the provider did not say how long."""

    def sleep_for(self, seconds: float) -> None:
        """Sleep by the same clock."""


class _Unlimited:
    """Rate limiter without a limit."""

    def acquire(self) -> None:
        pass

    def observe(self, remaining: int) -> None:
        pass

    def back_off(self, wait: timedelta | None) -> None:
        pass

    def sleep_for(self, seconds: float) -> None:
        sleep(seconds)


UNLIMITED: RateLimiter = _Unlimited()


def _nothing() -> None:
    """Allow every write."""


@dataclass(frozen=True, slots=True)
class Transport:
    """Transport of one API key. Failures raise `FarEndError`, or `UnknownOutcomeError` for a write that was sent."""

    FAR_END: ClassVar[str]
    """The provider's name for people."""
    ACCEPTS: ClassVar[str] = "application/json"
    SENDS: ClassVar[str] = "application/json"

    api_key: str = field(repr=False)
    api_url: str
    session: requests.Session = field(repr=False)
    timeouts: tuple[float, float] = (5.0, 15.0)
    """Seconds to connect, and seconds of silence; the second also limits the transfer of a body."""
    rate_limit: RateLimiter = field(default=UNLIMITED, repr=False)
    tries: int = 1
    """Attempts of a request in all, where repeating it is safe."""
    before_write: Callable[[], None] = field(default=_nothing, repr=False)
    """Hook directly before each write; if it raises, the write is not sent."""

    REFUND_KEY_LASTS: ClassVar[timedelta] = timedelta()
    """Lifetime of an idempotency key for refunds; zero where the provider has none."""

    def checked(self, before_write: Callable[[], None], /) -> Self:
        """Return the same client, with a hook before each write."""
        return replace(self, before_write=before_write)

    def ask(self, path: str, query: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Return the document at a path."""
        return self.ask_when(path, query)[0]

    def ask_when(self, path: str, query: Mapping[str, object] | None = None) -> tuple[dict[str, Any], datetime | None]:
        """Return the document at a path, and the time of the answer by the remote server's clock."""
        return self._repeat(lambda: self._ask(path, query or {}), lambda error: error.retryable)

    def tell(
        self, method: str, path: str, document: object = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any] | None:
        """Send a write; return the answer's document, None where it has none that can be read."""
        return self._repeat(
            lambda: self._tell(method, path, document, headers or {}),
            lambda error: error.answer == HTTPStatus.TOO_MANY_REQUESTS,
        )

    def write(self, document: object) -> bytes:
        """Return the request body in the provider's format."""
        return msgspec.json.encode(document)

    def said(self, document: Mapping[str, Any]) -> object:
        """Return the provider's own error message, from its answer."""
        error = document.get("error")
        return error.get("detail") or error.get("message") if isinstance(error, dict) else None

    def _repeat(self, request: Callable[[], T], may_repeat: Callable[[FarEndError], bool]) -> T:
        for earlier in range(self.tries - 1):
            try:
                return request()
            except FarEndError as error:
                if not may_repeat(error):
                    raise
                pause = FIRST_PAUSE * 2**earlier if error.retry_after is None else error.retry_after.total_seconds()
                self.rate_limit.sleep_for(pause)
        return request()

    def _ask(self, path: str, query: Mapping[str, object]) -> tuple[dict[str, Any], datetime | None]:
        try:
            response = self._send("GET", path, None, query)
        except requests.RequestException as error:
            raise self._unreached(error, "GET") from error
        with response:
            document = _document(_body(response, self.timeouts[1]))
            self._heed(response, document)
        if document is None:
            raise FarEndError(f"{self.FAR_END}'s answer is no JSON", retryable=True, answer=response.status_code)
        return document, _date(response.headers)

    def _tell(self, method: str, path: str, document: object, headers: Mapping[str, str]) -> dict[str, Any] | None:
        try:
            response = self._send(method, path, document, {}, headers)
        except requests.RequestException as error:
            if _was_sent(error):
                raise UnknownOutcomeError(f"the connection to {self.FAR_END} broke after the {method}") from error
            raise self._unreached(error, method) from error
        with response:
            answer = _document(_body(response, self.timeouts[1]))
            self._heed(response, answer)
        return answer

    def _send(
        self,
        method: str,
        path: str,
        document: object,
        query: Mapping[str, object],
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        self.rate_limit.acquire()
        if method != "GET":
            self.before_write()
        return self.session.request(
            method,
            self.api_url.rstrip("/") + path,
            params={name: str(value) for name, value in query.items()},
            data=None if document is None else self.write(document),
            headers={"Accept": self.ACCEPTS, "Content-Type": self.SENDS, "User-Agent": "kulanz", **(headers or {})},
            auth=_Bearer(self.api_key),
            timeout=self.timeouts,
            allow_redirects=False,
            stream=True,
        )

    def _heed(self, response: requests.Response, document: Mapping[str, Any] | None) -> None:
        """Adjust the rate limit by an answer, and raise the error for a refusal."""
        remaining = response.headers.get("X-Ratelimit-Remaining", "")
        if remaining.isascii() and remaining.isdigit():
            self.rate_limit.observe(int(remaining[:9]))
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            self.rate_limit.back_off(_retry_after(response.headers))
        self._refuse_failure(response, document)

    def _refuse_failure(self, response: requests.Response, document: Mapping[str, Any] | None) -> None:
        status, said = response.status_code, self.said(document or {})
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return
        words = f": {shown(said, longest=200)}" if isinstance(said, str) and said else ""
        raise FarEndError(
            f"{self.FAR_END} answered {status}{words}",
            retryable=status in _RETRYABLE_STATUSES or status >= HTTPStatus.INTERNAL_SERVER_ERROR,
            answer=status,
            retry_after=_retry_after(response.headers),
        )

    def _unreached(self, error: requests.RequestException, method: str) -> FarEndError:
        passing = isinstance(error, (requests.ConnectionError, requests.Timeout))
        detail = f"no answer from {self.FAR_END} to the {method} ({type(error).__name__})"
        return FarEndError(detail, retryable=passing)


@dataclass(frozen=True, slots=True)
class _Bearer(AuthBase):
    """An explicit credential, so that no `.netrc` of the host replaces it."""

    key: str = field(repr=False)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.key}"
        return request


def _body(response: requests.Response, seconds: float) -> bytes:
    """Read a body within the limits of size and time; a body that breaks off counts as none."""
    body, until = b"", monotonic() + seconds
    try:
        while chunk := response.raw.read1(65536, decode_content=True):
            body += chunk
            if len(body) > MAX_RESPONSE_BYTES or monotonic() > until:
                return b""
    except urllib3.exceptions.HTTPError:
        return b""
    return body


def _document(body: bytes) -> dict[str, Any] | None:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    text = headers.get("Retry-After", "").strip()
    try:
        wait = timedelta(seconds=int(text)) if text.isdigit() else _until(text, headers.get("Date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, timedelta()), MAX_RETRY_AFTER)


def _until(then: str, now: str) -> timedelta:
    """Return the time between two dates of the remote server, as its clock need not be ours."""
    return parsedate_to_datetime(then) - parsedate_to_datetime(now)


def _date(headers: Mapping[str, str]) -> datetime | None:
    try:
        stated = parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return stated.astimezone(UTC) if stated.tzinfo else None


def _was_sent(error: requests.RequestException) -> bool:
    """Return whether the request may have arrived; False if no connection was ever made."""
    if isinstance(error, requests.ConnectTimeout):
        return False
    reason = getattr(error.args[0], "reason", None) if error.args else None
    unconnected = isinstance(reason, urllib3.exceptions.NewConnectionError)
    return isinstance(error, (requests.ConnectionError, requests.Timeout)) and not unconnected
