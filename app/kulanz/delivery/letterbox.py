"""Mails as files, for an installation without a mail server: mode 0600, written atomically, one file an effect."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

LETTERS = "letters"
FOLDERS = ("mail", LETTERS, "collections")
"""Folders of the data directory in which files are left for people."""
_LONGEST = 150
_PART = ".part"
_STAMP = "%Y%m%dT%H%M%SZ"
_STAMP_LENGTH = len("20260308T140820Z")


def post(letter: bytes, folder: Path, name: str, now: datetime, ending: str = ".eml") -> Path:
    """Write `<time>-<name>.eml`, or with another ending, and return it; an existing file of that name is kept."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    safe = _safe(name) + ending
    written = _written(folder, safe)
    return written or _write(letter, folder / f"{now.astimezone(UTC):{_STAMP}}-{safe}")


def remove(folder: Path, names: Collection[str]) -> int:
    """Remove the files of these names, and half-written files of dead processes; return how many."""
    wanted = {_safe(name) for name in names}
    with suppress(FileNotFoundError):
        matches = [path for path in folder.iterdir() if _posted_as(path) in wanted]
        for path in matches:
            path.unlink(missing_ok=True)
        return len(matches)
    return 0


def _posted_as(path: Path) -> str:
    """Return the name of `20260308T140820Z-ef_1.eml`, and of `.20260308T140820Z-ef_1.eml.x7.part`, half-written."""
    whole = path if path.suffix != _PART else path.with_suffix("").with_suffix("")
    return whole.stem.removeprefix(".")[_STAMP_LENGTH + 1 :]


def _safe(effect_id: str) -> str:
    """Return the id as part of a file's name; different ids stay different."""
    name = quote(effect_id, safe=":@=+")
    return name if len(name) <= _LONGEST else hashlib.sha256(effect_id.encode()).hexdigest()


def _written(folder: Path, name: str) -> Path | None:
    return next((path for path in folder.iterdir() if path.name[_STAMP_LENGTH:] == f"-{name}"), None)


def _write(letter: bytes, path: Path) -> Path:
    handle, temporary = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.name}.", suffix=_PART
    )  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(letter)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path
