"""Makes missing secrets and keeps them in the data directory, readable by its owner alone."""

from __future__ import annotations

import base64
import os
import secrets
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import tomli_w

from kulanz.config.sources import SECRETS_FILE
from kulanz.errors import RefusedError

HEADER = "# Made by `kulanz up`. Who reads this file can read and change everything: keep it as safe as the database.\n"


def ensure(data_dir: Path, given: Mapping[str, object]) -> tuple[Path, tuple[str, ...]]:
    """Make and store what is neither `given` nor stored; return the file and the names of what is new.

    Raise RefusedError rather than make an encryption key for a database that was written with another.
    """
    path = data_dir / SECRETS_FILE
    stored = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    missing = tuple(name for name in MADE if name not in given and name not in stored)
    if "ENCRYPTION_KEYS" in missing and (data_dir / "kulanz.db").exists():
        raise RefusedError(f"{data_dir} holds a database whose ENCRYPTION_KEYS are not given: a new key cannot open it")
    if missing:
        write_private(path, {**stored, **{name: MADE[name]() for name in missing}}, HEADER)
    return path, missing


def write_private(path: Path, values: Mapping[str, object], header: str = "") -> None:
    """Put a TOML file of texts in place at once, mode 0600."""
    passing = path.with_name(f".{path.name}.{os.getpid()}")
    passing.unlink(missing_ok=True)
    with os.fdopen(os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(header + tomli_w.dumps({name: str(value) for name, value in values.items()}))
        file.flush()
        os.fsync(file.fileno())
    passing.replace(path)


def _webhook_secret() -> str:
    """Return 32 characters: Lemon Squeezy takes 6 to 40."""
    return secrets.token_hex(16)


MADE: Mapping[str, Callable[[], str]] = {
    "LEMONSQUEEZY_WEBHOOK_SECRETS": _webhook_secret,
    "ENCRYPTION_KEYS": lambda: secrets.token_hex(32),
    "API_TOKENS": lambda: f"api:{secrets.token_urlsafe(24)}",
    "OPS_PASSWORD": lambda: secrets.token_urlsafe(12),
    "CALLBACK_SECRET": lambda: "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode(),
}
"""The secrets that an instance cannot do without."""
GENERATED: Mapping[str, Callable[[], str]] = {
    **MADE,
    "METRICS_TOKEN": lambda: secrets.token_urlsafe(24),
    "KULANZ_ACCOUNT_SECRET": lambda: secrets.token_hex(32),
}
"""Secrets that Kulanz can make; those that a provider makes, such as an API key, are not among them."""
