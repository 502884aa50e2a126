"""`kulanz credit`: prepaid credit, as reported by the merchant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kulanz.cli.command import orders
from kulanz.cli.listing import print_part
from kulanz.cli.options import MAX_AMOUNT, currency_of, instant, json_option, pot, words

if TYPE_CHECKING:
    from kulanz.commands.commands import Command

CREDIT_COLUMNS = ("id", "currency", "bought", "spent", "balance", "due", "forfeited", "status")
USES = ("service", "other_service", "invoice", "transfer", "refund")
amount_option = click.option("--amount", type=click.IntRange(1, MAX_AMOUNT), required=True, help="In minor units.")
currency_option = click.option("--currency", type=currency_of, required=True, help="Three letters, such as EUR.")
reference_option = click.option("--reference", type=words, help="The merchant's own.")


@click.group()
def credit() -> None:
    """Record prepaid credit: purchases, use, and the end of a number or service."""


@credit.command()
@click.argument("account")
@click.argument("pot", type=pot)
@amount_option
@currency_option
@reference_option
@orders
def buy(**told: Any) -> Command:
    """Record credit that was bought for POT, such as telephony."""
    from kulanz.commands.commands import MoveCredit
    from kulanz.policy.facts import CreditEntry

    return MoveCredit(entry=CreditEntry.BOUGHT, **told)


@credit.command()
@click.argument("account")
@click.argument("pot")
@amount_option
@currency_option
@click.option("--use", type=click.Choice(USES), default="service", show_default=True, help="What it is to pay for.")
@click.option("--incurred-at", type=instant, help="When the charge arose, if it is recorded later.")
@reference_option
@orders
def spend(**told: Any) -> Command:
    """Record a charge that is taken from the credit for POT."""
    from kulanz.commands.commands import MoveCredit
    from kulanz.policy.facts import CreditEntry

    return MoveCredit(entry=CreditEntry.SPENT, **told)


@credit.command()
@click.argument("account")
@click.argument("pot")
@reference_option
@orders
def end(**told: Any) -> Command:
    """Record that the number or service of POT ended: its remaining credit is forfeited."""
    from kulanz.commands.commands import EndCredit

    return EndCredit(**told)


@credit.command(name="list")
@click.argument("account")
@json_option
def list_(*, account: str, as_json: bool) -> None:
    """List the prepaid credit of an account."""
    print_part(account, "credits", CREDIT_COLUMNS, as_json=as_json)
