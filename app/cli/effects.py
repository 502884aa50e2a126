"""`kulanz effects`: what the world must be told or made to do, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from app.cli.options import (
    actor_option,
    confirm,
    dry_run_option,
    emit,
    json_option,
    services,
    table,
    yes_option,
)
from app.cli.retrying import BulkOrder, retry_all
from app.doorbell import EFFECTS
from app.errors import NotFoundError, RefusedError

if TYPE_CHECKING:
    from app.services import Services
    from app.store.outbox import EffectRow

STATES = ("pending", "done", "skipped", "withdrawn", "parked", "todo", "unknown")
COLUMNS = ("id", "state", "type", "account_id", "subject", "attempts", "created_at", "next_attempt_at", "error")
MOST = 500


@click.group()
def effects() -> None:
    """Look after what the world must be told."""


@effects.command(name="list")
@click.option("--state", type=click.Choice(STATES))
@click.option("--account", help="Only of this account.")
@click.option("--limit", type=click.IntRange(1, MOST), default=50, show_default=True)
@json_option
def list_(*, state: str | None, account: str | None, limit: int, as_json: bool) -> None:
    """List effects, newest first."""
    from app.store import outbox

    with services() as opened, opened.database.read() as conn:
        found = [_document(row) for row in outbox.listing(conn, state, account, limit)]
    rows = [[effect[column] for column in COLUMNS] for effect in found]
    emit({"effects": found}, as_json, table(COLUMNS, rows, "no such effect"))


@effects.command()
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every effect of a state; a run that was stopped is taken up again.")
@click.option(
    "--state", type=click.Choice(("parked", "todo", "unknown", "pending")), default="parked", show_default=True
)
@click.option("--restart", is_flag=True, help="With --all: begin anew where an earlier run was stopped.")
@dry_run_option
@yes_option
@actor_option
@json_option
def retry(
    *,
    ids: tuple[str, ...],
    every: bool,
    state: str,
    restart: bool,
    dry_run: bool,
    yes: bool,
    actor: str,
    as_json: bool,
) -> None:
    """Make effects due at once. What was done is never done again."""
    if bool(ids) is every:
        raise click.UsageError("give effect ids, or --all")
    with services() as opened:
        ask = BulkOrder(what="effects", state=state, actor=actor, restart=restart, dry_run=dry_run, yes=yes)
        count = retry_all(opened, ask) if every else _retry(opened, ids, dry_run=dry_run, yes=yes)
        if not dry_run:
            opened.bell.ring(EFFECTS)
    word = "would be tried again" if dry_run else "to be tried again"
    emit({"retried": count, "dry_run": dry_run, "actor": actor}, as_json, f"{count} effect{'s' * (count != 1)} {word}")


def _retry(opened: Services, ids: tuple[str, ...], *, dry_run: bool, yes: bool) -> int:
    from app.store import outbox

    chosen = {_open(opened, each) for each in ids}
    if dry_run:
        return len(chosen)
    confirm(len(chosen), "effects to be tried again", yes=yes)
    with opened.database.write() as tx:
        return outbox.retry(tx, chosen)


def _document(row: EffectRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": row.state,
        "kind": row.kind,
        "type": row.type,
        "account_id": row.account or None,
        "subject": row.subject,
        "step": row.step,
        "attempts": row.attempts,
        "created_at": row.created_at,
        "next_attempt_at": row.next_attempt_at if row.state == "pending" else None,
        "done_at": row.done_at,
        "error": row.error,
    }


def _open(opened: Services, effect: str) -> str:
    from app.store import outbox

    with opened.database.read() as conn:
        row = outbox.get(conn, effect)
    if row is None:
        raise NotFoundError(f"no effect {effect!r}")
    if row.state == "done":
        raise RefusedError(f"{effect} is done: it is not done again")
    return row.id
