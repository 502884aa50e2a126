"""A request to Kulanz over HTTP, and the kind of its answer."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote, urlsplit

import requests

from kulanz_client.cache import Entry
from kulanz_client.entitlement import Entitlement, read, unknown
from kulanz_client.errors import ConfigurationError, UnavailableError

AGENT = "kulanz-client/0.2.0"
LONGEST_PAUSE = 60.0
_OK, _NOT_MODIFIED, _NOT_FOUND = 200, 304, 404
_REFUSED = frozenset({401, 403})
_TRANSIENT = frozenset({408, 425, 429})
_INTERNAL_ERROR = 500


class Transport:
    """HTTP connections to one instance, one session for each thread of each process."""

    def __init__(self, url: str, token: str, *, timeout: float, pause: float, language: str | None = None) -> None:
        self._base = _address(url)
        self._auth = _Bearer(_checked(token))
        self._timeout = timeout
        self._pause = pause
        self._headers = {"User-Agent": AGENT, "Accept": "application/json"} | _languages(language)
        self._local = threading.local()
        self._proven = False  # Becomes true with the first answer that only Kulanz gives.

    def entitlement(self, account_id: str, before: Entry | None, now: float) -> Entry:
        """Ask for an entitlement; where it has not changed, the answer is that of `before`.

        Raise UnavailableError or ConfigurationError. An unexpected answer (a redirect, a page of HTML) means a wrong
        address where no answer of Kulanz ever came from there, else an outage such as a proxy's page.
        """
        headers = {"If-None-Match": before.etag} if before is not None and before.etag else {}
        response = self._get(f"/v1/accounts/{quote(account_id, safe='')}/entitlement", headers)
        code = response.status_code
        if code == _NOT_MODIFIED and before is not None and headers:
            return replace(before, at=now, fresh=True)
        if code == _OK:
            return Entry(self._read(response, account_id), response.headers.get("ETag"), now)
        if code == _NOT_FOUND and _is_problem(response) and self._is_kulanz():
            return Entry(unknown(account_id), None, now)
        raise self._failure(response)

    def _read(self, response: requests.Response, account_id: str) -> Entitlement:
        try:
            result = read(response.json(), account_id)
        except (ValueError, RecursionError) as error:
            raise self._unexpected(f"an answer that is no entitlement ({error})") from error
        self._proven = True
        return result

    def _is_kulanz(self) -> bool:
        """Whether the address is right; a 404 for a wrong path would turn every payer into an unknown account."""
        if not self._proven:
            response = self._get("/v1/openapi.json", {})
            if response.status_code not in {_OK, _NOT_FOUND}:
                raise self._failure(response)
            self._proven = response.status_code == _OK
        return self._proven

    def _failure(self, response: requests.Response) -> ConfigurationError | UnavailableError:
        code = response.status_code
        if code in _REFUSED:
            return ConfigurationError(
                f"{self._base} refuses the token ({code}); in API_TOKENS the token is what follows `name:`"
            )
        if code == _INTERNAL_ERROR:
            return UnavailableError(f"{self._base} answered {code}", 0.0)
        if code > _INTERNAL_ERROR or code in _TRANSIENT:
            return UnavailableError(f"{self._base} answered {code}", _retry_after(response.headers, self._pause))
        return self._unexpected(str(code))

    def _unexpected(self, answer: str) -> ConfigurationError | UnavailableError:
        if self._proven:
            return UnavailableError(f"{self._base} answered {answer}", self._pause)
        return ConfigurationError(f"{self._base} answered {answer}: is this the address of Kulanz?")

    def _get(self, path: str, headers: dict[str, str]) -> requests.Response:
        try:
            try:
                return self._sent(path, headers)
            except requests.Timeout:
                raise
            except requests.ConnectionError:  # Also a kept connection that the server closed at this moment.
                return self._sent(path, headers)
        except requests.RequestException as error:
            raise UnavailableError(f"{self._base} gave no answer: {type(error).__name__}", self._pause) from error

    def _sent(self, path: str, headers: dict[str, str]) -> requests.Response:
        return self._session().get(
            self._base + path, headers=headers, auth=self._auth, timeout=self._timeout, allow_redirects=False
        )

    def _session(self) -> requests.Session:
        """Return this thread's session; connections are not shared with a parent process."""
        owner, session = getattr(self._local, "session", (0, None))
        if session is None or owner != os.getpid():
            session = requests.Session()
            session.headers.update(self._headers)
            self._local.session = (os.getpid(), session)
        return session


class _Bearer(requests.auth.AuthBase):
    """The token as an auth object: with a plain header requests would prefer the entry in `.netrc`."""

    def __init__(self, token: str) -> None:
        self._value = f"Bearer {token}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._value
        return request


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ConfigurationError("url must be http(s)://host[:port], the address that `kulanz up` prints, without /v1")
    return url.rstrip("/").removesuffix("/v1")


def _checked(token: str) -> str:
    stripped = token.strip()
    if not stripped or not stripped.isascii() or not stripped.isprintable():
        raise ConfigurationError("token must be one of API_TOKENS: printable ASCII, not empty")
    return stripped


def _languages(language: str | None) -> dict[str, str]:
    if language is not None and not (language.isascii() and language.isprintable()):
        raise ConfigurationError("language must be language tags, such as `de` or `de-AT, en;q=0.5`")
    return {"Accept-Language": language} if language else {}


def _is_problem(response: requests.Response) -> bool:
    return response.headers.get("Content-Type", "").startswith("application/problem+json")


def _retry_after(headers: Mapping[str, str], pause: float) -> float:
    """Return the pause that `Retry-After` asks for in seconds, at least our own and at most a minute."""
    requested = headers.get("Retry-After", "")
    return min(max(float(requested), pause), LONGEST_PAUSE) if requested.isascii() and requested.isdigit() else pause
