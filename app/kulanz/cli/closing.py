"""`kulanz account close / stay / approve-deletion / erase`: when an organisation, or its data, go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kulanz.cli.command import order, orders
from kulanz.cli.options import actor_option, agree, dry_run_option, json_option, words, yes_option

if TYPE_CHECKING:
    from kulanz.commands.commands import Command

id_argument = click.argument("account", metavar="ID")
why_option = click.option("--reason", type=words, default="", help="Why, if it is known.")


@click.command()
@id_argument
@why_option
@orders
def close(**told: Any) -> Command:
    """Record that the organisation asks to be deleted: its subscriptions run out first, without a refund."""
    from kulanz.commands.commands import RequestClosure

    return RequestClosure(**told)


@click.command()
@id_argument
@why_option
@orders
def stay(**told: Any) -> Command:
    """Take a closure back that is not done yet."""
    from kulanz.commands.commands import WithdrawClosure

    return WithdrawClosure(**told)


@click.command(name="approve-deletion")
@id_argument
@click.option("--reason", type=words, required=True, help="Why; it is shown with the decision.")
@click.option("--subject", type=words, help="The closure or chargeback [default: the only one].")
@orders
def approve_deletion(**told: Any) -> Command:
    """Approve that an account's data go, where the policy asks for that."""
    from kulanz.commands.commands import ApproveDeletion

    return ApproveDeletion(**told)


@click.command()
@id_argument
@click.option("--reason", type=words, required=True, help="The reason; it is kept, so it should contain no names.")
@actor_option
@dry_run_option
@yes_option
@json_option
def erase(*, account: str, reason: str, actor: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Destroy an account's personal data at once (a person's right), except for what the law keeps."""
    from kulanz.commands.commands import EraseAccount

    if not (yes or dry_run):
        agree(f"Destroy the data of {account}? This cannot be undone.")
    order(account, EraseAccount(reason=reason), actor=actor, dry_run=dry_run, as_json=as_json)


CLOSING_COMMANDS = (close, stay, approve_deletion, erase)
