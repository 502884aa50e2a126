"""`retry`: some objects by their ids, or all with a progress bar, resuming an earlier run that was stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    table,
    yes_option,
)
from kulanz.cli.progress import pages
from kulanz.formats.wording import how_many

if TYPE_CHECKING:
    from kulanz.processing.bulk_retry import BulkRetry
    from kulanz.services import Services
    from kulanz.store.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryKind:
    """A kind of object that can be retried: its name, its look-up, and the function that makes it due."""

    one: str
    """Its name in the singular."""
    states: Sequence[str]
    """From which it can be tried again."""
    named: Callable[[str], str]
    """Reads an id; raises click.BadParameter."""
    find: Callable[[Services, str], Any]
    """Returns the key of one; raises what says why there is none, or why it is not tried again."""
    make_due: Callable[[Connection, set[Any]], int]
    """Makes these due again; returns how many it did."""
    notify: Callable[[Services], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOrder:
    """Arguments of a bulk retry: what, by which operator, and whether it is confirmed."""

    what: str
    state: str
    actor: str
    restart: bool
    dry_run: bool
    yes: bool
    reason: str | None
    type: str


def retry_command(kind: RetryKind, help_text: str) -> click.Command:
    """Return `retry` for a kind."""

    @click.command(name="retry", help=help_text)
    @click.argument("ids", metavar="ID...", nargs=-1, type=kind.named)
    @click.option("--all", "every", is_flag=True, help=f"Every {kind.one} of a state; a stopped run is resumed.")
    @click.option("--state", type=click.Choice(kind.states), default="parked", show_default=True, help="With --all.")
    @click.option("--restart", is_flag=True, help="With --all: start again instead of resuming a stopped run.")
    @click.option("--reason", help="With --all: only those that are stuck for this reason, as `groups` lists it.")
    @click.option("--type", default="", help="With --reason: the type of the outgoing actions, as `groups` lists it.")
    @dry_run_option
    @yes_option
    @actor_option
    @json_option
    def retry(*, ids: tuple[str, ...], every: bool, as_json: bool, **document: Any) -> None:
        if bool(ids) is every:
            raise click.UsageError(f"give {kind.one} ids, or --all")
        if document["type"] and document["reason"] is None:
            raise click.UsageError("--type goes with --reason")
        order = BulkOrder(what=f"{kind.one}s", **document)
        with services() as opened:
            count = _retry_all(opened, order) if every else _retry_some(opened, kind, ids, order)
            if not order.dry_run:
                kind.notify(opened)
        said = f"{how_many(count, kind.one)} {'would' if order.dry_run else 'to'} be tried again"
        emit({"retried": count, "dry_run": order.dry_run, "actor": order.actor}, as_json, said)

    return retry


def _retry_some(opened: Services, kind: RetryKind, ids: Sequence[str], order: BulkOrder) -> int:
    chosen = {kind.find(opened, each) for each in ids}
    if order.dry_run:
        return len(chosen)
    confirm(len(chosen), f"{order.what} to be tried again", yes=order.yes)
    with opened.database.write() as tx:
        return kind.make_due(tx, chosen)


def _retry_all(opened: Services, order: BulkOrder) -> int:
    """Let all of a state be due again; return how many were, or would be."""
    from kulanz.processing import bulk_retry

    retry = _begun(opened, order)
    with opened.database.read() as conn:
        count = bulk_retry.remaining(conn, retry)
    if order.dry_run:
        return count
    confirm(count, f"{order.state} {order.what} to be tried again", yes=order.yes)
    begun_with = retry.done
    with pages() as progress:
        while not retry.finished:
            retry = bulk_retry.step(opened, retry, order.actor, kept=True)
            progress(order.what, retry.done - begun_with, max(count, retry.done - begun_with))
    return retry.done - begun_with


def _begun(opened: Services, order: BulkOrder) -> BulkRetry:
    """Return the run that was stopped, or a new one."""
    from kulanz.processing import bulk_retry

    with opened.database.read() as conn:
        begun = bulk_retry.begin(conn, order.what, order.state, reason=order.reason, type=order.type)
        stopped = None if order.restart else bulk_retry.unfinished(conn, begun)
    if stopped is None:
        return begun
    since = f"the run of {shown(stopped.began_at)}, which was stopped after {stopped.done}"
    click.echo(f"resuming {since}; --restart starts again", err=True)
    return stopped


def groups_command(what: str, help_text: str) -> click.Command:
    """Return `groups` for `events` or `effects`."""

    @click.command(name="groups", help=help_text)
    @json_option
    def groups(*, as_json: bool) -> None:
        from kulanz.queries import attention

        with services() as opened, opened.database.read() as conn:
            found = attention.events(conn) if what == "events" else attention.effects(conn)
        columns = ("number", "state", *(("type",) if what == "effects" else ()), "since", "until", "reason")
        emit({"groups": found}, as_json, table(columns, [[getattr(row, name) for name in columns] for row in found]))

    return groups
