"""`kulanz collections`: debts that go to a collection agency."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import click

from kulanz.cli.command import order, orders
from kulanz.cli.listing import after_option, limit_option, print_page
from kulanz.cli.options import PAIR, actor_option, dry_run_option, emit, json_option, pairs, services, table, words

if TYPE_CHECKING:
    from kulanz.commands.commands import Command

COLLECTION_COLUMNS = ("id", "account_id", "state", "amount", "currency", "proposed_by", "proposed_at", "handed_over_at")


@click.group()
def collections() -> None:
    """Look at debts that were handed over, propose, approve and recall."""


@collections.command(name="list")
@click.option("--open", "only_open", is_flag=True, help="Only those that were not taken back.")
@after_option
@limit_option
@json_option
def list_(*, only_open: bool, after: str | None, limit: int, as_json: bool) -> None:
    """List hand-overs, the newest first."""
    from kulanz.queries import collections

    with services() as opened:
        page = collections.collections(opened, only_open=only_open, after=after, limit=limit)
    print_page("collections", page, COLLECTION_COLUMNS, as_json=as_json)


@collections.command()
@click.argument("ident", metavar="ID")
@json_option
def show(*, ident: str, as_json: bool) -> None:
    """Show one hand-over: its approvals, the handed-over fields, and the hash of its statement."""
    from kulanz.queries import collections

    with services() as opened:
        document = collections.collection(opened, ident)
    emit(document, as_json, table(PAIR, pairs(document)))


@collections.command()
@click.argument("account")
@click.option("--reason", type=words, required=True)
@click.option("--case", type=words, help="The dunning case [default: the only one that is given up].")
@click.option("--include", "also", multiple=True, type=words, help="A field that goes only where it is needed.")
@orders
def propose(**told: Any) -> Command:
    """Propose to hand a debt over. The name is a note here, so two approvals are still needed."""
    from kulanz.commands.commands import ProposeCollection

    return ProposeCollection(**told)


def _token_option(function: click.decorators.FC) -> click.decorators.FC:
    help_text = "A file with an API token that may change things; - for standard input [default: ask]."
    return click.option("--token-file", type=click.File("r"), help=help_text)(function)


@collections.command()
@click.argument("ident", metavar="ID")
@_token_option
@dry_run_option
@json_option
def approve(*, ident: str, token_file: IO[str] | None, dry_run: bool, as_json: bool) -> None:
    """Approve a hand-over by the name of an API token; the second name hands the debt over."""
    from kulanz.commands.commands import ApproveCollection

    _by_token(ident, ApproveCollection(collection=ident), token_file, dry_run=dry_run, as_json=as_json)


@collections.command(name="credit-report")
@click.argument("ident", metavar="ID")
@_token_option
@dry_run_option
@json_option
def credit_report(*, ident: str, token_file: IO[str] | None, dry_run: bool, as_json: bool) -> None:
    """Approve the report of a debt to a credit bureau by the name of an API token; the second name reports it."""
    from kulanz.commands.commands import ApproveCreditReport

    _by_token(ident, ApproveCreditReport(collection=ident), token_file, dry_run=dry_run, as_json=as_json)


@collections.command()
@click.argument("ident", metavar="ID")
@click.option("--reason", type=words, required=True)
@dry_run_option
@actor_option
@json_option
def recall(*, ident: str, reason: str, dry_run: bool, actor: str, as_json: bool) -> None:
    """Take a hand-over, or its proposal, back."""
    from kulanz.commands.commands import RecallCollection

    command = RecallCollection(collection=ident, reason=reason)
    order(_account_of(ident), command, actor=actor, dry_run=dry_run, as_json=as_json)


def _by_token(ident: str, command: Command, token_file: IO[str] | None, *, dry_run: bool, as_json: bool) -> None:
    """Give an order by an authenticated name, as the API would."""
    from kulanz.web.api.tokens import authenticate

    account = _account_of(ident)
    token = token_file.readline().strip() if token_file else click.prompt("API token", hide_input=True, err=True)
    with services() as opened:
        actor = authenticate(f"Bearer {token}", "POST", opened.settings.api_tokens)
    order(account, command, actor=actor, dry_run=dry_run, as_json=as_json, signed_in=True)


def _account_of(ident: str) -> str:
    from kulanz.queries import collections

    with services() as opened:
        return collections.account_of_collection(opened, ident)
