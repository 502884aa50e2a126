"""`kulanz lemonsqueezy`: commands for this provider only."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kulanz.cli.options import actor_option, dry_run_option, emit, json_option, services
from kulanz.cli.progress import pages
from kulanz.errors import InvalidInputError, RefusedError

if TYPE_CHECKING:
    from kulanz.reconcile import Import


@click.group()
def lemonsqueezy() -> None:
    """Register the webhook, and take a store in."""


@lemonsqueezy.command(name="import")
@click.option(
    "--accounts",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="CSV with the columns customer_id and account_id: the API does not return the accounts.",
)
@click.option("--restart", is_flag=True, help="Begin at the first page, not where an earlier run broke off.")
@actor_option
@dry_run_option
@json_option
def import_(*, accounts: Path | None, restart: bool, actor: str, dry_run: bool, as_json: bool) -> None:
    """Turn an existing store's subscriptions, orders, invoices and licence keys into accounts.

    The next run resumes an interrupted one; running it twice changes nothing.
    """
    from kulanz.reconcile import import_store

    named = _named(accounts) if accounts is not None else {}
    with services() as opened, pages() as progress:
        outcome = import_store(opened, named=named, restart=restart, dry_run=dry_run, progress=progress)
    emit(_document(outcome, actor, dry_run=dry_run), as_json, lambda: _print(outcome, dry_run=dry_run))


@lemonsqueezy.command()
@click.argument("url")
@click.option("--store", help="The store's id [default: LEMONSQUEEZY_STORE_ID, where it is one].")
@actor_option
@dry_run_option
@json_option
def setup(*, url: str, store: str | None, actor: str, dry_run: bool, as_json: bool) -> None:
    """Register the webhook at the provider: URL is where it reaches us, with our newest secret and all our events."""
    from dataclasses import asdict

    from kulanz.reconcile.setup import register

    with services() as opened:
        client = opened.patient_clients().get("lemonsqueezy")
        if client is None:
            raise RefusedError("LEMONSQUEEZY_API_KEY is not set: the provider cannot be asked")
        made = register(client, opened.settings, url, store, dry_run=dry_run)
    words = f"{'would be ' if dry_run else ''}{made.done}: {made.url}, store {made.store}"
    mode = "test" if made.test_mode else "live"
    emit({**asdict(made), "dry_run": dry_run, "actor": actor}, as_json, f"{words}, {mode} mode")


def _named(path: Path) -> dict[str, str]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    try:
        return {row["customer_id"].strip(): row["account_id"].strip() for row in rows}
    except (KeyError, AttributeError) as error:
        raise InvalidInputError(f"{path}: the columns customer_id and account_id are needed") from error


def _document(outcome: Import, actor: str, *, dry_run: bool) -> dict[str, Any]:
    return {
        "read": dict(outcome.read),
        "new": dict(outcome.new),
        "unreadable": outcome.unreadable,
        "resumed_at": outcome.resumed_at,
        "dry_run": dry_run,
        "actor": actor,
    }


def _print(outcome: Import, *, dry_run: bool) -> None:
    if outcome.resumed_at is not None:
        click.echo(f"taken up again at {outcome.resumed_at}")
    for kind, count in outcome.read.items():
        click.echo(f"{kind}: {count} read, {outcome.new[kind]} {'would be' if dry_run else ''} new".replace("  ", " "))
    for line in outcome.unreadable:
        click.echo(f"unreadable: {line}")
