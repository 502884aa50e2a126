"""`kulanz clock`: the clock process, and the test clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from kulanz.cli.options import (
    actor_option,
    dry_run_option,
    emit,
    instant,
    json_option,
    name_misspelt_settings,
    services,
    shown,
    span,
)
from kulanz.config.parsing import loopback
from kulanz.errors import RefusedError

if TYPE_CHECKING:
    from kulanz.services import Services


@click.group()
def clock() -> None:
    """Run the clock, or set the test clock."""


@clock.command()
def run() -> None:
    """Wake the workers every second for due work, until SIGTERM."""
    from kulanz.cli.processes import replace_by_worker

    name_misspelt_settings()
    replace_by_worker("clock")


@clock.command()
@json_option
def show(*, as_json: bool) -> None:
    """Print the policy's time, and whether the host's clock is believed."""
    from kulanz.runtime import clock_guard
    from kulanz.runtime.clock import real_now

    with services() as opened, opened.database.read() as conn:
        now, jump = opened.clock.now(conn), clock_guard.jump(conn)
        test = opened.clock.test_time(conn) is not None
    document = {"now": now, "test": test, "real": real_now(), "jump": jump}
    warning = "\nthe host's clock has jumped: no timer fires until `kulanz clock accept`" if jump else ""
    emit(document, as_json, f"{shown(now)} ({'test clock, standing still' if test else 'real time'}){warning}")


@clock.command(name="set")
@click.argument("at", type=instant)
@dry_run_option
@actor_option
@json_option
def set_(*, at: datetime, dry_run: bool, actor: str, as_json: bool) -> None:
    """Jump to a time, as after an outage; the clock stands still there."""
    with services() as opened:
        permit(opened)
        _warn_of_going_back(opened, at)
        if not dry_run:
            with opened.clock.lease():
                opened.clock.set(at)
    emit({"now": at, "dry_run": dry_run, "actor": actor}, as_json, shown(at))


@clock.command()
@click.argument("by", type=span)
@click.option("--no-wait", is_flag=True, help="Return at once.")
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Seconds without progress."
)
@dry_run_option
@actor_option
@json_option
def advance(*, by: timedelta, no_wait: bool, timeout: float, dry_run: bool, actor: str, as_json: bool) -> None:
    """Advance from due time to due time; the clock stops at each until the work due then is done."""
    from kulanz.cli.advance import go_on, jump_by, later

    with services() as opened:
        permit(opened)
        if dry_run:
            now = later(opened.clock.now(), by)
        else:
            with opened.clock.lease(0.0 if no_wait else timeout) as lease:
                now = jump_by(opened, by) if no_wait else go_on(opened, lease, by, timeout)
    emit({"now": now, "dry_run": dry_run, "actor": actor}, as_json, shown(now))


@clock.command()
@dry_run_option
@actor_option
@json_option
def reset(*, dry_run: bool, actor: str, as_json: bool) -> None:
    """Go back to real time."""
    from kulanz.runtime.clock import real_now

    with services() as opened:
        permit(opened)
        if not dry_run:
            with opened.clock.lease():
                opened.clock.reset()
    now = real_now()
    emit({"now": now, "dry_run": dry_run, "actor": actor}, as_json, f"{shown(now)} (real time)")


@clock.command()
@dry_run_option
@actor_option
@json_option
def accept(*, dry_run: bool, actor: str, as_json: bool) -> None:
    """Believe the host's clock after it has jumped, so that timers fire again."""
    from kulanz.runtime import clock_guard
    from kulanz.runtime.clock import real_now

    with services() as opened:
        with opened.database.write() as tx:
            jump = clock_guard.jump(tx)
            if not dry_run:
                clock_guard.accept(tx, real_now())
        opened.notifier.notify()
    document = {"accepted": jump, "dry_run": dry_run, "actor": actor}
    emit(document, as_json, "timers fire again" if jump else "the clock had not jumped: nothing to accept")


def _warn_of_going_back(opened: Services, at: datetime) -> None:
    """Warn if the clock is set back before recorded decisions; with an empty database any time is allowed."""
    from kulanz.store import accounts

    with opened.database.read() as conn:
        now, existing = opened.clock.now(conn), accounts.count(conn)
    if at < now and existing:
        click.echo(f"kulanz: back from {shown(now)} to {shown(at)}; what was decided meanwhile stays", err=True)


def permit(opened: Services) -> None:
    """Refuse the test clock unless it is allowed, and never with a key that can touch live money."""
    if not opened.settings.test_clock:
        raise RefusedError("the test clock is not allowed: set KULANZ_TEST_CLOCK=1, with test data only")
    for name, client in opened.clients.items():
        if not loopback(client.api_url) and not client.test_mode():
            raise RefusedError(f"the test clock is refused: {name.upper()}_API_KEY is a live-mode key")
