"""`kulanz secrets`: which keys and webhook secrets are still needed, and changing them without stopping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kulanz.cli import stored_secrets, webhook_secrets
from kulanz.cli.options import actor_option, dry_run_option, emit, json_option, services, table
from kulanz.config.parsing import ENDPOINTS
from kulanz.config.sources import RUN_FILE, SECRETS_FILE
from kulanz.errors import RefusedError

if TYPE_CHECKING:
    from kulanz.privacy.rotation import RotationStatus
    from kulanz.services import Services

NAME = "ENCRYPTION_KEYS"
webhook_option = click.option(
    "--webhook",
    type=click.Choice(ENDPOINTS),
    help="The webhook secret of this endpoint, not the encryption keys.",
)


@click.group()
def secrets() -> None:
    """Look at encryption keys and webhook secrets, and change them."""


@secrets.command()
@json_option
def status(*, as_json: bool) -> None:
    """Show the use of each of ENCRYPTION_KEYS, the last use of each webhook secret, and which can be removed."""
    from kulanz.privacy import rotation

    with services() as opened:
        rotation_status = rotation.status(opened)
        webhooks = [] if rotation_status.lost else webhook_secrets.document(opened)

    def show() -> None:
        _print(rotation_status)
        webhook_secrets.show(webhooks)

    emit(_document(rotation_status) | {"webhook_secrets": webhooks}, as_json, show)
    if rotation_status.lost:
        raise RefusedError(f"{sum(rotation_status.lost.values())} values can be decrypted with none of ENCRYPTION_KEYS")
    webhook_secrets.refuse_a_missing_one(webhooks)


@secrets.command()
@click.option("--new-key", is_flag=True, help="Make a new key first, where `kulanz up` keeps them.")
@webhook_option
@dry_run_option
@actor_option
@json_option
def rotate(*, new_key: bool, webhook: str | None, dry_run: bool, actor: str, as_json: bool) -> None:
    """Encrypt everything again with the first of ENCRYPTION_KEYS; it can be stopped and repeated.

    With --webhook: make a new webhook secret where `kulanz up` keeps them; the old one is accepted until it is retired.
    """
    if webhook is None:
        _rotate_keys(new_key=new_key, dry_run=dry_run, actor=actor, as_json=as_json)
        return
    with services() as opened:
        next_step = webhook_secrets.make_one(opened, webhook, dry_run=dry_run)
    emit({"made": int(not dry_run), "dry_run": dry_run, "actor": actor, "next": next_step}, as_json, next_step)


def _rotate_keys(*, new_key: bool, dry_run: bool, actor: str, as_json: bool) -> None:
    from kulanz.cli.progress import counted
    from kulanz.privacy import rotation

    if new_key and not dry_run:
        _make_a_key()
    with services() as opened:
        _refuse_before_a_restart(opened)
        before = rotation.status(opened)
        done = 0
        if not dry_run:
            with counted("encrypted again", before.to_do) as count:
                done = rotation.rotate(opened, count)
            opened.database.scrub()
        after = rotation.status(opened)
    document = _document(after) | {"sealed_anew": done, "to_do": after.to_do, "dry_run": dry_run, "actor": actor}

    def show() -> None:
        click.echo(f"{before.to_do} values would be encrypted again" if dry_run else f"{done} values encrypted again")
        _print(after)

    emit(document, as_json, show)


@secrets.command()
@webhook_option
@click.option("--leaked", is_flag=True, help="Take a webhook secret away although it is in use.")
@dry_run_option
@actor_option
@json_option
def retire(*, webhook: str | None, leaked: bool, dry_run: bool, actor: str, as_json: bool) -> None:
    """Remove unused secrets from the file where `kulanz up` keeps them; used ones stay."""
    with services() as opened:
        if webhook is None:
            gone = _retire_keys(opened, dry_run=dry_run)
        else:
            gone = webhook_secrets.retire(opened, webhook, leaked=leaked, dry_run=dry_run)
    what = "keys" if webhook is None else "webhook secrets"
    emit({"retired": gone, "dry_run": dry_run, "actor": actor}, as_json, f"{gone} {what} retired; restart what runs")


def _retire_keys(opened: Services, *, dry_run: bool) -> int:
    from kulanz.privacy import rotation

    _refuse_before_a_restart(opened)
    rotation_status = rotation.status(opened)
    path = stored_secrets.place(opened, NAME)
    needed = [key for key in rotation_status.keys if key.position > 1 and not key.safe_to_retire]
    if needed:
        raise RefusedError(f"{', '.join(key.id for key in needed)} still protects something: `kulanz secrets rotate`")
    keys = stored_secrets.entries(path, NAME)
    if not dry_run:
        stored_secrets.write(path, NAME, keys[:1])
    return len(keys) - 1


def _make_a_key() -> None:
    """Put a new key before the stored ones; RefusedError where they are given otherwise."""
    from kulanz.crypto.vault import random_key_text

    with services() as opened:
        path = stored_secrets.place(opened, NAME)
    stored_secrets.write(path, NAME, [random_key_text(), *stored_secrets.entries(path, NAME)])


def _refuse_before_a_restart(opened: Services) -> None:
    """Refuse while an instance runs with the keys of before: it could not read newly encrypted values."""
    run, stored = opened.settings.data_dir / RUN_FILE, opened.settings.data_dir / SECRETS_FILE
    if run.exists() and stored.exists() and run.stat().st_mtime_ns < stored.stat().st_mtime_ns:
        raise RefusedError("restart `kulanz up` first: it was started before its keys were changed")


def _document(rotation_status: RotationStatus) -> dict[str, Any]:
    keys = [
        {
            "id": key.id,
            "position": key.position,
            "protects": dict(key.protects),
            "safe_to_retire": key.safe_to_retire,
        }
        for key in rotation_status.keys
    ]
    return {"keys": keys, "lost": dict(rotation_status.lost)}


def _print(rotation_status: RotationStatus) -> None:
    rows = [
        (key.position, key.id, _told(dict(key.protects)), _verdict(rotation_status, key.position))
        for key in rotation_status.keys
    ]
    table(("key", "id", "protects", ""), rows)()
    if rotation_status.lost:
        click.echo(f"none of them decrypts: {_told(dict(rotation_status.lost))}")


def _verdict(rotation_status: RotationStatus, position: int) -> str:
    if position == 1:
        return "encrypts all new values"
    return (
        "safe to retire"
        if rotation_status.keys[position - 1].safe_to_retire
        else "still needed: `kulanz secrets rotate`"
    )


def _told(protects: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in protects.items()) or "nothing"
