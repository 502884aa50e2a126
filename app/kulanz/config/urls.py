"""The addresses among the settings: a shape that every library reads alike, and a form without the password.

A password with a raw `/`, `?`, `#` or `@` ends the login where some libraries see its end and others do not: one of
them would look up a piece of the password as a host, and name it in an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, parse_qs, urlsplit

from kulanz.errors import InvalidInputError

WEB = ("https", "http")
_SERVERS = ("postgresql", "postgresql+psycopg")
_REDISES = ("redis", "rediss")
_HIDDEN = "****"
_METADATA = tuple(
    map(
        ip_network,
        (
            *("169.254.0.0/16", "fe80::/10"),  # Link-local: nearly every cloud.
            "100.100.100.200/32",  # Alibaba Cloud
            "168.63.129.16/32",  # Azure's host agent
            "192.0.0.192/32",  # Oracle Cloud, the older one
            "fd00:ec2::/32",  # AWS: metadata, and credentials of pods
            "fd20:ce::254/128",  # Google Cloud
            "fd00:c1::a9fe:a9fe/128",  # Oracle Cloud
            "fd00:42::42/128",  # Scaleway
            "fd00:a9fe:a9fe::1/128",  # Akamai
            "fd00:100::100:200/128",  # Alibaba Cloud
        ),
    )
)
_IPV4_AT_THE_END = tuple(
    map(
        ip_network,
        (
            "::/96",  # IPv4-compatible
            "::ffff:0:0/96",  # IPv4-mapped
            "::ffff:0:0:0/96",  # IPv4-translated
            *("64:ff9b::/96", "64:ff9b:1::/48"),  # NAT64
        ),
    )
)


def web_url(text: str, schemes: tuple[str, ...] = WEB) -> str | None:
    """Return an address with a host; those of metadata services are refused (CONTRACT section 2)."""
    parts = _split(text)
    if parts.scheme not in schemes or not parts.hostname or _is_metadata(parts.hostname):
        return None
    return text if parts.scheme in WEB or _login_is_whole(parts) else None


def refuse_no_web_url(text: str) -> None:
    """Raise InvalidInputError for an address that is none of a web server; the message repeats nothing of it."""
    try:
        fits = web_url(text)
    except ValueError:
        fits = None
    if fits is None:
        raise InvalidInputError("the address is not http://host… or https://host…" + advice(text))


def database_url(text: str) -> str | None:
    """Return the database's address, `postgres://` in its proper spelling."""
    url = re.sub(r"^postgres://", "postgresql://", text)
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        file = rest.partition("?")[0]
        return url if file.startswith("/") and file not in {"/", "/:memory:"} else None
    parts = _split(url)
    whole = _login_is_whole(parts) and parts.netloc.count("@") <= 1
    pools = parse_qs(parts.query, keep_blank_values=True).get("pool", [])
    return url if scheme in _SERVERS and whole and pools in ([], ["session"], ["transaction"]) else None


def redis_url(text: str) -> str | None:
    """Return the address of Redis, its socket, or its Sentinels."""
    parts = urlsplit(text)
    hosts = parts.netloc.rpartition("@")[2]
    match parts.scheme:
        case "unix":
            return text if not hosts and parts.path else None
        case "redis+sentinel":
            database = parts.path.strip("/").partition("/")[2]
            fits = all(_port_fits(host) for host in hosts.split(",")) and re.fullmatch("[0-9]*", database)
            return text if fits and _login_is_whole(parts) else None
        case _:
            return text if parts.scheme in _REDISES and _login_is_whole(_split(text)) else None


def is_metadata(address: str) -> bool:
    """Return whether an IP address is link-local or a cloud's metadata service, however it is written.

    A zone (`%eth0`) is ignored, and an IPv4 address that an IPv6 address carries counts as well. ValueError for a name.
    """
    reached = _reached(ip_address(address.partition("%")[0]))
    return any(item in network for item in reached for network in _METADATA)


def advice(text: str) -> str:
    """Return a correction for an address that can be read in two ways."""
    login = "; in a user name or password write @ as %40, / as %2F, ? as %3F, # as %23"
    hosts = "; several hosts: postgresql://user:password@/name?host=a:5432&host=b:5432"
    several = "," in text and text.startswith("postgres")
    return (login if "@" in text else "") + (hosts if several else "")


def without_password(text: str) -> str:
    """Return an address for a person, without its password and without a query, which may hold one."""
    if "://" not in text:
        return text
    parts = urlsplit(text)
    login, at, host = parts.netloc.rpartition("@")
    name, colon, _ = login.partition(":")
    hidden = f"{name}:{_HIDDEN}" if colon else _HIDDEN
    shown = text.partition("?")[0].replace(parts.netloc, f"{hidden}@{host}" if at else host, 1)
    return f"{shown}?{_HIDDEN}" if parts.query else shown


def _split(text: str) -> SplitResult:
    """Split an address; a ValueError where its port is no number."""
    parts = urlsplit(text)
    _ = parts.port
    return parts


def _login_is_whole(parts: SplitResult) -> bool:
    """Whether the part behind the host has no trace of a login."""
    return "@" not in parts.path + parts.query + parts.fragment


def _port_fits(host: str) -> bool:
    _, colon, port = host.rpartition(":")
    return not colon or (port.isascii() and port.isdigit())


def _is_metadata(host: str) -> bool:
    try:
        return is_metadata(host)
    except ValueError:
        return False  # A host name: its IP address is checked when it is called.


def _reached(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """Return an address, and every IPv4 address that a gateway would take from it."""
    yield address
    if isinstance(address, IPv4Address):
        return
    if any(address in network for network in _IPV4_AT_THE_END):
        yield IPv4Address(int(address) & 0xFFFFFFFF)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
