"""HTTP connections that never reach a link-local address, where clouds keep their metadata services.

Every new connection is judged twice: by what its host's name resolves to, before anything is connected, and by the
address that it really reached, before anything is sent.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import LocationParseError, NewConnectionError

_TRANSLATED = IPv6Network("64:ff9b::/96")
"""NAT64: the last four bytes are the IPv4 address that is really reached."""


class LinkLocalError(requests.RequestException):
    """The address is link-local: nothing was sent to it."""


def guarded_session() -> requests.Session:
    """Return a session that keeps connections open, reads nothing from the environment and refuses link-local peers."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", _GuardedAdapter())
    session.mount("https://", _GuardedAdapter())
    return session


def is_link_local(address: str) -> bool:
    """Return whether an address is link-local, however it is written; a zone (`%eth0`) is ignored."""
    reached = _behind(ip_address(address.partition("%")[0]))
    return reached.is_link_local


def _behind(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address


class _LinkLocalPeerError(NewConnectionError):
    """What the connection raises; the adapter turns it into `LinkLocalError`."""


class _Guarded(HTTPConnection):
    """A connection that looks at its peer before it speaks."""

    def connect(self) -> None:
        self._refuse(_resolved(self.host, self.port))
        super().connect()
        self._refuse([self.sock.getpeername()[0]])

    def _refuse(self, addresses: Iterable[str]) -> None:
        if any(map(is_link_local, addresses)):
            self.close()
            raise _LinkLocalPeerError(self, "link-local address")


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
            if isinstance(getattr(error.args[0], "reason", None), _LinkLocalPeerError):
                raise LinkLocalError("link-local address") from error
            raise
        except LocationParseError as error:  # requests lets this one through
            raise requests.exceptions.InvalidURL("the address cannot be read") from error


def _resolved(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []  # The connection itself reports that the name leads nowhere.
    return [str(entry[4][0]) for entry in found]
