"""`kulanz refund`: request a refund, list open and late requests, approve or deny one."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import click

from kulanz.cli.command import orders
from kulanz.cli.listing import after_option, limit_option, print_page
from kulanz.cli.options import (
    MAX_AMOUNT,
    PAIR,
    actor_option,
    currency_of,
    dry_run_option,
    emit,
    json_option,
    mail_address,
    pairs,
    services,
    table,
    words,
)

if TYPE_CHECKING:
    from kulanz.commands.commands import Command, DecideRefund
    from kulanz.documents.purchases import RefundRequest

REFUND_STATES = ("requested", "review", "approved", "sent", "paid", "failed", "denied")
REFUND_COLUMNS = ("id", "account_id", "state", "verdict", "clause", "amount", "currency", "decide_by", "pay_by", "late")


@click.group()
def refund() -> None:
    """Ask for refunds, and decide about them."""


@refund.command()
@click.argument("account")
@click.option("--payment", type=words, help="The provider's invoice or order id.")
@click.option("--licence", type=words, help="The provider's licence id.")
@click.option("--date", "paid_on", type=click.DateTime(["%Y-%m-%d"]), help="The day of the payment, with --paid.")
@click.option("--paid", type=click.IntRange(1, MAX_AMOUNT), help="What was paid that day, in minor units.")
@click.option(
    "--amount", type=click.IntRange(1, MAX_AMOUNT), help="In minor units [default: all that can be refunded]."
)
@click.option("--currency", type=currency_of, help="If given, it must be the payment's currency.")
@click.option("--reason", type=words, help="The customer's, in their words.")
@click.option(
    "--contact-email",
    type=mail_address,
    required=True,
    help="The account's mail address, as the customer wrote it.",
)
@click.option("--organisation", type=words, required=True)
@dry_run_option
@actor_option
@json_option
def request(
    *,
    account: str,
    paid_on: Any,
    paid: int | None,
    reason: str | None,
    dry_run: bool,
    actor: str,
    as_json: bool,
    **told: Any,
) -> None:
    """Request a refund of a payment; a second request amends the first while it is undecided."""
    from kulanz.commands import refund_requests
    from kulanz.commands.commands import RequestRefund

    day: date | None = paid_on.date() if paid_on else None
    command = RequestRefund(paid_on=day, paid_amount=paid, reason=reason or "", **told)
    with services() as opened:
        document, new = refund_requests.request(opened, account, command, actor, dry_run=dry_run)

    def show() -> None:
        _print(document)
        if not new:
            click.echo("This payment was asked back before: this is that request as it stands now.", err=True)

    emit(dict(pairs(document), dry_run=dry_run), as_json, show)


@refund.command(name="list")
@click.option("--state", type=click.Choice(REFUND_STATES))
@click.option("--late/--in-time", default=None, help="Only what is overdue, or only what is not.")
@after_option
@limit_option
@json_option
def list_(*, state: str | None, late: bool | None, after: str | None, limit: int, as_json: bool) -> None:
    """List requests, the newest first."""
    from kulanz.queries import refunds

    with services() as opened:
        page = refunds.refund_requests(opened, state=state, late=late, after=after, limit=limit)
    print_page("refund_requests", page, REFUND_COLUMNS, as_json=as_json)


@refund.command()
@click.argument("ident", metavar="ID")
@json_option
def show(*, ident: str, as_json: bool) -> None:
    """Show one request, with the customer's own statements."""
    from kulanz.queries import refunds

    with services() as opened:
        document = refunds.dossier_of_request(opened, ident)
    emit(document, as_json, lambda: _print(document))


@refund.command()
@click.argument("ident", metavar="ID")
@click.option("--amount", type=click.IntRange(1, MAX_AMOUNT), help="Another amount than was asked for, in minor units.")
@click.option("--reason", type=words, help="Needed where the policy alone does not grant it.")
@dry_run_option
@actor_option
@json_option
def approve(*, ident: str, amount: int | None, reason: str | None, dry_run: bool, actor: str, as_json: bool) -> None:
    """Approve a request: the refund is made at the provider today."""
    from kulanz.commands.commands import DecideRefund

    command = DecideRefund(request=ident, approve=True, amount=amount, reason=reason or "")
    _decide(command, actor=actor, dry_run=dry_run, as_json=as_json)


@refund.command()
@click.argument("ident", metavar="ID")
@click.option("--reason", type=words, help="Needed where the policy would grant it.")
@dry_run_option
@actor_option
@json_option
def deny(*, ident: str, reason: str | None, dry_run: bool, actor: str, as_json: bool) -> None:
    """Say no."""
    from kulanz.commands.commands import DecideRefund

    command = DecideRefund(request=ident, approve=False, reason=reason or "")
    _decide(command, actor=actor, dry_run=dry_run, as_json=as_json)


@refund.command()
@click.argument("account")
@click.argument("licence")
@click.option("--reason", type=words, required=True, help="How that is known.")
@orders
def deployed(**told: Any) -> Command:
    """Record that an on-premise licence is in use, independent of the provider's count."""
    from kulanz.commands.commands import MarkDeployed

    return MarkDeployed(**told)


def _decide(command: DecideRefund, *, actor: str, dry_run: bool, as_json: bool) -> None:
    from kulanz.commands import refund_requests

    with services() as opened:
        document = refund_requests.decide(opened, command, actor, dry_run=dry_run)
    emit(dict(pairs(document), dry_run=dry_run), as_json, lambda: _print(document))


def _print(document: RefundRequest) -> None:
    table(PAIR, [(key, value) for key, value in pairs(document) if not isinstance(value, list | dict)])()
