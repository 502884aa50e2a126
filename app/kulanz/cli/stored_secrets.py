"""The lists of secrets that `kulanz up` keeps in the data directory: read and replaced."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from kulanz.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kulanz.services import Services


def place(opened: Services, name: str) -> Path:
    """Return the file that holds a list; RefusedError where the environment or another file gives it."""
    from kulanz.config import environment
    from kulanz.config.settings import FILE
    from kulanz.config.sources import SECRETS_FILE

    path, environ = opened.settings.data_dir / SECRETS_FILE, environment()
    given = environ.get(name) or environ.get(f"{name}{FILE}")
    if given or not path.exists() or not entries(path, name):
        raise RefusedError(f"{name} is not kept by `kulanz up`: change it where you keep it, the newest first, restart")
    return path


def entries(path: Path, name: str) -> list[str]:
    """Return a list, the newest first."""
    text = str(tomllib.loads(path.read_text(encoding="utf-8")).get(name, ""))
    return [entry for part in text.split(",") if (entry := part.strip())]


def write(path: Path, name: str, matches: Sequence[str]) -> None:
    """Put a list in the place of what is there; the file stays private."""
    from kulanz.cli.up.secrets import HEADER, write_private

    stored = tomllib.loads(path.read_text(encoding="utf-8"))
    write_private(path, {**stored, name: ",".join(matches)}, HEADER)
