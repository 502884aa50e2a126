"""Who is at the other end of a request, when proxies that we trust stand in between."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from werkzeug.wrappers import Request


def address(request: Request, trusted: Sequence[str]) -> str:
    """Return the address of the client: the first one, seen from here, that is no trusted proxy's."""
    found = request.remote_addr or ""
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    while forwarded and _is_trusted(found, trusted):
        found = forwarded.pop()
    return found


def is_https(request: Request, trusted: Sequence[str]) -> bool:
    """Whether the client speaks TLS, to us or to a proxy that we trust."""
    if request.scheme == "https":
        return True
    told = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip()
    return told == "https" and _is_trusted(request.remote_addr or "", trusted)


def host(request: Request, trusted: Sequence[str]) -> str:
    """Return the host and port that the client asked for."""
    told = request.headers.get("X-Forwarded-Host", "").rpartition(",")[2].strip()
    return told if told and _is_trusted(request.remote_addr or "", trusted) else request.host


def _is_trusted(peer: str, trusted: Sequence[str]) -> bool:
    try:
        found = ip_address(peer)
    except ValueError:
        return False
    return any(found in ip_network(network, strict=False) for network in trusted)
