"""Files that commands write for people: private to their owner, and whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

from kulanz.errors import RefusedError


def write_private(path: Path, content: bytes) -> None:
    """Put a file in place at once, mode 0600; RefusedError where that cannot be done."""
    passing = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        passing.replace(path)
    except OSError as error:
        passing.unlink(missing_ok=True)
        raise RefusedError(f"cannot write {path}: {error.strerror}") from error
