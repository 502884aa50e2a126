"""`kulanz events`: the inbox."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from app.cli.options import (
    actor_option,
    an_event,
    confirm,
    dry_run_option,
    emit,
    instant,
    json_option,
    services,
    table,
    words,
    yes_option,
)
from app.cli.retrying import BulkOrder, retry_all
from app.errors import NotFoundError, RefusedError

if TYPE_CHECKING:
    from app.services import Services
    from app.store.inbox import Event

STATES = ("received", "handled", "ignored", "waiting", "parked", "quarantined")
COLUMNS = ("id", "state", "event_name", "account_id", "received_at", "attempts", "reason")
RETRYABLE = ("parked", "quarantined", "waiting", "ignored")
state_option = click.option("--state", type=click.Choice(STATES))


@click.group()
def events() -> None:
    """Look after the inbox."""


@events.command(name="list")
@state_option
@click.option("--since", type=instant, help="Received at or after this instant.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@json_option
def list_(*, state: str | None, since: datetime | None, limit: int, as_json: bool) -> None:
    """List events, newest first."""
    from app.store import inbox

    with services() as opened, opened.database.read() as conn:
        found = [_document(event) for event in inbox.listing(conn, state, since, limit)]
    rows = [[event[column] for column in COLUMNS] for event in found]
    emit({"events": found}, as_json, table(COLUMNS, rows, "no such event"))


@events.command()
@click.argument("event", metavar="ID")
@json_option
def show(*, event: str, as_json: bool) -> None:
    """Show what is known of one event; its content stays sealed."""
    with services() as opened:
        found = _found(opened, an_event(event))
    document = _document(found) | {"provider": found.provider, "mode": found.mode, "waits_for": found.waits_for}

    def tell() -> None:
        table(("field", "value"), list(document.items()), "")()
        if found.state in RETRYABLE:
            click.echo(
                f"\ntry it again: kulanz events retry {event}\nlet it go:    kulanz events skip {event} --reason …"
            )

    emit(document, as_json, tell)


@events.command()
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every event of a state; a run that was stopped is taken up again.")
@click.option("--state", type=click.Choice(RETRYABLE), default="parked", show_default=True, help="With --all.")
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
    """Make events due again as if they had never been tried, and ring."""
    if bool(ids) is every:
        raise click.UsageError("give event ids, or --all")
    named = [an_event(each) for each in ids]
    with services() as opened:
        ask = BulkOrder(what="events", state=state, actor=actor, restart=restart, dry_run=dry_run, yes=yes)
        count = retry_all(opened, ask) if every else _retry(opened, named, dry_run=dry_run, yes=yes)
        if not dry_run:
            opened.bell.ring()
    word = "would be tried again" if dry_run else "to be tried again"
    emit({"retried": count, "dry_run": dry_run, "actor": actor}, as_json, f"{count} event{'s' * (count != 1)} {word}")


@events.command()
@click.argument("event", metavar="ID")
@click.option("--reason", type=words, required=True)
@dry_run_option
@actor_option
@json_option
def skip(*, event: str, reason: str, dry_run: bool, actor: str, as_json: bool) -> None:
    """Ignore an event from now on."""
    from app import brake
    from app.store import inbox

    with services() as opened:
        found = _found(opened, an_event(event))
        if not dry_run:
            with opened.database.write() as tx:
                skipped = inbox.skip(tx, found.id, f"{reason} ({actor})")
                brake.look_again(tx, opened.clock.now(tx))
            if not skipped:
                raise RefusedError(f"{event} is {found.state}: only an event that is not handled can be skipped")
            opened.bell.ring()
    document = {"id": f"evt_{found.id}", "skipped": not dry_run, "dry_run": dry_run}
    emit(document, as_json, f"evt_{found.id} {'would be' if dry_run else 'is'} ignored")


def _document(event: Event) -> dict[str, Any]:
    return {
        "id": f"evt_{event.id}",
        "state": event.state,
        "event_name": event.name,
        "account_id": event.account,
        "received_at": event.received_at,
        "attempts": event.attempts,
        "reason": event.reason,
    }


def _found(opened: Services, event: str) -> Event:
    from app.store import inbox

    with opened.database.read() as conn:
        found = inbox.find(conn, event)
    if found is None:
        raise NotFoundError(f"no event {event}")
    return found


def _retry(opened: Services, named: list[str], *, dry_run: bool, yes: bool) -> int:
    from app.store import inbox

    numbers = {_found(opened, event).id for event in named}
    if dry_run:
        return len(numbers)
    confirm(len(numbers), "events to be tried again", yes=yes)
    with opened.database.write() as tx:
        return inbox.retry(tx, ids=numbers)
