"""Policy documents by name: a file, a preset, a version stored here."""

from __future__ import annotations

from pathlib import Path

from kulanz.cli.options import services
from kulanz.errors import NotFoundError, RefusedError
from kulanz.policy import document


def text(name: str) -> str:
    """Return the document of a file or, where there is none, of a preset or of a version that is kept here."""
    path = Path(name)
    if path.suffix != ".toml" and "/" not in name and not path.is_file():
        return document.preset(name) if name in document.presets() else _kept(name)
    return of_file(name)


def of_file(name: str) -> str:
    """Return the text of a file; raise NotFoundError saying why it cannot be read."""
    path = Path(name)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise NotFoundError(f"{name}: is not UTF-8 text") from error
    except FileNotFoundError as error:
        raise NotFoundError(f"{name}: there is no such file") from error
    except OSError as error:
        raise NotFoundError(f"{name}: cannot be read ({error.strerror})") from error


def in_force() -> tuple[str, int]:
    """Return the document that is in force, and its version; before the first start the one of the settings, as 0."""
    from kulanz.store import policies

    with services() as opened, opened.database.read() as conn:
        row = policies.in_force(policies.all(conn), opened.clock.now(conn))
        return (row.document, row.version) if row else (text(opened.settings.policy), 0)


def _kept(name: str) -> str:
    from kulanz.commands import versions

    try:
        with services() as opened, opened.database.read() as conn:
            return versions.text_of(conn, name)
    except RefusedError:
        return document.preset(name)
