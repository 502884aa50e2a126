"""Commands that run one part of an instance, as a platform's Procfile does."""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import asdict
from typing import Any

import click

from kulanz.cli.listening import listening_address
from kulanz.cli.options import (
    actor_option,
    dry_run_option,
    emit,
    json_option,
    name_misspelt_settings,
    refuse_a_missing_file,
    refuse_unfit_words,
    services,
    table,
)
from kulanz.cli.up.supervisor import Process, Supervisor, python
from kulanz.config import Settings, environment, load
from kulanz.errors import ConfigurationError, RefusedError
from kulanz.formats.wording import how_many
from kulanz.runtime import parent_watch as ties

HONCHO = "HONCHO_PROCESS_NAME"
"""The variable by which `honcho start` names each process of a Procfile, `release` among them."""
EVERYWHERE = "0.0.0.0"  # noqa: S104 - a platform's router is outside


@click.command()
@click.option("--host", help="Address to listen on [default: KULANZ_HOST or 0.0.0.0].")
@click.option("--processes", type=click.IntRange(1), default=1, show_default=True, help="How many answer on the port.")
@click.option("--leash", type=int, hidden=True, help="Descriptor that closes when our starter is gone.")
def web(*, host: str | None, processes: int, leash: int | None) -> None:
    """Run the web process on PORT."""
    settings = load(environment())
    if leash is None:
        name_misspelt_settings()
        _name_fault_of_redis(settings)
    _require_an_endpoint(settings)
    refuse_unfit_words(settings)
    address = listening_address((settings.host or EVERYWHERE) if host is None else host, settings.port)
    from kulanz.web import server

    ties.exit_with_parent(leash)
    server.run(settings, host=address, processes=processes)


@click.command()
@click.option("--burst", is_flag=True, help="Work until nothing is due, then end; needs no Redis.")
def worker(*, burst: bool) -> None:
    """Run the workers of both queues, each a process of its own."""
    settings = load(environment())
    name_misspelt_settings()
    _name_fault_of_redis(settings)
    refuse_unfit_words(settings)
    if burst:
        refuse_a_missing_file(settings.database_url)
        replace_by_worker("burst")
    stopping = _stopped_by_signal()
    with Supervisor(variables=environment(), say=lambda line: click.echo(line, err=True)) as supervisor:
        for role in ("events", "effects"):
            supervisor.start(Process(name=role, command=python("kulanz_workers", role)))
        supervisor.watch(stopping)


@click.command()
@click.option("--to", "to_url", metavar="URL", help="Move everything into this new database instead, and compare.")
@click.option("--accept", is_flag=True, help="Upgrade although more accounts may change than the mass-action limit.")
@dry_run_option
@actor_option
@json_option
def migrate(*, to_url: str | None, accept: bool, dry_run: bool, actor: str, as_json: bool) -> None:
    """Migrate the database to this version's schema, or move it to another database with --to.

    Stop web, workers and clock before a move. Repeat the command to resume an interrupted move.
    """
    if to_url is not None:
        _move(to_url, actor=actor, dry_run=dry_run, as_json=as_json)
        return
    from kulanz.store import migrate as migration
    from kulanz.store.database import Database

    settings = load(environment())
    if dry_run:
        refuse_a_missing_file(settings.database_url)
    else:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(settings.database_url)
    try:
        before = migration.current(database)
        has_owners = before is None or before >= migration.OWNERS
        differing = [] if has_owners else _owners_report(accept=accept or dry_run)
        if not dry_run:
            migration.upgrade(database)
            _bring_accounts(settings)
        after = migration.head() if dry_run else migration.current(database)
    finally:
        database.dispose()
    document = {"from": before, "to": after, "owners": differing, "dry_run": dry_run, "actor": actor}
    words = f"database at {after}" + (" already" if before == after else "")

    def show() -> None:
        if differing:
            table(_DIFFERENCE, [tuple(each.values()) for each in differing])()
        click.echo(f"would bring the database from {before} to {after}" if dry_run else words)

    emit(document, as_json, show)
    if HONCHO in environment() and not dry_run:
        click.echo("kulanz: note: `honcho start` ends all once one process has ended, so this one stays", err=True)
        _stopped_by_signal().wait()


def _move(url: str, *, actor: str, dry_run: bool, as_json: bool) -> None:
    """Copy everything into another database; the old one stays unchanged."""
    from kulanz.privacy import moving
    from kulanz.services import build

    with services() as opened:
        target = build(load(environment() | {"DATABASE_URL": url}))
        try:
            if dry_run:
                rows = moving.admit(opened, target)
                document: dict[str, Any] = {"rows": rows}
                said = f"would move {how_many(rows, 'row')} to {target.database.dialect}"
            else:
                moved = moving.move(opened, target, actor=actor)
                document = asdict(moved)
                said = (
                    f"moved {how_many(moved.accounts, 'account')} with {how_many(moved.decisions, 'decision')}"
                    f" ({how_many(moved.rows, 'row')}, {moved.written} written now); both databases are alike, and the"
                    " ledger is whole. Set DATABASE_URL to the new one, then start web, workers and clock"
                )
        finally:
            target.close()
    emit(document | {"dry_run": dry_run, "actor": actor}, as_json, said)


def _bring_accounts(settings: Settings) -> None:
    from kulanz import services
    from kulanz.commands import books, shared_purchases

    built = services.build(settings)
    try:
        books.rebuild(built)
        shared_purchases.note(built)
    finally:
        built.close()


def _owners_report(*, accept: bool) -> list[dict[str, str]]:
    """Return the accounts that one owner for every purchase would change; refuse if they are too many."""
    from kulanz.queries import ownership

    with services() as opened:
        found = ownership.report(opened)
        refused = not accept and ownership.exceeds_limit(opened, found)
    rows = [dict(zip(_DIFFERENCE, (each.account, each.kind, each.of), strict=True)) for each in found.differences]
    if refused:
        table(_DIFFERENCE, [tuple(row.values()) for row in rows])()
        raise RefusedError(f"{found.changing} accounts may lose something, more than the mass-action limit: --accept")
    return rows


_DIFFERENCE = ("account", "difference", "of")


def replace_by_worker(role: str) -> None:
    """Become a worker process."""
    sys.stdout.flush()
    os.execv(sys.executable, python("kulanz_workers", role))  # noqa: S606 - our own command


def _name_fault_of_redis(settings: Settings) -> None:
    """Log a Redis that cannot carry wake-up signals; work continues without it, a second later."""
    from kulanz.runtime import redis_faults

    if fault := redis_faults.at(settings.redis_url):
        click.echo(f"kulanz: note: REDIS_URL: {fault.found}: {fault.advice}", err=True)


def _stopped_by_signal() -> threading.Event:
    """Return the flag that SIGINT and SIGTERM set from now on."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def _require_an_endpoint(settings: Settings) -> None:
    if not any(
        (
            settings.lemonsqueezy_webhook_secrets,
            settings.stripe_webhook_secrets,
            settings.paddle_webhook_secrets,
            settings.standard_webhook_secrets,
        )
    ):
        raise ConfigurationError(["no endpoint has a secret: set LEMONSQUEEZY_WEBHOOK_SECRETS"])
