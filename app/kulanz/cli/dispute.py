"""`kulanz dispute`: chargebacks that an operator learned of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kulanz.cli.command import order, orders
from kulanz.cli.listing import limit_option
from kulanz.cli.options import (
    MAX_AMOUNT,
    actor_option,
    currency_of,
    dry_run_option,
    emit,
    instant,
    json_option,
    services,
    table,
    words,
)

if TYPE_CHECKING:
    from kulanz.commands.commands import Command

OUTCOMES = ("won", "lost", "partially_lost", "accepted", "withdrawn", "prevented")


@click.group()
def dispute() -> None:
    """List chargebacks; open and close them by hand."""


@dispute.command(name="list")
@limit_option
@json_option
def list_(*, limit: int, as_json: bool) -> None:
    """List disputes that are not decided, the one to be answered first at the top, and what their evidence lacks."""
    from kulanz.queries import disputes

    with services() as opened, opened.database.read() as conn:
        rows = disputes.undecided(opened, conn, limit)
    columns = ("id", "account_id", "status", "amount", "currency", "opened_at", "answer_by", "lacks")
    shown = [[", ".join(row.lacks) if name == "lacks" else getattr(row, name) for name in columns] for row in rows]
    emit({"disputes": rows}, as_json, table(columns, shown))


@dispute.command(name="open")
@click.argument("account")
@click.option("--amount", type=click.IntRange(1, MAX_AMOUNT), required=True, help="In minor units, such as cents.")
@click.option("--currency", type=currency_of, required=True, help="Three letters, such as EUR.")
@click.option("--reason", type=words, required=True)
@click.option("--payment", type=words, help="The provider's invoice or order id.")
@click.option("--fee", type=click.IntRange(0, MAX_AMOUNT), help="In minor units; recorded, never charged by us.")
@click.option("--fee-currency", type=currency_of, help="[default: the currency]")
@click.option("--reference", type=words, help="The bank's or the provider's.")
@click.option("--answer-by", type=instant, help="Until when it has to be answered; operators are told two days before.")
@orders
def open_(*, currency: str, fee: int | None, fee_currency: str | None, **told: Any) -> Command:
    """Record a chargeback against an account; the policy says what follows."""
    from kulanz.commands.commands import OpenDispute

    charged_in = None if fee is None else fee_currency or currency
    return OpenDispute(currency=currency, fee=fee, fee_currency=charged_in, **told)


@dispute.command()
@click.argument("ident", metavar="ID")
@click.option("--outcome", type=click.Choice(OUTCOMES), required=True)
@dry_run_option
@actor_option
@json_option
def close(*, ident: str, outcome: str, dry_run: bool, actor: str, as_json: bool) -> None:
    """Say how a chargeback ended."""
    from kulanz.commands.commands import CloseDispute
    from kulanz.policy.facts import DisputeStatus
    from kulanz.queries import accounts

    with services() as opened:
        account = accounts.account_of_dispute(opened, ident)
    command = CloseDispute(dispute=ident, outcome=DisputeStatus(outcome))
    order(account, command, actor=actor, dry_run=dry_run, as_json=as_json)
