"""Turns the text of a setting into its value, collecting what is wrong instead of stopping at the first problem."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from ctypes.util import find_library
from dataclasses import dataclass, field
from email.utils import parseaddr
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from typing import TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kulanz.config.sources import RawValue
from kulanz.config.urls import advice, database_url, redis_url, web_url
from kulanz.formats.mail_addresses import ascii_address

T = TypeVar("T")

KEY_BYTES = 32
YES, NO = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})
MAX_PORT = 65535
_PLACE = re.compile(r"(?:customer\.)?metadata\.\S+|customer\.external_id|client_reference_id")
"""Where an event may name an account: in custom data, at the customer, in a Checkout Session."""
MAX_MEBIBYTES = 999_999


@dataclass(frozen=True, slots=True)
class ApiToken:
    """Who may use `/v1`, and how."""

    name: str
    token: str = field(repr=False)
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class OpsUser:
    """Who may use `/ops`, and how."""

    name: str
    password: str = field(repr=False)
    read_only: bool = False


PROVIDER_NAMES = frozenset({"lemonsqueezy", "paddle", "standard", "stripe"})
"""The endpoints, each of which is a provider's name."""


class SettingsReader:
    """Reads values by variable name; `problems` says what did not fit, never repeating what was given."""

    def __init__(self, values: Mapping[str, RawValue]) -> None:
        self._values = values
        self.problems: list[str] = []

    def given(self, name: str) -> bool:
        """Whether anybody set it, rightly or wrongly."""
        return name in self._values

    def text(self, name: str) -> str | None:
        """Return the text as it is."""
        value = self._values.get(name)
        return ",".join(value) if isinstance(value, tuple) else value

    def many(self, name: str) -> tuple[str, ...]:
        """Return the entries of a list: comma-separated text, or a list of the file as it is."""
        value = self._values.get(name, ())
        if isinstance(value, tuple):
            return value
        return tuple(entry for part in value.split(",") if (entry := part.strip()))

    def matching(self, name: str, pattern: str, expected: str) -> str | None:
        """Return the text if it has the form."""
        return self._read(name, lambda text: text if re.fullmatch(pattern, text) else None, expected)

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """Return one of a few words."""
        expected = f"one of {', '.join(choices)}"
        return self._read(name, lambda text: text if text in choices else None, expected) or default

    def flag(self, name: str) -> bool:
        """Return a yes or no, no where nothing is given."""
        return bool(self._read(name, _flag, "1 or 0"))

    def providers(self, name: str) -> frozenset[str]:
        """Return the providers that a setting names."""
        expected = f"some of {', '.join(sorted(PROVIDER_NAMES))}, separated by commas"
        return frozenset(self._each(name, lambda text: text if text in PROVIDER_NAMES else None, expected))

    def port(self, name: str, default: int) -> int:
        """Return a TCP port."""
        return self._read(name, _port, f"a number from 1 to {MAX_PORT}") or default

    def mebibytes(self, name: str, default: int) -> int:
        """Return a size in MiB; `off` is none."""
        size = self._read(name, _mebibytes, "a number of MiB, or off")
        return default if size is None else size

    def timezone(self, name: str, default: str) -> str:
        """Return the name of an IANA time zone."""
        return self._read(name, _zone, "an IANA time zone, such as Europe/Vienna") or default

    def url(self, name: str, schemes: tuple[str, ...]) -> str | None:
        """Return an address with a host; those of metadata services are refused (CONTRACT section 2)."""
        return self._address_of(
            name,
            lambda text: web_url(text, schemes),
            f"{schemes[0]}://host…, not link-local and no cloud's metadata service",
        )

    def database_url(self) -> str | None:
        """Return the database's address, `postgres://` in its proper spelling."""
        return self._address_of(
            "DATABASE_URL",
            database_url,
            "sqlite:///path or postgresql://user:password@host/name, with ?pool=transaction behind a pooler",
        )

    def redis_url(self) -> str | None:
        """Return the address of Redis."""
        return self._address_of("REDIS_URL", redis_url, "redis://, rediss://, unix:// or redis+sentinel://")

    def address(self, name: str) -> str | None:
        """Return one mail address."""
        return self._read(name, lambda text: text if ascii_address(text) else None, "a mail address")

    def mailbox(self, name: str) -> str | None:
        """Return one mail address, which may stand in angle brackets behind a name."""
        return self._read(name, _mailbox, "a mail address, or a name and <a mail address>")

    def secrets(self, name: str) -> tuple[str, ...]:
        """Return an endpoint's secrets: an endpoint with no secret does not start."""
        matches = tuple(secret for secret in self.many(name) if secret)
        if self.given(name) and not matches:
            self.problems.append(f"{name}: an endpoint needs a secret")
        return matches

    def signing_secret(self, name: str) -> str | None:
        """Return a Standard Webhooks secret."""
        return self._read(name, _signing_secret, "whsec_ and base64, as Standard Webhooks has it")

    def keys(self, name: str) -> tuple[bytes, ...]:
        """Return encryption keys: 32 bytes each, as 64 hexadecimal digits or as base64."""
        return self._each(name, _key, "32 bytes each, as 64 hexadecimal digits or as base64")

    def plans(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return (variant, plan) pairs in the order given."""
        pairs = self._each(name, _plan, "provider:variant=plan, such as lemonsqueezy:394420=professional")
        variants = [variant for variant, _ in pairs]
        twice = sorted({variant for variant in variants if variants.count(variant) > 1})
        self.problems += [f"{name}: {variant} is mapped twice" for variant in twice]
        return pairs

    def places(self, name: str) -> tuple[str, ...]:
        """Return places of an event that may name an account."""
        expected = "metadata.<key>, customer.external_id, customer.metadata.<key> or client_reference_id"
        return self._each(name, lambda text: text if _PLACE.fullmatch(text) else None, expected)

    def networks(self, name: str) -> tuple[str, ...]:
        """Return addresses or networks."""
        return self._each(name, _network, "addresses or networks, such as 10.0.0.0/8")

    def api_tokens(self, name: str) -> tuple[ApiToken, ...]:
        """Return API tokens: `name:token`, `name:token:read`, or a bare token named `api`."""
        return self._each(name, _api_token, "name:token or name:token:read")

    def ops_users(self) -> tuple[OpsUser, ...]:
        """Return who may use `/ops`: the one password's user is called `ops`."""
        password = self.text("OPS_PASSWORD")
        item = (OpsUser("ops", password),) if password else ()
        return item + self._each("OPS_USERS", _ops_user, "name:password or name:password:read")

    def _address_of(self, name: str, convert: Callable[[str], str | None], expected: str) -> str | None:
        return self._read(name, convert, expected + advice(self.text(name) or ""))

    def _read(self, name: str, convert: Callable[[str], T | None], expected: str) -> T | None:
        text = self.text(name)
        value = None if text is None else _attempt(convert, text)
        if text is not None and value is None:
            self.problems.append(f"{name}: expected {expected}")
        return value

    def _each(self, name: str, convert: Callable[[str], T | None], expected: str) -> tuple[T, ...]:
        converted = [_attempt(convert, entry) for entry in self.many(name)]
        values = tuple(value for value in converted if value is not None)
        if self.given(name) and (len(values) < len(converted) or not converted):
            self.problems.append(f"{name}: expected {expected}")
        return values


def has_postgresql_driver() -> bool:
    """Tell whether psycopg is installed with one of its implementations; importing it takes time and memory."""
    if find_spec("psycopg") is None:
        return False
    return any(map(find_spec, ("psycopg_binary", "psycopg_c"))) or find_library("pq") is not None


def loopback(url: str | None) -> bool:
    """Whether an address leads to this machine."""
    host = urlsplit(url or "").hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _attempt(convert: Callable[[str], T | None], text: str) -> T | None:
    try:
        return convert(text)
    except ValueError:
        return None


def _mailbox(text: str) -> str | None:
    return text if ascii_address(parseaddr(text)[1]) and text.isprintable() else None


def _flag(text: str) -> bool | None:
    return {**dict.fromkeys(YES, True), **dict.fromkeys(NO, False)}.get(text.lower())


def _port(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) <= MAX_PORT else None


def _mebibytes(text: str) -> int | None:
    if text.lower() in NO:
        return 0
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_MEBIBYTES)) else None


def _zone(text: str) -> str | None:
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, OSError):
        return None


def _signing_secret(text: str) -> str | None:
    encoded = text.removeprefix("whsec_")
    return text if encoded != text and base64.b64decode(encoded, validate=True) else None


def _key(text: str) -> bytes | None:
    if re.fullmatch(r"[0-9a-fA-F]{64}", text):
        return bytes.fromhex(text)
    padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
    key = base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)
    return key if len(key) == KEY_BYTES else None


def _plan(text: str) -> tuple[str, str] | None:
    variant, plan = r"([a-z]+:[^\s=]+)", r"((?:addon:|lifetime:)?[a-z0-9][a-z0-9._-]*)"
    matched = re.fullmatch(rf"{variant}\s*=\s*{plan}", text.strip(), re.IGNORECASE)
    return (matched[1], matched[2].lower()) if matched else None


def _network(text: str) -> str | None:
    return str(ip_network(text, strict=False)) and text


def _api_token(text: str) -> ApiToken | None:
    match text.split(":"):
        case [token] if token:
            return ApiToken("api", token)
        case [name, token] if name and token:
            return ApiToken(name, token)
        case [name, token, "read"] if name and token:
            return ApiToken(name, token, read_only=True)
        case _:
            return None


def _ops_user(text: str) -> OpsUser | None:
    name, _, rest = text.partition(":")
    password = rest.removesuffix(":read")
    return OpsUser(name, password, read_only=password != rest) if name and password else None
