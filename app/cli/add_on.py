"""`kulanz add-on`: what is booked in quantities beside a subscription."""

from __future__ import annotations

from datetime import datetime

import click

from app.cli.account import order
from app.cli.options import (
    LARGEST,
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

MOST = 100_000
COLUMNS = ("id", "kind", "quantity", "unit_price", "currency", "billed_until", "status", "ends_at", "draft_amount")


@click.group(name="add-on")
def add_on() -> None:
    """Book add-ons, list them, and cancel them."""


@add_on.command()
@click.argument("account")
@click.argument("kind")
@click.option("--quantity", type=click.IntRange(1, MOST), default=1, show_default=True, help="Pieces.")
@click.option(
    "--unit-price", type=click.IntRange(0, LARGEST), required=True, help="Of one piece for a month, in minor units."
)
@click.option("--currency", type=currency_of, required=True, help="Three letters, such as EUR.")
@click.option("--period-ends-at", type=instant, required=True, help="The end of the period that is paid for.")
@click.option("--subscription", type=words, help="The provider's id [default: the one that gives the plan].")
@dry_run_option
@actor_option
@json_option
def book(
    *,
    account: str,
    kind: str,
    quantity: int,
    unit_price: int,
    currency: str,
    period_ends_at: datetime,
    subscription: str | None,
    dry_run: bool,
    actor: str,
    as_json: bool,
) -> None:
    """Book pieces of an add-on; they can be used at once and are billed with the next regular invoice."""
    from app.ordering.commands import BookAddOn

    command = BookAddOn(
        kind=kind,
        quantity=quantity,
        unit_price=unit_price,
        currency=currency,
        period_ends_at=period_ends_at,
        subscription=subscription,
    )
    order(account, command, actor=actor, dry_run=dry_run, as_json=as_json)


@add_on.command(name="list")
@click.argument("account")
@json_option
def list_(*, account: str, as_json: bool) -> None:
    """List the active and the ended add-ons of an account."""
    from app.showing import enquiries

    with services() as opened:
        found = enquiries.account_document(opened, account)["add_ons"]
    rows = [[one[column] for column in COLUMNS] for one in found]
    emit({"add_ons": found}, as_json, table(COLUMNS, rows, "no add-ons"))


@add_on.command()
@click.argument("account")
@click.argument("ident", metavar="ID")
@dry_run_option
@actor_option
@json_option
def cancel(*, account: str, ident: str, dry_run: bool, actor: str, as_json: bool) -> None:
    """Cancel an add-on to the end of what is paid; soon after booking it is withdrawn from, and ends at once."""
    from app.ordering.commands import CancelAddOn

    order(account, CancelAddOn(add_on=ident), actor=actor, dry_run=dry_run, as_json=as_json)
