"""A person's order about an account: how a command gives one, and how its outcome is printed."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from kulanz.cli.options import actor_option, dry_run_option, emit, json_option, pairs, services, silent_option

if TYPE_CHECKING:
    from kulanz.commands.commands import Command
    from kulanz.policy.state import Decision


def orders(function: Callable[..., Command]) -> Callable[..., None]:
    """Let a command give the order that its function returns, about its argument `account`, as all orders are given."""

    @dry_run_option
    @actor_option
    @silent_option
    @json_option
    @wraps(function)
    def give(*, account: str, dry_run: bool, actor: str, silent: bool, as_json: bool, **document: Any) -> None:
        order(account, function(**document), actor=actor, dry_run=dry_run, silent=silent, as_json=as_json)

    return give


def order(
    account: str,
    command: Command,
    *,
    actor: str,
    dry_run: bool,
    as_json: bool,
    signed_in: bool = False,
    silent: bool = False,
) -> None:
    """Execute a command and print the consequences; `signed_in`: the actor is the name of a token that was shown."""
    from kulanz.commands import execute
    from kulanz.commands.commands import Closing
    from kulanz.privacy import vacuum
    from kulanz.queries import accounts
    from kulanz.queries.sentences import sentence
    from kulanz.store.codec import change_document

    with services() as opened:
        decision = execute.command(opened, account, command, actor, signed_in=signed_in, dry_run=dry_run, silent=silent)
        outcome = _outcome(decision) if dry_run else dict(pairs(accounts.account_document(opened, account)))
        if isinstance(command, Closing) and not dry_run:
            vacuum.vacuum(opened)  # At once; else the clock does it.
    said = [sentence(change_document(change)) for change in decision.changes]
    document = {"account": outcome, "changes": said, "dry_run": dry_run, "actor": actor}

    def show() -> None:
        for line in said or ["Nothing changes."]:
            click.echo(f"{'would be: ' if dry_run else ''}{line}")
        click.echo(f"{account}: {outcome['standing']}, plan {outcome['plan']}, access {outcome['access']}")

    emit(document, as_json, show)


def _outcome(decision: Decision) -> dict[str, Any]:
    account = decision.account
    return {
        "account_id": account.id,
        "standing": str(account.standing),
        "plan": account.plan,
        "access": str(account.access),
    }
