"""`kulanz effects`: outgoing actions (notifications, mails, provider calls) and their outcomes."""

from __future__ import annotations

from email.utils import parseaddr
from typing import TYPE_CHECKING, Any

import click

from kulanz.cli.listing import limit_option
from kulanz.cli.options import PAIR, actor_option, dry_run_option, emit, json_option, services, table, words
from kulanz.cli.retrying import RetryKind, groups_command, retry_command
from kulanz.errors import NotFoundError, RefusedError
from kulanz.runtime.notifier import EFFECTS_QUEUE

if TYPE_CHECKING:
    from kulanz.services import Services
    from kulanz.store.database import Connection
    from kulanz.store.outbox import EffectRow

EFFECT_STATES = ("pending", "done", "skipped", "withdrawn", "parked", "todo", "unknown")
EFFECT_COLUMNS = ("id", "state", "type", "account_id", "subject", "attempts", "created_at", "next_attempt_at", "error")


@click.group()
def effects() -> None:
    """List outgoing actions, and try them again."""


@effects.command(name="list")
@click.option("--state", type=click.Choice(EFFECT_STATES))
@click.option("--account", help="Only of this account.")
@limit_option
@json_option
def list_(*, state: str | None, account: str | None, limit: int, as_json: bool) -> None:
    """List outgoing actions, newest first."""
    from kulanz.formats.mail_addresses import ascii_address
    from kulanz.store import outbox

    with services() as opened, opened.database.read() as conn:
        sender = ascii_address(parseaddr(opened.settings.mail_from)[1]) or ""
        matches = [_document(row, sender) for row in outbox.listing(conn, state, account, limit)]
    rows = [[effect[column] for column in EFFECT_COLUMNS] for effect in matches]
    emit({"effects": matches}, as_json, table(EFFECT_COLUMNS, rows))


@effects.command()
@click.argument("effect", metavar="ID")
@json_option
def show(*, effect: str, as_json: bool) -> None:
    """Show one outgoing action, and why it waits."""
    from kulanz.formats.mail_addresses import ascii_address
    from kulanz.queries import waits
    from kulanz.store import outbox

    with services() as opened, opened.database.read() as conn:
        sender = ascii_address(parseaddr(opened.settings.mail_from)[1]) or ""
        row = outbox.get(conn, effect)
    if row is None:
        raise NotFoundError(f"no effect {effect!r}")
    facts, conditions = _document(row, sender), waits.of_effect(row)

    def tell() -> None:
        table(PAIR, list(facts.items()))()
        for wait in conditions:
            click.echo(f"\n{wait.read()}")

    emit(facts | {"waits": [wait.document() for wait in conditions]}, as_json, tell)


@effects.command()
@click.argument("effect", metavar="ID")
@click.option("--reason", type=words, required=True, help="What was done at the provider.")
@dry_run_option
@actor_option
@json_option
def done(*, effect: str, reason: str, dry_run: bool, actor: str, as_json: bool) -> None:
    """Record that you did it at the provider by hand. It is never done again."""
    from kulanz.commands import by_hand

    with services() as opened:
        row = by_hand.record(opened, by_hand.DoneByHand(effect=effect, reason=reason), actor, dry_run=dry_run).row
    emit(by_hand.document(row), as_json, f"{'would be: ' if dry_run else ''}{effect} ({row.type}): done by hand")


def _document(row: EffectRow, sender: str) -> dict[str, Any]:
    from kulanz.delivery.mail import message_id

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
        "message_id": message_id(row.id, sender) if row.kind == "SendMail" else None,
    }


def _open(opened: Services, effect: str) -> str:
    from kulanz.store import outbox

    with opened.database.read() as conn:
        row = outbox.get(conn, effect)
    if row is None:
        raise NotFoundError(f"no effect {effect!r}")
    if row.state == "done":
        raise RefusedError(f"{effect} is done: it is not done again")
    return row.id


def _make_due(tx: Connection, chosen: set[str]) -> int:
    from kulanz.runtime.clock import real_now
    from kulanz.store import outbox

    return outbox.retry(tx, chosen, real_now())


effects.add_command(
    retry_command(
        RetryKind(
            one="effect",
            states=("parked", "todo", "unknown", "pending"),
            named=str,
            find=_open,
            make_due=_make_due,
            notify=lambda opened: opened.notifier.notify(EFFECTS_QUEUE),
        ),
        "Make effects due at once. What was done is never done again.",
    )
)
effects.add_command(
    groups_command(
        "effects",
        "Group the outgoing actions that failed by state, type and reason, with the time of the first and the last.",
    )
)
