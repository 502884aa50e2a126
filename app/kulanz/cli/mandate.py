"""`kulanz mandate`: direct-debit mandates, and `kulanz mandate delivery`: how letters come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kulanz.cli.command import orders
from kulanz.cli.options import words

if TYPE_CHECKING:
    from kulanz.commands.commands import Command


@click.group()
def mandate() -> None:
    """Record direct-debit mandates, and how letters come to a customer."""


@mandate.command()
@click.argument("account")
@click.option("--by", type=click.Choice(("portal", "staff")), default="staff", show_default=True)
@click.option("--reference", type=words, help="The mandate's own.")
@orders
def grant(**told: Any) -> Command:
    """Record that a customer granted a mandate."""
    from kulanz.commands.commands import GrantMandate

    return GrantMandate(**told)


@mandate.command()
@click.argument("account")
@click.argument("mandate", metavar="ID")
@orders
def revoke(**told: Any) -> Command:
    """Revoke a mandate for the future; no reason is needed."""
    from kulanz.commands.commands import RevokeMandate

    return RevokeMandate(**told)


@mandate.command()
@click.argument("account")
@click.argument("by", type=click.Choice(("mail", "letter")))
@orders
def delivery(**told: Any) -> Command:
    """Say how letters come to a customer: by mail, or on paper."""
    from kulanz.commands.commands import ChooseDelivery

    return ChooseDelivery(**told)
