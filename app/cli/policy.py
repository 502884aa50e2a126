"""`kulanz policy`: policy documents, those that ship with Kulanz, those in files, and the one in force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from app.cli.options import emit, json_option, services, table
from app.errors import NotFoundError, PolicyError
from app.policy import document


@click.group()
def policy() -> None:
    """Read and check policies."""


@policy.command(name="list")
@json_option
def list_(*, as_json: bool) -> None:
    """List the policies that ship with Kulanz and the versions that were ever in force here."""
    from app.store import policies

    with services() as opened, opened.database.read() as conn:
        versions = [_version(row) for row in policies.all(conn)]
    presets = [{"name": name, "title": document.parse(document.preset(name)).title} for name in document.presets()]

    def show() -> None:
        table(("preset", "title"), [tuple(each.values()) for each in presets], "no presets")()
        click.echo()
        rows = [tuple(each.values()) for each in versions]
        table(("version", "name", "effective from", "actor", "sha256"), rows, "none was in force yet")()

    emit({"presets": presets, "versions": versions}, as_json, show)


@policy.command()
@click.argument("name", required=False)
@json_option
def show(*, name: str | None, as_json: bool) -> None:
    """Print a policy: a preset by its name, a file, or without a NAME the one in force."""
    text, version = (_text(name), 0) if name else _in_force()
    read = document.parse(text, version=version)
    found = {"name": read.name, "title": read.title, "version": version, "sha256": read.sha256, "document": text}
    emit(found, as_json, text.rstrip())


@policy.command()
@click.argument("file")
@json_option
def check(*, file: str, as_json: bool) -> None:
    """Check a policy document; FILE may be a preset's name."""
    try:
        read = document.parse(_text(file))
    except PolicyError as error:
        if as_json:
            emit({"valid": False, "problems": error.problems}, as_json=True, human="")
        raise
    found = {"valid": True, "name": read.name, "sha256": read.sha256, "problems": []}
    emit(found, as_json, f"{file}: valid ({read.name}, {read.sha256[:12]})")


def _text(name: str) -> str:
    """Return the document of a file or, where there is none, of a preset."""
    path = Path(name)
    if path.suffix != ".toml" and "/" not in name and not path.is_file():
        return document.preset(name)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFoundError(f"{name}: cannot be read ({type(error).__name__})") from error


def _in_force() -> tuple[str, int]:
    from app.store import policies

    with services() as opened, opened.database.read() as conn:
        now = opened.clock.now(conn)
        in_force = [row for row in policies.all(conn) if row.effective_from <= now]
        if in_force:
            return in_force[-1].document, in_force[-1].version
        return _text(opened.settings.policy), 0


def _version(row: Any) -> dict[str, Any]:
    return {
        "version": row.version,
        "name": row.name,
        "effective_from": row.effective_from,
        "actor": row.actor,
        "sha256": row.sha256,
    }
