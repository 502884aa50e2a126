"""`kulanz mandate`: direct-debit mandates, and `kulanz mandate delivery`: how letters come."""

from __future__ import annotations

import click

from app.cli.account import order
from app.cli.options import actor_option, dry_run_option, json_option, words


@click.group()
def mandate() -> None:
    """Record direct-debit mandates, and how letters come to a customer."""


@mandate.command()
@click.argument("account")
@click.option("--by", type=click.Choice(("portal", "staff")), default="staff", show_default=True)
@click.option("--reference", type=words, help="The mandate's own.")
@dry_run_option
@actor_option
@json_option
def grant(*, account: str, by: str, reference: str | None, dry_run: bool, actor: str, as_json: bool) -> None:
    """Record that a customer granted a mandate."""
    from app.ordering.commands import GrantMandate

    command = GrantMandate(by=by, reference=reference)
    order(account, command, actor=actor, dry_run=dry_run, as_json=as_json)


@mandate.command()
@click.argument("account")
@click.argument("ident", metavar="ID")
@dry_run_option
@actor_option
@json_option
def revoke(*, account: str, ident: str, dry_run: bool, actor: str, as_json: bool) -> None:
    """Revoke a mandate for the future; nobody asks why."""
    from app.ordering.commands import RevokeMandate

    order(account, RevokeMandate(mandate=ident), actor=actor, dry_run=dry_run, as_json=as_json)


@mandate.command()
@click.argument("account")
@click.argument("by", type=click.Choice(("mail", "letter")))
@dry_run_option
@actor_option
@json_option
def delivery(*, account: str, by: str, dry_run: bool, actor: str, as_json: bool) -> None:
    """Say how letters come to a customer: by mail, or on paper."""
    from app.ordering.commands import ChooseDelivery

    order(account, ChooseDelivery(by=by), actor=actor, dry_run=dry_run, as_json=as_json)
