"""Lemon Squeezy's REST API: what we read there, and the two things that we do there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import monotonic
from typing import Any
from urllib.parse import quote

import msgspec
import requests
import urllib3
from requests.auth import AuthBase

from app.errors import FarEndError, UnknownOutcomeError, UntranslatableError
from app.policy.facts import SubscriptionSeen
from app.providers.lemonsqueezy import looked_up
from app.providers.reading import flag, shown

LARGEST_BODY = 1 << 20
LONGEST_WAIT = timedelta(hours=1)
"""A `Retry-After` beyond it is taken as this much."""
_JSON_API = "application/vnd.api+json"
_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class Client:
    """One API key at one address. Failures are `FarEndError`, or `UnknownOutcomeError` for a write that was sent."""

    api_key: str = field(repr=False)
    api_url: str
    session: requests.Session = field(repr=False)
    timeouts: tuple[float, float] = (5.0, 15.0)
    """Seconds to connect, and seconds of silence; the second is also what a body may take in all."""

    def subscription(self, subscription: str, /) -> SubscriptionSeen | None:
        """Return the subscription as the provider holds it now, None where this key reaches none of that id."""
        try:
            answer = self._ask("GET", _path(subscription))
        except FarEndError as error:
            if error.answer == HTTPStatus.NOT_FOUND:
                return None
            raise
        return _subscription(answer, subscription)

    def cancel(self, subscription: str, /) -> None:
        """Stop the renewal; the period paid for runs out. A 404 is a `FarEndError`: another store or mode, perhaps."""
        self._tell("DELETE", _path(subscription))

    def resume(self, subscription: str, trial_ends_at: datetime | None = None, /) -> None:
        """Take a cancellation back; a trial needs its end told again."""
        trial = {"trial_ends_at": _written(trial_ends_at)} if trial_ends_at else {}
        attributes = {"cancelled": False, **trial}
        document = {"data": {"type": "subscriptions", "id": subscription, "attributes": attributes}}
        self._tell("PATCH", _path(subscription), document)

    def test_mode(self) -> bool:
        """Return whether the key is one of test mode; a key that does not say so is live."""
        meta = self._ask("GET", "/users/me").get("meta")
        return isinstance(meta, dict) and flag(meta.get("test_mode"))

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        try:
            response = self._send(method, path, None)
        except requests.RequestException as error:
            raise _unreached(error, method) from error
        with response:
            document = _document(_body(response, self.timeouts[1]))
            _refuse_failure(response, document)
        if document is None:
            raise FarEndError("Lemon Squeezy's answer is no JSON:API", retryable=True, answer=response.status_code)
        return document

    def _tell(self, method: str, path: str, document: object = None) -> None:
        try:
            response = self._send(method, path, document)
        except requests.RequestException as error:
            if _was_sent(error):
                raise UnknownOutcomeError(f"the connection to Lemon Squeezy broke after the {method}") from error
            raise _unreached(error, method) from error
        with response:
            _refuse_failure(response, _document(_body(response, self.timeouts[1])))

    def _send(self, method: str, path: str, document: object) -> requests.Response:
        return self.session.request(
            method,
            self.api_url.rstrip("/") + path,
            data=None if document is None else msgspec.json.encode(document),
            headers={"Accept": _JSON_API, "Content-Type": _JSON_API, "User-Agent": "kulanz"},
            auth=_Bearer(self.api_key),
            timeout=self.timeouts,
            allow_redirects=False,
            stream=True,
        )


@dataclass(frozen=True, slots=True)
class _Bearer(AuthBase):
    """An explicit credential, so that no `.netrc` of the host replaces it."""

    key: str = field(repr=False)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.key}"
        return request


def _path(subscription: str) -> str:
    return f"/subscriptions/{quote(subscription, safe='')}"


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def _subscription(answer: Mapping[str, Any], asked: str) -> SubscriptionSeen:
    data = answer.get("data")
    try:
        seen = looked_up(data if isinstance(data, dict) else {})
    except UntranslatableError as error:
        raise FarEndError(f"Lemon Squeezy's answer: {error.detail}", retryable=True, answer=HTTPStatus.OK) from error
    if seen.key.partition(":")[2] != asked:
        raise FarEndError("Lemon Squeezy answered with another subscription", retryable=True, answer=HTTPStatus.OK)
    return seen


def _body(response: requests.Response, seconds: float) -> bytes:
    """Read a body of sensible size within a sensible time; what breaks off is as good as none."""
    body, until = b"", monotonic() + seconds
    try:
        while chunk := response.raw.read1(65536, decode_content=True):
            body += chunk
            if len(body) > LARGEST_BODY or monotonic() > until:
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


def _refuse_failure(response: requests.Response, document: Mapping[str, Any] | None) -> None:
    status = response.status_code
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    raise FarEndError(
        f"Lemon Squeezy answered {status}{_words(document)}",
        retryable=status in _AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR,
        answer=status,
        retry_after=_retry_after(response.headers),
    )


def _words(document: Mapping[str, Any] | None) -> str:
    """Return what the provider itself says is wrong, from its first error."""
    errors = (document or {}).get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    said = first.get("detail") or first.get("title") if isinstance(first, dict) else None
    return f": {shown(said, longest=200)}" if isinstance(said, str) and said else ""


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    told = headers.get("Retry-After", "").strip()
    try:
        wait = timedelta(seconds=int(told)) if told.isdigit() else _until(told, headers.get("Date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, timedelta()), LONGEST_WAIT)


def _until(then: str, now: str) -> timedelta:
    """Return the time between two of the far end's own dates, as its clock need not be ours."""
    return parsedate_to_datetime(then) - parsedate_to_datetime(now)


def _unreached(error: requests.RequestException, method: str) -> FarEndError:
    passing = isinstance(error, (requests.ConnectionError, requests.Timeout))
    return FarEndError(f"no answer from Lemon Squeezy to the {method} ({type(error).__name__})", retryable=passing)


def _was_sent(error: requests.RequestException) -> bool:
    """Return whether the request may have arrived: not so if no connection was ever made."""
    if isinstance(error, requests.ConnectTimeout):
        return False
    reason = getattr(error.args[0], "reason", None) if error.args else None
    unconnected = isinstance(reason, urllib3.exceptions.NewConnectionError)
    return isinstance(error, (requests.ConnectionError, requests.Timeout)) and not unconnected
