"""The client's address behind trusted proxies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from werkzeug.wrappers import Request

SUBNET = 64
"""Bits of an IPv6 network that one subscriber has to themselves."""
LONGEST = 64
"""Number of characters of an unreadable address that are used as the source."""
_PREFIX = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")


def origin(request: Request, trusted: Sequence[str]) -> str:
    """Return the source that attempts are counted for: an IPv4 address, or the /64 network of an IPv6 address."""
    text = client_address(request, trusted)
    match _read(text):
        case IPv6Address() as result:
            return str(IPv6Network((result, SUBNET), strict=False))
        case IPv4Address() as result:
            return str(result)
    return text[:LONGEST]


def behind_unknown_proxy(request: Request, trusted: Sequence[str]) -> bool:
    """Whether the peer names other clients and is not trusted: then all of them count as the peer itself."""
    return "X-Forwarded-For" in request.headers and not _is_trusted(request.remote_addr or "", trusted)


def client_address(request: Request, trusted: Sequence[str]) -> str:
    """Return the address of the client: the first one, seen from here, that is no trusted proxy's."""
    value = request.remote_addr or ""
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    while forwarded and _is_trusted(value, trusted):
        value = forwarded.pop()
    return value


def is_https(request: Request, trusted: Sequence[str]) -> bool:
    """Whether the client speaks TLS, to us or to a proxy that we trust."""
    if request.scheme == "https":
        return True
    text = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip()
    return text == "https" and _is_trusted(request.remote_addr or "", trusted)


def host(request: Request, trusted: Sequence[str]) -> str:
    """Return the host and port that the client asked for."""
    text = request.headers.get("X-Forwarded-Host", "").rpartition(",")[2].strip()
    return text if text and _is_trusted(request.remote_addr or "", trusted) else request.host


def prefix(environ: Mapping[str, Any], trusted: Sequence[str]) -> str:
    """Return the path below which a trusted proxy shows all of this, as in `/billing`; an odd one is ignored."""
    text = environ.get("HTTP_X_FORWARDED_PREFIX", "").rpartition(",")[2].strip().rstrip("/")
    fits = _PREFIX.fullmatch(text) and _is_trusted(environ.get("REMOTE_ADDR", ""), trusted)
    return text if fits else ""


def _is_trusted(peer: str, trusted: Sequence[str]) -> bool:
    result = _read(peer)
    return result is not None and any(result in ip_network(network, strict=False) for network in trusted)


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in a text, which some proxies write with a port, and some sockets as IPv4-mapped."""
    host = text[1:].partition("]")[0] if text.startswith("[") else text
    host = host.partition(":")[0] if host.count(":") == 1 else host
    try:
        result = ip_address(host)
    except ValueError:
        return None
    return getattr(result, "ipv4_mapped", None) or result
