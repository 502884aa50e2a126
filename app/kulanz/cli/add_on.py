"""`kulanz add-on`: add-ons booked in quantities beside a subscription."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kulanz.cli.command import orders
from kulanz.cli.listing import print_part
from kulanz.cli.options import MAX_AMOUNT, add_on_kind, currency_of, instant, json_option, words

if TYPE_CHECKING:
    from kulanz.commands.commands import Command

MAX_QUANTITY = 100_000
ADD_ON_COLUMNS = (
    "id",
    "kind",
    "quantity",
    "unit_price",
    "currency",
    "billed_until",
    "status",
    "ends_at",
    "draft_amount",
)


@click.group(name="add-on")
def add_on() -> None:
    """Book add-ons, list them, and cancel them."""


@add_on.command()
@click.argument("account")
@click.argument("kind", type=add_on_kind)
@click.option("--quantity", type=click.IntRange(1, MAX_QUANTITY), default=1, show_default=True, help="Pieces.")
@click.option(
    "--unit-price", type=click.IntRange(0, MAX_AMOUNT), required=True, help="Of one piece for a month, in minor units."
)
@click.option("--currency", type=currency_of, required=True, help="Three letters, such as EUR.")
@click.option("--period-ends-at", type=instant, required=True, help="The end of the period that is paid for.")
@click.option("--subscription", type=words, help="The provider's id [default: the one that gives the plan].")
@orders
def book(**told: Any) -> Command:
    """Book pieces of an add-on; they can be used at once and are billed with the next regular invoice."""
    from kulanz.commands.commands import BookAddOn

    return BookAddOn(**told)


@add_on.command(name="list")
@click.argument("account")
@json_option
def list_(*, account: str, as_json: bool) -> None:
    """List the active and the ended add-ons of an account."""
    print_part(account, "add_ons", ADD_ON_COLUMNS, as_json=as_json)


@add_on.command()
@click.argument("account")
@click.argument("add_on", metavar="ID")
@click.option("--quantity", type=click.IntRange(1, MAX_QUANTITY), help="Pieces of it [default: all that are left].")
@orders
def cancel(**told: Any) -> Command:
    """Cancel an add-on to the end of the paid period; soon after booking this is a withdrawal and ends it at once."""
    from kulanz.commands.commands import CancelAddOn

    return CancelAddOn(**told)
