"""`retry --all`: with the count first, a bar for who looks on, and the next run going on where one was stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from app.cli.options import confirm, shown
from app.cli.progress import pages

if TYPE_CHECKING:
    from app.bulk_retry import Turn
    from app.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOrder:
    """What is to be tried again, by whom, and whether it is meant."""

    what: str
    state: str
    actor: str
    restart: bool
    dry_run: bool
    yes: bool


def retry_all(opened: Services, order: BulkOrder) -> int:
    """Let all of a state be due again; return how many were, or would be."""
    from app import bulk_retry

    turn = _turn(opened, order)
    with opened.database.read() as conn:
        count = bulk_retry.remaining(conn, turn)
    if order.dry_run:
        return count
    confirm(count, f"{order.state} {order.what} to be tried again", yes=order.yes)
    begun_with = turn.done
    with pages() as progress:
        while not turn.finished:
            turn = bulk_retry.step(opened, turn, order.actor, kept=True)
            progress(order.what, turn.done - begun_with, max(count, turn.done - begun_with))
    return turn.done - begun_with


def _turn(opened: Services, order: BulkOrder) -> Turn:
    """Return the run that was stopped, or a new one."""
    from app import bulk_retry

    with opened.database.read() as conn:
        stopped = None if order.restart else bulk_retry.unfinished(conn, order.what, order.state)
        begun = bulk_retry.begin(conn, order.what, order.state)
    if stopped is None:
        return begun
    since = f"the run of {shown(stopped.began_at)}, which was stopped after {stopped.done}"
    click.echo(f"going on with {since}; --restart begins anew", err=True)
    return stopped
