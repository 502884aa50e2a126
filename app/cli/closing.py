"""`kulanz account close / stay / approve-deletion / erase`: when an organisation, or its data, go."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from app.cli.options import actor_option, dry_run_option, json_option, words, yes_option

if TYPE_CHECKING:
    from app.ordering.commands import Closing


@click.command()
@click.argument("ident", metavar="ID")
@click.option("--reason", type=words, default="", help="Why, if it is known.")
@actor_option
@dry_run_option
@json_option
def close(*, ident: str, reason: str, actor: str, dry_run: bool, as_json: bool) -> None:
    """Record that the organisation asks to be deleted: what it subscribed to runs out first, and gives no refund."""
    from app.ordering.commands import RequestClosure

    _order(ident, RequestClosure(reason=reason), actor, dry_run=dry_run, as_json=as_json)


@click.command()
@click.argument("ident", metavar="ID")
@click.option("--reason", type=words, default="", help="Why, if it is known.")
@actor_option
@dry_run_option
@json_option
def stay(*, ident: str, reason: str, actor: str, dry_run: bool, as_json: bool) -> None:
    """Take a closure back that is not done yet."""
    from app.ordering.commands import WithdrawClosure

    _order(ident, WithdrawClosure(reason=reason), actor, dry_run=dry_run, as_json=as_json)


@click.command(name="approve-deletion")
@click.argument("ident", metavar="ID")
@click.option("--reason", type=words, required=True, help="Why; it is shown with the decision.")
@click.option("--subject", type=words, help="The closure or chargeback [default: the only one].")
@actor_option
@dry_run_option
@json_option
def approve_deletion(*, ident: str, reason: str, subject: str | None, actor: str, dry_run: bool, as_json: bool) -> None:
    """Approve that an account's data go, where the policy asks for that."""
    from app.ordering.commands import ApproveDeletion

    _order(ident, ApproveDeletion(reason=reason, subject=subject), actor, dry_run=dry_run, as_json=as_json)


@click.command()
@click.argument("ident", metavar="ID")
@click.option("--reason", type=words, required=True, help="Why; it is kept, so it should name nobody.")
@actor_option
@dry_run_option
@yes_option
@json_option
def erase(*, ident: str, reason: str, actor: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Destroy what is personal of an account at once (a person's right), but for what the law keeps."""
    from app.ordering.commands import EraseAccount

    if not (yes or dry_run) and sys.stdin.isatty():
        click.confirm(f"Destroy the data of {ident}? This cannot be undone.", abort=True, err=True)
    _order(ident, EraseAccount(reason=reason), actor, dry_run=dry_run, as_json=as_json)


COMMANDS = (close, stay, approve_deletion, erase)


def _order(ident: str, command: Closing, actor: str, *, dry_run: bool, as_json: bool) -> None:
    from app.cli.account import order

    order(ident, command, actor=actor, dry_run=dry_run, as_json=as_json)
    if not dry_run:
        _scrub()


def _scrub() -> None:
    """Let the database forget at once what it has kept of overwritten rows; else the clock does it."""
    from app.cli.options import services
    from app.keeping import scrubbing

    with services() as opened:
        scrubbing.scrub(opened)
