"""`kulanz account decline`: an exception that waits for a second person is not made."""

from __future__ import annotations

import click

from app.cli.options import actor_option, dry_run_option, json_option, words


@click.command()
@click.argument("ident", metavar="ID")
@click.argument("override")
@click.option("--reason", type=words, required=True, help="Why; it is shown with the decision.")
@actor_option
@dry_run_option
@json_option
def decline(*, ident: str, override: str, reason: str, actor: str, dry_run: bool, as_json: bool) -> None:
    """Decline OVERRIDE, an exception that waits for a second person; `account show` lists them."""
    from app.cli.account import order
    from app.ordering.commands import DeclineOverride

    command = DeclineOverride(override=override, reason=reason)
    order(ident, command, actor=actor, dry_run=dry_run, as_json=as_json)
