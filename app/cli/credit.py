"""`kulanz credit`: prepaid credit, by the merchant's word."""

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

COLUMNS = ("id", "currency", "bought", "spent", "balance", "due", "forfeited", "status")
USES = ("service", "other_service", "invoice", "transfer", "refund")
amount_option = click.option("--amount", type=click.IntRange(1, LARGEST), required=True, help="In minor units.")
currency_option = click.option("--currency", type=currency_of, required=True, help="Three letters, such as EUR.")
reference_option = click.option("--reference", type=words, help="The merchant's own.")


@click.group()
def credit() -> None:
    """Record prepaid credit: what was bought, what was spent, and that a number or service ended."""


@credit.command()
@click.argument("account")
@click.argument("pot")
@amount_option
@currency_option
@reference_option
@dry_run_option
@actor_option
@json_option
def buy(
    *,
    account: str,
    pot: str,
    amount: int,
    currency: str,
    reference: str | None,
    dry_run: bool,
    actor: str,
    as_json: bool,
) -> None:
    """Record credit that was bought for POT, such as telephony."""
    from app.ordering.commands import MoveCredit
    from app.policy.facts import CreditEntry

    bought = MoveCredit(pot=pot, entry=CreditEntry.BOUGHT, amount=amount, currency=currency, reference=reference)
    order(account, bought, actor=actor, dry_run=dry_run, as_json=as_json)


@credit.command()
@click.argument("account")
@click.argument("pot")
@amount_option
@currency_option
@click.option("--use", type=click.Choice(USES), default="service", show_default=True, help="What it is to pay for.")
@click.option("--incurred-at", type=instant, help="When the charge arose, if it is told of later.")
@reference_option
@dry_run_option
@actor_option
@json_option
def spend(
    *,
    account: str,
    pot: str,
    amount: int,
    currency: str,
    use: str,
    incurred_at: datetime | None,
    reference: str | None,
    dry_run: bool,
    actor: str,
    as_json: bool,
) -> None:
    """Record a charge that is taken from the credit for POT."""
    from app.ordering.commands import MoveCredit
    from app.policy.facts import CreditEntry

    spent = MoveCredit(
        pot=pot,
        entry=CreditEntry.SPENT,
        amount=amount,
        currency=currency,
        use=use,
        incurred_at=incurred_at,
        reference=reference,
    )
    order(account, spent, actor=actor, dry_run=dry_run, as_json=as_json)


@credit.command()
@click.argument("account")
@click.argument("pot")
@reference_option
@dry_run_option
@actor_option
@json_option
def end(*, account: str, pot: str, reference: str | None, dry_run: bool, actor: str, as_json: bool) -> None:
    """Record that the number or service of POT ended: what is left of its credit is forfeited."""
    from app.ordering.commands import EndCredit

    order(account, EndCredit(pot=pot, reference=reference), actor=actor, dry_run=dry_run, as_json=as_json)


@credit.command(name="list")
@click.argument("account")
@json_option
def list_(*, account: str, as_json: bool) -> None:
    """List the prepaid credit of an account."""
    from app.showing import enquiries

    with services() as opened:
        found = enquiries.account_document(opened, account)["credits"]
    rows = [[one[column] for column in COLUMNS] for one in found]
    emit({"credits": found}, as_json, table(COLUMNS, rows, "no credit"))
