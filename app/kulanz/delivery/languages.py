"""Languages with mail templates."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from kulanz.formats.languages import LANGUAGES


def languages(folder: Path | None) -> tuple[str, ...]:
    """Return the languages with templates: ours, and each folder of the merchant's."""
    own: set[str] = set()
    if folder is not None:
        with suppress(OSError):
            own = {path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
    return tuple(sorted({*LANGUAGES, *own}))
