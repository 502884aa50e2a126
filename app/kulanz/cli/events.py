"""`kulanz events`: the inbox."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kulanz.cli.listing import limit_option
from kulanz.cli.options import (
    PAIR,
    actor_option,
    an_event,
    dry_run_option,
    emit,
    instant,
    json_option,
    services,
    table,
    words,
)
from kulanz.cli.retrying import RetryKind, groups_command, retry_command
from kulanz.errors import NotFoundError, RefusedError

if TYPE_CHECKING:
    from kulanz.services import Services
    from kulanz.store.database import Connection
    from kulanz.store.inbox import Event

EVENT_STATES = ("received", "handled", "ignored", "waiting", "parked", "quarantined")
EVENT_COLUMNS = ("id", "state", "event_name", "account_id", "received_at", "attempts", "reason")
RETRYABLE_STATES = ("parked", "quarantined", "waiting", "ignored")
state_option = click.option("--state", type=click.Choice(EVENT_STATES))


@click.group()
def events() -> None:
    """Look after the inbox."""


@events.command(name="list")
@state_option
@click.option("--since", type=instant, help="Received at or after this time.")
@limit_option
@json_option
def list_(*, state: str | None, since: datetime | None, limit: int, as_json: bool) -> None:
    """List events, newest first."""
    from kulanz.store import inbox

    with services() as opened, opened.database.read() as conn:
        matches = [_document(event) for event in inbox.listing(conn, state, since, limit)]
    rows = [[event[column] for column in EVENT_COLUMNS] for event in matches]
    emit({"events": matches}, as_json, table(EVENT_COLUMNS, rows))


@events.command()
@click.argument("event", metavar="ID")
@json_option
def show(*, event: str, as_json: bool) -> None:
    """Show what is known of one event, and why it waits; its content stays encrypted."""
    from kulanz.queries import waits

    with services() as opened:
        stored_event = _found(opened, an_event(event))
        with opened.database.read() as conn:
            conditions = waits.of_event(conn, stored_event)
    document = _document(stored_event) | {
        "provider": stored_event.provider,
        "mode": stored_event.mode,
        "waits_for": stored_event.waits_for,
        "waits": [wait.document() for wait in conditions],
    }

    def tell() -> None:
        table(PAIR, [pair for pair in document.items() if pair[0] != "waits"])()
        for wait in conditions:
            click.echo(f"\n{wait.read()}")
        if stored_event.state in RETRYABLE_STATES:
            click.echo(
                f"\ntry it again: kulanz events retry {event}\nlet it go:    kulanz events skip {event} --reason …"
            )

    emit(document, as_json, tell)


@events.command()
@click.argument("event", metavar="ID")
@click.option("--reason", type=words, required=True)
@dry_run_option
@actor_option
@json_option
def skip(*, event: str, reason: str, dry_run: bool, actor: str, as_json: bool) -> None:
    """Ignore an event from now on."""
    from kulanz.processing import circuit_breaker
    from kulanz.store import inbox

    with services() as opened:
        stored_event = _found(opened, an_event(event))
        if stored_event.state == "handled":
            raise RefusedError(f"{event} is handled: only an event that is not can be skipped")
        if not dry_run:
            with opened.database.write() as tx:
                if not inbox.skip(tx, stored_event.id, f"{reason} ({actor})"):
                    raise RefusedError(f"{event} was handled meanwhile")
                circuit_breaker.recheck_waiting(tx, opened.clock.now(tx))
            opened.notifier.notify()
    document = {"id": f"evt_{stored_event.id}", "skipped": not dry_run, "dry_run": dry_run, "actor": actor}
    emit(document, as_json, f"evt_{stored_event.id} {'would be' if dry_run else 'is'} ignored")


@events.command()
@click.argument("events_named", metavar="ID...", nargs=-1)
@click.option("--account", help="All events of an account.")
@click.option("--anonymise", is_flag=True, help="Replace every personal value; without it nothing is exported.")
@click.option("--to", "folder", required=True, type=click.Path(file_okay=False, path_type=Path), help="A new folder.")
@json_option
def export(*, events_named: tuple[str, ...], account: str | None, anonymise: bool, folder: Path, as_json: bool) -> None:
    """Write events as files without personal data, to report a fault."""
    from kulanz.privacy.anonymising import EXPORT_SIGNER
    from kulanz.queries import exports

    if not anonymise:
        raise click.UsageError("events hold personal data: they are exported with --anonymise only")
    if bool(events_named) == (account is not None):
        raise click.UsageError("name events, or an --account")
    with services() as opened:
        chosen = [_found(opened, an_event(event)) for event in events_named] or exports.of_account(
            opened, account or ""
        )
        exported = exports.anonymised(opened, chosen)
    _write(folder, exported.files)
    document = {"folder": str(folder), "files": len(exported.files), "left_out": exported.left_out}
    note = f"{len(exported.files)} events in {folder}, {exported.left_out} left out as nothing of them is kept"
    emit(document, as_json, f"{note}\nsigned claims in them are signed with KULANZ_ACCOUNT_SECRET={EXPORT_SIGNER}")


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files that only the user can read into a folder that was not there, or had nothing in it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise RefusedError(f"{folder} is not empty")
        for name, body in files.items():
            with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(body)
    except OSError as error:
        raise RefusedError(f"{folder}: {error.strerror or 'cannot be written'}") from error


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
    from kulanz.store import inbox

    with opened.database.read() as conn:
        stored_event = inbox.find(conn, event)
    if stored_event is None:
        raise NotFoundError(f"no event {event}")
    return stored_event


def _number(opened: Services, event: str) -> int:
    return _found(opened, event).id


def _make_due(tx: Connection, chosen: set[int]) -> int:
    from kulanz.store import inbox

    return inbox.retry(tx, ids=chosen)


events.add_command(
    retry_command(
        RetryKind(
            one="event",
            states=RETRYABLE_STATES,
            named=an_event,
            find=_number,
            make_due=_make_due,
            notify=lambda opened: opened.notifier.notify(),
        ),
        "Retry events now and reset their attempt count.",
    )
)
events.add_command(
    groups_command(
        "events", "Group the events that are not applied by state and reason, with the time of the first and the last."
    )
)
