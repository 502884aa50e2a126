"""`kulanz account decline`: an exception that waits for a second person is not made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kulanz.cli.command import orders
from kulanz.cli.options import words

if TYPE_CHECKING:
    from kulanz.commands.commands import Command


@click.command()
@click.argument("account", metavar="ID")
@click.argument("override")
@click.option("--reason", type=words, required=True, help="Why; it is shown with the decision.")
@orders
def decline(**told: Any) -> Command:
    """Decline OVERRIDE, an exception that waits for a second person; `account show` lists them."""
    from kulanz.commands.commands import DeclineOverride

    return DeclineOverride(**told)
