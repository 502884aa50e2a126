"""Sources of settings: the environment, `.env`, `KULANZ_CONFIG`, and what `kulanz up` has left."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from kulanz.config.parsing import ENDPOINTS, RawValue
from kulanz.config.settings import DATA_DIR, FILES, VARIABLES
from kulanz.errors import ConfigurationError

ENV_FILE = ".env"
"""Settings in the current directory, one `NAME=value` a line; the environment is stronger."""
ENCODING = "utf-8-sig"
"""UTF-8, with or without the mark of the byte order with which some editors begin."""
SECRETS_FILE = "secrets.toml"
"""Secrets that `kulanz up` made, by variable, mode 0600; they are permanent."""
RUN_FILE = "run.toml"
"""Choices of the running `kulanz up`, by variable: the private Redis, the port; the file is deleted when `up` ends."""

_WHERE = frozenset({"KULANZ_CONFIG", "KULANZ_DATA_DIR", "KULANZ_INSTANCE"})
_NAMES = VARIABLES | _WHERE | frozenset(FILES)
_SERVICE_LINKS = re.compile(
    r"KULANZ_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_(ADDR|PORT|PROTO))?)?)"
)
"""Variables that Kubernetes sets for services whose names begin with `kulanz`."""
_ALIKE = 0.85
"""Similarity of two names, from 0 to 1, from which one is taken for a misspelling of the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """The values of all layers, the strongest first, and the faults of a file."""

    data_dir: Path
    values: Mapping[str, RawValue]
    problems: tuple[str, ...]

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Layers:
        """Read the files that `environ` leads to; a file of the data directory may be missing."""
        problems: list[str] = []
        given = {name: text.strip() for name, text in environ.items() if text.strip()}
        document = _document(Path(given["KULANZ_CONFIG"]), problems) if "KULANZ_CONFIG" in given else {}
        configured = _flattened(document, problems)
        data_dir = data_directory(given.get("KULANZ_DATA_DIR") or document.get("data_dir"))
        stored = _stored(data_dir / SECRETS_FILE, problems)
        running = _stored(data_dir / RUN_FILE, problems)
        existing = {name: text for name, text in given.items() if name in VARIABLES or name in FILES}
        layers = (running, stored, _read_files(configured, problems), _read_files(existing, problems))
        values = {name: value for layer in layers for name, value in layer.items()}
        return cls(data_dir=data_dir, values=values, problems=tuple(problems))


def with_env_file(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` over the settings of the `.env` in the current directory, if there is one.

    Other names in the file are left out: they could tell the processes that are started what to load.
    """
    path = Path(ENV_FILE)
    try:
        path.stat()
    except OSError:  # None, or a directory that may not be looked into.
        return dict(environ)
    try:
        text = path.read_text(encoding=ENCODING)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise ConfigurationError([f"{ENV_FILE}: {reason}"]) from error
    written = _env_lines(text)
    ours = {name: value for name, value in written.items() if name in _NAMES or _slip(name, {**written, **environ})}
    return {**ours, **{name: value for name, value in environ.items() if value.strip() or name not in ours}}


def _env_lines(text: str) -> dict[str, str]:
    """Read `NAME=value` lines as the usual tools do, with quotes and comments; nothing in a value is replaced."""
    from dotenv.parser import parse_stream  # noqa: PLC0415 - only where there is such a file

    lines = list(parse_stream(StringIO(text)))
    unread = [str(line.original.line) for line in lines if line.error]
    if unread:
        raise ConfigurationError([f"{ENV_FILE}: line {', '.join(unread)} is not NAME=value"])
    return {line.key: line.value for line in lines if line.key is not None and line.value is not None}


def misspelt(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return a sentence for each variable that looks like a setting and is none."""
    given = sorted(name for name, text in environ.items() if text.strip() and name not in _NAMES)
    return tuple(sentence for name in given if (sentence := _slip(name, environ)))


def _slip(name: str, environ: Mapping[str, str]) -> str | None:
    if _SERVICE_LINKS.fullmatch(name) and not (name == "KULANZ_PORT" and environ[name].isdigit()):
        return None
    ours = name.startswith("KULANZ_")
    meant = _meant(name)
    if meant and (ours or not environ.get(meant)):
        return f"{name} is not a setting: did you mean {meant}?"
    return f"{name} is not a setting" if ours else None


def _meant(name: str) -> str | None:
    """Return the setting that a name misspells, if any: letters, case, or our prefix too much."""
    existing, capitals = _NAMES, name.upper()
    for spelling in (capitals, capitals.removeprefix("KULANZ_")):
        if spelling in existing:
            return spelling
    return next(iter(get_close_matches(capitals, sorted(existing), n=1, cutoff=_ALIKE)), None)


def _read_files(layer: Mapping[str, RawValue], problems: list[str]) -> dict[str, RawValue]:
    """Replace the names of files in a layer by the contents of the files."""
    values = {name: value for name, value in layer.items() if name not in FILES}
    for name in sorted(layer.keys() & FILES.keys()):
        if FILES[name] in values:
            problems.append(f"{name}: {FILES[name]} is given, too; leave one of them out")
        elif (text := _content(name, Path(str(layer[name])), problems)) is not None:
            values[FILES[name]] = text
    return values


def _content(name: str, path: Path, problems: list[str]) -> str | None:
    """Return the content of a file with a secret, without the white space around it.

    A line's end or an unseen character within it would be part of a secret that then fits nothing.
    """
    try:
        text = path.read_text(encoding=ENCODING).strip()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{name}: the file cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}")
        return None
    if not text:
        problems.append(f"{name}: the file is empty")
    if not text.isprintable():
        problems.append(f"{name}: the file has more than one line, or unseen characters; commas divide several secrets")
    return text or None


def data_directory(text: object = None) -> Path:
    """Return the data directory's absolute path."""
    return Path(str(text or DATA_DIR)).expanduser().absolute()


def _document(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding=ENCODING))
    except OSError as error:
        problems.append(f"{path}: {error.strerror or 'cannot be read'}")
    except (ValueError, RecursionError) as error:  # Also a number of thousands of digits, thousands of brackets.
        problems.append(f"{path}: not TOML: {_without_content(error)}")
    return {}


def _without_content(error: Exception) -> str:
    """Return the place of a fault without the rest: a decoder's message may quote a secret."""
    _, bracket, place = str(error).rpartition("(at ")
    return f"at {place.rstrip(')')}" if bracket else "unreadable"


def _stored(path: Path, problems: list[str]) -> dict[str, RawValue]:
    if not path.is_file():
        return {}
    return {name: str(text) for name, text in _document(path, problems).items() if name in VARIABLES}


def _flattened(document: Mapping[str, Any], problems: list[str]) -> dict[str, RawValue]:
    """Return a KULANZ_CONFIG document by variable: names in either case, `[endpoints]`, `[plans]`, `[SENTINEL]`."""
    values: dict[str, RawValue] = {}
    for key, content in document.items():
        match key:
            case "data_dir":
                continue
            case "plans" if isinstance(content, dict):
                values["KULANZ_PLANS"] = tuple(f"{variant}={plan}" for variant, plan in content.items())
            case "endpoints" if isinstance(content, dict):
                values.update(_endpoint_secrets(content, problems))
            case "SENTINEL" | "sentinel" if isinstance(content, dict):
                values["REDIS_URL"] = sentinel_url(content)
            case _ if key.upper() in VARIABLES | FILES.keys() and isinstance(content, str | int | list):
                values[key.upper()] = _value(content)
            case _:
                hint = f": did you mean {meant}?" if (meant := _meant(key)) and meant != key.upper() else ""
                problems.append(f"KULANZ_CONFIG: {key} is not a setting{hint}")
    return values


def _value(content: object) -> RawValue:
    if isinstance(content, list):
        return tuple(str(entry) for entry in content)
    return str(int(content)) if isinstance(content, bool) else str(content)


def _endpoint_secrets(endpoints: Mapping[str, Any], problems: list[str]) -> dict[str, RawValue]:
    values: dict[str, RawValue] = {}
    for name, endpoint in endpoints.items():
        secrets = endpoint.get("secrets") if isinstance(endpoint, dict) else None
        if name not in ENDPOINTS:
            problems.append(f"KULANZ_CONFIG: endpoints.{name}: expected one of {', '.join(ENDPOINTS)}")
        elif not isinstance(secrets, list) or not all(isinstance(secret, str) and secret for secret in secrets):
            problems.append(f"KULANZ_CONFIG: endpoints.{name}: secrets must be a list of texts")
        else:
            values[f"{name.upper()}_WEBHOOK_SECRETS"] = tuple(secrets)
    return values


def sentinel_url(table: Mapping[str, Any]) -> str:
    """Return RQ's `SENTINEL` setting as one `redis+sentinel://` address, which is what the rest of Kulanz passes on."""
    hosts = ",".join(f"{host}:{port}" for host, port in table.get("INSTANCES", ()))
    user, password = table.get("USERNAME") or "", table.get("PASSWORD") or ""
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user or password else ""
    inner = table.get("SENTINEL_KWARGS", {})
    options = {
        **({"ssl": "true"} if table.get("SSL") else {}),
        **{f"sentinel_{name}": inner[name] for name in ("username", "password") if inner.get(name)},
    }
    query = f"?{urlencode(options)}" if options else ""
    return f"redis+sentinel://{login}{hosts}/{table.get('MASTER_NAME', 'mymaster')}/{table.get('DB', 0)}{query}"
