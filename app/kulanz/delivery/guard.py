"""HTTP connections that never reach the metadata service of a cloud, nor any link-local address.

Every new connection is judged twice: by what its host's name resolves to, before anything is connected, and by the
address that it really reached, before anything is sent.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import LocationParseError, NewConnectionError

from kulanz.config.urls import is_metadata


class MetadataAddressError(requests.RequestException):
    """The address is link-local or a metadata service: nothing was sent to it."""


def guarded_session() -> requests.Session:
    """Return a session that keeps connections open, reads no environment and refuses metadata services."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", _GuardedAdapter())
    session.mount("https://", _GuardedAdapter())
    return session


class _MetadataPeerError(NewConnectionError):
    """Raised by the connection; the adapter turns it into `MetadataAddressError`."""


class _Guarded(HTTPConnection):
    """A connection that checks its peer's address before it sends anything."""

    def connect(self) -> None:
        self._refuse(_resolved(self.host, self.port))
        super().connect()
        self._refuse([self.sock.getpeername()[0]])

    def _refuse(self, addresses: Iterable[str]) -> None:
        if any(map(is_metadata, addresses)):
            self.close()
            raise _MetadataPeerError(self, "metadata address")


class _GuardedTls(_Guarded, HTTPSConnection):
    """The same over TLS."""


class _GuardedPool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _GuardedTlsPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTls


class _GuardedAdapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _GuardedPool, "https": _GuardedTlsPool}

    def send(self, *arguments: Any, **options: Any) -> requests.Response:
        try:
            return super().send(*arguments, **options)
        except requests.ConnectionError as error:
            if isinstance(getattr(error.args[0], "reason", None), _MetadataPeerError):
                raise MetadataAddressError("metadata address") from error
            raise
        except LocationParseError as error:  # requests lets this one through
            raise requests.exceptions.InvalidURL("the address cannot be read") from error


def _resolved(host: str, port: int) -> list[str]:
    try:
        matches = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []  # The connection itself reports that the name leads nowhere.
    return [str(entry[4][0]) for entry in matches]
