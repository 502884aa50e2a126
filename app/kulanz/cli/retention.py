"""`kulanz retention`: records that the law keeps, and their destruction when it no longer does."""

from __future__ import annotations

from collections.abc import Sized
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kulanz.cli.options import (
    actor_option,
    agree,
    dry_run_option,
    emit,
    instant,
    json_option,
    services,
    table,
    words,
    yes_option,
)
from kulanz.errors import NotFoundError, RefusedError
from kulanz.formats.wording import how_many

if TYPE_CHECKING:
    from kulanz.privacy.retention import DueRecords
    from kulanz.services import Services

RETENTION_COLUMNS = ("account_id", "class", "basis", "until", "records", "archived", "kept_by")


@click.group()
def retention() -> None:
    """List records that the law keeps, and destroy the rest."""


@retention.command()
@click.option("--all", "all_of_them", is_flag=True, help="What has an end at all, not only what is over.")
@json_option
def due(*, all_of_them: bool, as_json: bool) -> None:
    """List the records whose retention has ended, with the reasons for keeping some of them."""
    from kulanz.privacy import retention as records

    with services() as opened:
        matches = [_document(due_records) for due_records in records.listed(opened, all_of_them=all_of_them)]
    rows = [
        [", ".join(due_records[name]) if name == "kept_by" else due_records[name] for name in RETENTION_COLUMNS]
        for due_records in matches
    ]
    emit({"due": matches}, as_json, table(RETENTION_COLUMNS, rows))


@retention.command()
@dry_run_option
@yes_option
@actor_option
@json_option
def destroy(*, dry_run: bool, yes: bool, actor: str, as_json: bool) -> None:
    """Destroy the records whose retention has ended; nothing under a legal hold or an open dispute."""
    from kulanz.cli.progress import counted
    from kulanz.privacy import retention as records
    from kulanz.privacy import vacuum

    with services() as opened:
        with opened.database.read() as conn:
            now = opened.clock.now(conn)
        due_recordses = list(records.listed(opened))
        over = [due_records for due_records in due_recordses if due_records.over(now)]
        if over and not (dry_run or yes):
            agree(f"Destroy {_classes(over)}? This cannot be undone.")
        if not dry_run:
            with counted("destroyed", len(over)) as count:
                for due_records in over:
                    _destroy(opened, due_records, actor)
                    count(1)
            vacuum.vacuum(opened)
    kept = [_document(due_records) for due_records in due_recordses if not due_records.over(now)]
    document = {"destroyed": [_document(due_records) for due_records in over], "kept": kept, "dry_run": dry_run}
    verb = "would be destroyed" if dry_run else "destroyed"
    emit(document, as_json, f"{_classes(over)} {verb}, {len(kept)} kept by a legal hold or a dispute")


@retention.command()
@click.argument("ident", metavar="ACCOUNT")
@click.option("--until", type=instant, required=True, help="Kept to then, despite the policy.")
@click.option("--reason", type=words, required=True)
@actor_option
@dry_run_option
@json_option
def hold(*, ident: str, until: datetime, reason: str, actor: str, dry_run: bool, as_json: bool) -> None:
    """Put the archived records of a closed account under a legal hold; for an open one use `account legal-hold`."""
    from kulanz.privacy import retention as records
    from kulanz.queries import closed
    from kulanz.store import accounts

    with services() as opened:
        with opened.database.read() as conn:
            row = accounts.answering(conn, ident)
            if row is None:
                raise NotFoundError(f"no account {ident!r}")
            held = len(closed.kept_of(conn, row.id))
        if held and not dry_run:
            held = records.hold(opened, ident, until, actor, reason)
    if not held:
        raise RefusedError(f"nothing is archived of {ident}")
    document = {"account_id": ident, "held": held, "until": until, "dry_run": dry_run, "actor": actor}
    emit(document, as_json, f"{held} classes of records {'would be ' if dry_run else ''}kept")


@retention.command()
@click.argument("ident", metavar="ACCOUNT")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write each as a file into this folder.")
@json_option
def certificates(*, ident: str, out: Path | None, as_json: bool) -> None:
    """Show the signed certificates of an account's destruction, with the archived records."""
    from kulanz.queries import closed
    from kulanz.store import accounts

    with services() as opened, opened.database.read() as conn:
        row = accounts.answering(conn, ident)
        if row is None:
            raise NotFoundError(f"no account {ident!r}")
        matches = closed.certificates_of(conn, row.id, opened.vault.signer.public)
        kept = closed.kept_of(conn, row.id)
    if out is not None:
        _written(out, matches)
    lines = [
        (document["id"], document["at"], document["cause"], "genuine" if document["genuine"] else "NOT GENUINE")
        for document in matches
    ]
    show = table(("certificate", "at", "cause", "signature"), lines)
    emit({"certificates": matches, "kept": kept}, as_json, show)


def _destroy(opened: Services, due_records: DueRecords, actor: str) -> None:
    from kulanz.commands import execute
    from kulanz.commands.commands import DestroyRecords
    from kulanz.privacy import retention as records

    if due_records.archived:
        records.destroy_archived(opened, actor, due_records.account)
    else:
        execute.command(opened, due_records.account, DestroyRecords(), actor)


def _written(folder: Path, matches: list[dict[str, Any]]) -> None:
    from kulanz.cli.options import as_text
    from kulanz.runtime.private_files import write_private

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for document in matches:
        write_private(folder / f"{document['id']}.json", as_text(document).encode())


def _document(due_records: DueRecords) -> dict[str, Any]:
    return {
        "account_id": due_records.account,
        "class": due_records.kind,
        "basis": due_records.basis,
        "until": due_records.until,
        "records": due_records.records,
        "archived": due_records.archived,
        "kept_by": list(due_records.kept_by),
    }


def _classes(result: Sized) -> str:
    return how_many(len(result), "class of records", "classes of records")
