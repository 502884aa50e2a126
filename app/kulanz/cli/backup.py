"""`kulanz backup` and `kulanz restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kulanz.cli.options import (
    actor_option,
    confirm,
    dry_run_option,
    emit,
    json_option,
    services,
    shown,
    yes_option,
)
from kulanz.config import environment, load
from kulanz.errors import RefusedError
from kulanz.formats.wording import how_many

if TYPE_CHECKING:
    from kulanz.privacy.backup import Manifest


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--no-drill", is_flag=True, help="Do not restore it into a database that is thrown away to try it.")
@json_option
def backup(*, file: Path, no_drill: bool, as_json: bool) -> None:
    """Write a consistent backup of database and spool, and test it: restore it aside and verify its ledger.

    It holds no keys: keep ENCRYPTION_KEYS in another place. Kulanz keeps running meanwhile.
    """
    from kulanz.privacy import backup as backups

    if file.exists():
        raise RefusedError(f"{file} is there already")
    with services() as opened:
        manifest = backups.write(opened, file)
        if no_drill:
            backups.read(file)
        else:
            backups.drill(opened, file)
    said = f"{file}: {_told(manifest)}; {'compared' if no_drill else 'restored aside and verified'}"
    emit(_document(manifest) | {"file": str(file), "drill": not no_drill}, as_json, said)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@yes_option
@dry_run_option
@actor_option
@json_option
def restore(*, file: Path, yes: bool, dry_run: bool, actor: str, as_json: bool) -> None:
    """Restore a backup into the new or empty database of DATABASE_URL and verify it, while nothing else runs.

    Outgoing actions that were waiting then are held, because they may have been delivered since: list them with
    `kulanz effects list --state parked`, and release them with `kulanz effects retry`.
    """
    from kulanz.privacy import backup as backups
    from kulanz.services import build

    settings = load(environment())
    if not dry_run:
        confirm(backups.read(file).accounts, "account", yes=yes)
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    opened = build(settings)
    try:
        manifest = backups.admitted(opened, file) if dry_run else backups.restore(opened, file, actor=actor)
    finally:
        opened.close()
    document = _document(manifest) | {"file": str(file), "dry_run": dry_run, "actor": actor}
    emit(document, as_json, f"{'would restore' if dry_run else 'restored'} {_told(manifest)}")


def _document(manifest: Manifest) -> dict[str, Any]:
    return {
        "at": manifest.at,
        "revision": manifest.revision,
        "accounts": manifest.accounts,
        "decisions": manifest.decisions,
        "rows": sum(manifest.tables.values()),
        "keys": list(manifest.keys),
        "public_key": manifest.public_key,
    }


def _told(manifest: Manifest) -> str:
    rows = how_many(sum(manifest.tables.values()), "row")
    keys = ", ".join(manifest.keys)
    return f"{how_many(manifest.accounts, 'account')}, {rows}, of {shown(manifest.at)}; needs keys {keys}"
