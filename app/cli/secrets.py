"""`kulanz secrets`: which encryption keys still protect what, and changing them without stopping."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import click

from app.cli.options import actor_option, dry_run_option, emit, json_option, services, table
from app.errors import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from app.keeping.rotation import Status
    from app.services import Services

NAME = "ENCRYPTION_KEYS"


@click.group()
def secrets() -> None:
    """Look at the encryption keys, and change them."""


@secrets.command()
@json_option
def status(*, as_json: bool) -> None:
    """Say what each of ENCRYPTION_KEYS still protects, and which of them can be retired."""
    from app.keeping import rotation

    with services() as opened:
        found = rotation.status(opened)
    emit(_document(found), as_json, lambda: _print(found))
    if found.lost:
        raise RefusedError(f"{sum(found.lost.values())} values can be opened with none of ENCRYPTION_KEYS")


@secrets.command()
@click.option("--new-key", is_flag=True, help="Make a new key first, where `kulanz up` keeps them.")
@dry_run_option
@actor_option
@json_option
def rotate(*, new_key: bool, dry_run: bool, actor: str, as_json: bool) -> None:
    """Seal everything anew with the first of ENCRYPTION_KEYS; it may be stopped and called again."""
    from app.cli.progress import counted
    from app.keeping import rotation

    if new_key and not dry_run:
        _make_a_key()
    with services() as opened:
        _refuse_before_a_restart(opened)
        before = rotation.status(opened)
        done = 0
        if not dry_run:
            with counted("sealed anew", before.to_do) as count:
                done = rotation.rotate(opened, count)
            opened.database.scrub()
        after = rotation.status(opened)
    document = _document(after) | {"sealed_anew": done, "to_do": after.to_do, "dry_run": dry_run, "actor": actor}

    def show() -> None:
        click.echo(f"{before.to_do} values would be sealed anew" if dry_run else f"{done} values sealed anew")
        _print(after)

    emit(document, as_json, show)


@secrets.command()
@dry_run_option
@actor_option
@json_option
def retire(*, dry_run: bool, actor: str, as_json: bool) -> None:
    """Take the keys that protect nothing any more out of the file where `kulanz up` keeps them."""
    from app.keeping import rotation

    with services() as opened:
        _refuse_before_a_restart(opened)
        found = rotation.status(opened)
        path = _stored(opened)
    needed = [key for key in found.keys if key.position > 1 and not key.safe_to_retire]
    if needed:
        raise RefusedError(f"{', '.join(key.id for key in needed)} still protects something: `kulanz secrets rotate`")
    keys = _keys(path)
    if not dry_run:
        _write(path, keys[:1])
    gone = len(keys) - 1
    emit({"retired": gone, "dry_run": dry_run, "actor": actor}, as_json, f"{gone} keys retired; restart what runs")


def _make_a_key() -> None:
    """Put a new key before the stored ones; RefusedError where they are given otherwise."""
    from app.vault import random_key_text

    with services() as opened:
        path = _stored(opened)
    _write(path, [random_key_text(), *_keys(path)])


def _stored(opened: Services) -> Path:
    """Return the file that holds the keys; RefusedError where the environment or another file gives them."""
    from app.config import environment
    from app.config_layers import SECRETS_FILE

    path = opened.settings.data_dir / SECRETS_FILE
    if environment().get(NAME) or not path.exists() or not _keys(path):
        raise RefusedError(f"{NAME} is not kept by `kulanz up`: put the new key first where you keep it, and restart")
    return path


def _refuse_before_a_restart(opened: Services) -> None:
    """Refuse while an instance runs that was started before its keys were changed: it could not read what we seal."""
    from app.config_layers import RUN_FILE, SECRETS_FILE

    run, stored = opened.settings.data_dir / RUN_FILE, opened.settings.data_dir / SECRETS_FILE
    if run.exists() and stored.exists() and run.stat().st_mtime_ns < stored.stat().st_mtime_ns:
        raise RefusedError("restart `kulanz up` first: it was started before its keys were changed")


def _keys(path: Path) -> list[str]:
    text = str(tomllib.loads(path.read_text(encoding="utf-8")).get(NAME, ""))
    return [key for part in text.split(",") if (key := part.strip())]


def _write(path: Path, keys: list[str]) -> None:
    from app.cli.up.secrets import HEADER, write_private

    stored = tomllib.loads(path.read_text(encoding="utf-8"))
    write_private(path, {**stored, NAME: ",".join(keys)}, HEADER)


def _document(found: Status) -> dict[str, Any]:
    keys = [
        {
            "id": key.id,
            "position": key.position,
            "protects": dict(key.protects),
            "safe_to_retire": key.safe_to_retire,
        }
        for key in found.keys
    ]
    return {"keys": keys, "lost": dict(found.lost)}


def _print(found: Status) -> None:
    rows = [(key.position, key.id, _told(dict(key.protects)), _verdict(found, key.position)) for key in found.keys]
    table(("key", "id", "protects", ""), rows, "there are no keys")()
    if found.lost:
        click.echo(f"none of them opens: {_told(dict(found.lost))}")


def _verdict(found: Status, position: int) -> str:
    if position == 1:
        return "seals everything new"
    return "safe to retire" if found.keys[position - 1].safe_to_retire else "still needed: `kulanz secrets rotate`"


def _told(protects: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in protects.items()) or "nothing"
