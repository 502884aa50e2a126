"""The kinds of settings: how the text of one becomes its value, and how the value is shown to a person."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from ctypes.util import find_library
from dataclasses import dataclass, field
from email.utils import parseaddr
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kulanz.config import urls
from kulanz.formats.bank_accounts import BankAccount
from kulanz.formats.mail_addresses import ascii_address
from kulanz.policy.topics import TOPICS, Severity, topic_of

T = TypeVar("T")

KEY_BYTES = 32
YES, NO = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})
MAX_PORT = 65535
MAX_MEBIBYTES = 999_999
HIDDEN = "****"
_PLACE = re.compile(r"(?:customer\.)?metadata\.\S+|customer\.external_id|client_reference_id")
"""Where an event may name an account: in custom data, at the customer, in a Checkout Session."""
ENDPOINTS = ("lemonsqueezy", "stripe", "paddle", "standard")
"""The webhook endpoints, each of which is a provider's name."""
PASSWORD_HASH = re.compile(r"(scrypt:(\d{1,6}):(\d\d?):(\d\d?)|pbkdf2:sha(1|256|512):\d{1,8})\$[^$]+\$[0-9a-f]+")
"""A password hash as Werkzeug writes it, with its costs."""
LEAST_SCRYPT_COST, MAX_SCRYPT_BLOCKS = 1024, 2**21
"""scrypt's first number is a power of two; with the second it gives the memory, 128 bytes for each block."""

RawValue = str | tuple[str, ...]
"""A text as an environment variable has it, or the entries of a list as they are (they may hold commas)."""


class UnfitError(ValueError):
    """The text of a setting does not have the form of its kind; the message names the fault and repeats no value."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A form of settings. `show` has no default, so that a new kind says how it hides what is secret."""

    parse: Callable[[RawValue], Any]
    """Raises UnfitError."""
    show: Callable[[Any], str]
    """Called for a value that is neither None nor empty."""
    secret: bool = False
    """Whether the text is a secret, or may hold one: it can be given by a file, too."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token for `/v1`, with its rights."""

    name: str
    token: str = field(repr=False)
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class OpsUser:
    """A user of `/ops`, with the rights."""

    name: str
    password: str = field(repr=False)
    """The password itself, or its hash as Werkzeug writes it."""
    read_only: bool = False

    @property
    def hashed(self) -> bool:
        """Whether the password is kept as a hash."""
        return PASSWORD_HASH.fullmatch(self.password) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChannel:
    """A receiver of alerts; its `repr` shows no address."""

    url: str = field(repr=False)
    """As Apprise reads it."""
    words: frozenset[str] = frozenset()
    """Topics and severities of the alerts that it gets; empty: all."""

    def takes(self, topic: str) -> bool:
        """Whether it gets alerts of a topic."""
        return not self.words or not self.words.isdisjoint({topic, str(topic_of(topic).severity)})

    def __str__(self) -> str:
        words = f"{'|'.join(sorted(self.words))}=" if self.words else ""
        return f"{words}{self.url.partition('://')[0]}://{HIDDEN}"


def text_of(value: RawValue) -> str:
    """Return a value as one text."""
    return ",".join(value) if isinstance(value, tuple) else value


def entries_of(value: RawValue) -> tuple[str, ...]:
    """Return the entries of a list: comma-separated text, or a list of the file as it is."""
    if isinstance(value, tuple):
        return value
    return tuple(entry for part in value.split(",") if (entry := part.strip()))


def single(convert: Callable[[str], T | None], expected: str) -> Callable[[RawValue], T]:
    """Return the parser of one text; None and ValueError of `convert` mean that the text is unfit."""

    def parse(value: RawValue) -> T:
        converted = _attempt(convert, text_of(value))
        if converted is None:
            raise UnfitError(f"expected {expected}")
        return converted

    return parse


def several(convert: Callable[[str], T | None], expected: str) -> Callable[[RawValue], tuple[T, ...]]:
    """Return the parser of a list with at least one entry."""

    def parse(value: RawValue) -> tuple[T, ...]:
        converted = [_attempt(convert, entry) for entry in entries_of(value)]
        values = tuple(entry for entry in converted if entry is not None)
        if not converted or len(values) < len(converted):
            raise UnfitError(f"expected {expected}")
        return values

    return parse


def matching(pattern: str, expected: str) -> Kind:
    """Return the kind for texts of a form."""
    return Kind(single(lambda text: text if re.fullmatch(pattern, text) else None, expected), str)


def choice(*words: str) -> Kind:
    """Return the kind for a choice of words."""
    return Kind(single(lambda text: text if text in words else None, f"one of {', '.join(words)}"), str)


def has_postgresql_driver() -> bool:
    """Whether psycopg is installed with one of its implementations; importing it takes time and memory."""
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


def _address(convert: Callable[[str], str | None], expected: str) -> Kind:
    """Return the kind for addresses: each may hold a password, so the kind is secret and is shown without it."""

    def parse(value: RawValue) -> str:
        text = text_of(value)
        return single(convert, expected + urls.advice(text))(text)

    return Kind(parse, urls.without_password, secret=True)


def _web(*schemes: str) -> Kind:
    return _address(
        lambda text: urls.web_url(text, schemes),
        f"{schemes[0]}://host…, not link-local and no cloud's metadata service",
    )


def _endpoint_secrets(value: RawValue) -> tuple[str, ...]:
    """Read an endpoint's secrets: an endpoint with no secret does not start."""
    secrets = tuple(secret for secret in entries_of(value) if secret)
    if not secrets:
        raise UnfitError("an endpoint needs a secret")
    return secrets


def _plans(value: RawValue) -> tuple[tuple[str, str], ...]:
    """Read (variant, plan) pairs in the order given."""
    pairs = several(_plan, "provider:variant=plan, such as lemonsqueezy:394420=professional")(value)
    variants = [variant for variant, _ in pairs]
    twice = next((variant for variant in variants if variants.count(variant) > 1), None)
    if twice is not None:
        raise UnfitError(f"{twice} is mapped twice")
    return pairs


def _lines(text: str) -> tuple[str, ...] | None:
    lines = tuple(line for part in text.split(";") if (line := part.strip()))
    return lines if lines and all(map(str.isprintable, lines)) else None


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
    return OpsUser(name, password, read_only=password != rest) if name and _is_password(password) else None


def _is_password(text: str) -> bool:
    """Whether this is a password or a whole hash: the rest of a torn hash would be taken for a password."""
    if not re.match(r"(scrypt|pbkdf2)[:$]", text):
        return bool(text)
    whole = PASSWORD_HASH.fullmatch(text)
    if whole is None or whole[2] is None:
        return whole is not None
    cost, size = int(whole[2]), int(whole[3])
    return cost.bit_count() == 1 and cost >= LEAST_SCRYPT_COST and cost * size <= MAX_SCRYPT_BLOCKS


def _alert_channels(value: RawValue) -> tuple[AlertChannel, ...]:
    if find_spec("apprise") is None:
        raise UnfitError("needs the extra: pip install 'kulanz[alerts]'")
    return several(
        _alert_channel,
        "addresses of Apprise, each of which may begin with topics or severities: urgent|overpaid=slack://…",
    )(value)


def _alert_channel(text: str) -> AlertChannel | None:
    from apprise import Apprise  # noqa: PLC0415 - it is slow to import, and few have it

    matches = re.fullmatch(r"(?:([a-z_]+(?:\|[a-z_]+)*)=)?([a-z][a-z0-9+]*://\S+)", text)
    if matches is None:
        return None
    words = frozenset(matches[1].split("|")) if matches[1] else frozenset()
    known = words <= {*TOPICS, *Severity}
    return AlertChannel(url=matches[2], words=words) if known and Apprise().add(matches[2]) else None


def _hidden(_: object) -> str:
    return HIDDEN


def _each_hidden(values: tuple[object, ...]) -> str:
    return ",".join(map(_hidden, values))


def _names(people: tuple[ApiToken | OpsUser, ...]) -> str:
    return ",".join(f"{each.name}:{HIDDEN}{':read' if each.read_only else ''}" for each in people)


def _sorted(texts: frozenset[str]) -> str:
    return ",".join(sorted(texts))


TEXT = Kind(text_of, str)
PATH = Kind(lambda value: Path(text_of(value)).expanduser().absolute(), str)
SECRET = Kind(text_of, _hidden, secret=True)
FLAG = Kind(single(_flag, "1 or 0"), lambda flag: str(int(flag)))
PORT = Kind(single(_port, f"a number from 1 to {MAX_PORT}"), str)
MEBIBYTES = Kind(single(_mebibytes, "a number of MiB, or off"), str)
TIMEZONE = Kind(single(_zone, "an IANA time zone, such as Europe/Vienna"), str)
COUNTRY = matching("[A-Z]{2}", "two capital letters, such as AT")
HOST = matching(r"[^\s/@]+", "the name or address of a host")
DATABASE = _address(
    urls.database_url,
    "sqlite:///path or postgresql://user:password@host/name, with ?pool=transaction behind a pooler",
)
REDIS = _address(urls.redis_url, "redis://, rediss://, unix:// or redis+sentinel://")
WEB = _web("https", "http")
API = Kind(lambda value: str(WEB.parse(value)).rstrip("/"), WEB.show, secret=True)
SMTP = _web("smtp", "smtps")
BANK_ACCOUNT = Kind(
    single(BankAccount.parse, "`holder; IBAN` or `holder; IBAN; BIC`, with an IBAN whose check sum is right"), str
)
ADDRESS_LINES = Kind(single(_lines, "lines divided by semicolons"), "; ".join)
MAIL_ADDRESS = Kind(single(lambda text: text if ascii_address(text) else None, "a mail address"), str)
MAILBOX = Kind(single(_mailbox, "a mail address, or a name and <a mail address>"), str)
ENDPOINT_SECRETS = Kind(_endpoint_secrets, _each_hidden, secret=True)
SIGNING_SECRET = Kind(single(_signing_secret, "whsec_ and base64, as Standard Webhooks has it"), _hidden, secret=True)
KEYS = Kind(several(_key, "32 bytes each, as 64 hexadecimal digits or as base64"), _each_hidden, secret=True)
ALERT_CHANNELS = Kind(_alert_channels, lambda channels: ",".join(map(str, channels)), secret=True)
PLANS = Kind(_plans, lambda pairs: ",".join(f"{variant}={plan}" for variant, plan in pairs))
NETWORKS = Kind(several(_network, "addresses or networks, such as 10.0.0.0/8"), ",".join)
PLACES = Kind(
    several(
        lambda text: text if _PLACE.fullmatch(text) else None,
        "metadata.<key>, customer.external_id, customer.metadata.<key> or client_reference_id",
    ),
    ",".join,
)
WORDS = Kind(lambda value: frozenset(entries_of(value)), _sorted)
PROVIDERS = Kind(
    lambda value: frozenset(
        several(
            lambda text: text if text in ENDPOINTS else None,
            f"some of {', '.join(sorted(ENDPOINTS))}, separated by commas",
        )(value)
    ),
    _sorted,
)
API_TOKENS = Kind(several(_api_token, "name:token or name:token:read"), _names, secret=True)
OPS_PASSWORD = Kind(
    single(lambda text: (OpsUser("ops", text),) if _is_password(text) else None, "a password or its whole hash"),
    _names,
    secret=True,
)
OPS_USERS = Kind(
    several(_ops_user, "name:password or name:password:read, or a whole hash as the password"), _names, secret=True
)
