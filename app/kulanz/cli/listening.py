"""The address that a server listens on: resolved and tried before anything is started."""

from __future__ import annotations

import socket

from kulanz.errors import RefusedError


def listening_address(host: str, port: int) -> str:
    """Return the numeric address of a host's name, IPv4 first; RefusedError where nothing can listen there."""
    try:
        matches = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = min(matches, key=lambda item: item[0] != socket.AF_INET)
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not the name of a host"
        raise RefusedError(
            f"cannot listen on {host or 'an empty --host'} port {port}: {reason}; choose another --host or port"
        ) from error
    return str(address[0])


def authority(address: str, port: int) -> str:
    """Return how an address and a port stand in a URL."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
