"""`kulanz account list` and `find`: accounts in the order that is asked for, and those that a text may mean."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from kulanz.cli.listing import after_option, limit_option
from kulanz.cli.options import console, emit, instant, json_option, services, table

if TYPE_CHECKING:
    from kulanz.documents.lists import AccountLine
    from kulanz.services import Services
    from kulanz.store.account_list import AccountQuery

STANDINGS = ("good", "grace", "on_hold", "suspended", "closed")
NARROW = ("account_id", "standing", "plan", "owed", "due_at")
ROOMY = 140
"""Characters that all columns need."""
SORTS = ("id", "deadline", "amount", "plan", "standing")


@click.command(name="list")
@click.option("--sort", type=click.Choice(SORTS), default="id", show_default=True, help="By what.")
@click.option("--standing", type=click.Choice(STANDINGS))
@click.option("--plan")
@click.option("--due-before", type=instant, help="Only those with a deadline before this, such as +7d.")
@click.option("--csv", "as_csv", is_flag=True, help="Print all of them as CSV, without a limit.")
@after_option
@limit_option
@json_option
def list_(*, after: str | None, limit: int, as_csv: bool, as_json: bool, **told: Any) -> None:
    """List accounts: their standing, debts and next deadline."""
    if as_csv and (as_json or after):
        raise click.UsageError("--csv prints everything: it takes neither --json nor --after")
    with services() as opened:
        wanted = _wanted(**told)
        if as_csv:
            _print_csv(opened, wanted)
        elif as_json:
            _print_documents(opened, wanted, after, limit)
        else:
            _print_lines(opened, wanted, after, limit)


@click.command()
@click.argument("text")
@json_option
def find(*, text: str, as_json: bool) -> None:
    """Find accounts by a part of an id, words of a name or mail address, or an id of the provider's."""
    from kulanz.queries import account_list, account_search

    with services() as opened:
        names = account_search.search(opened, text)
        with opened.database.read() as conn:
            lines = account_list.lines(opened, conn, names, masked=False)
    emit({"accounts": lines}, as_json, lambda: _show(lines))


LIST_COMMANDS = (list_, find)


def _wanted(*, sort: str, standing: str | None, plan: str | None, due_before: datetime | None) -> AccountQuery:
    from kulanz.store.account_list import AccountQuery, Sort

    return AccountQuery(sort=Sort(sort), standing=standing, plan=plan, due_before=due_before)


def _print_csv(opened: Services, wanted: AccountQuery) -> None:
    from kulanz.queries import account_list

    for part in account_list.as_csv(opened, wanted, masked=False):
        click.echo(part, nl=False)


def _print_documents(opened: Services, wanted: AccountQuery, after: str | None, limit: int) -> None:
    from kulanz.queries import accounts

    page = accounts.accounts(opened, wanted, after=after, limit=limit)
    emit({"accounts": page.items, "next_cursor": page.after}, as_json=True, human="")


def _print_lines(opened: Services, wanted: AccountQuery, after: str | None, limit: int) -> None:
    from kulanz.queries import account_list

    with opened.database.read() as conn:
        page = account_list.page(opened, conn, wanted, after, limit, masked=False)
    _show(page.items)
    if page.after is not None:
        click.echo(f"more: --after {shlex.quote(page.after)}", err=True)


def _show(lines: Sequence[AccountLine]) -> None:
    """Print a table: all columns if there is room, else the most important ones."""
    from kulanz.queries import account_list

    columns = account_list.COLUMNS if console().width >= ROOMY else NARROW
    table(columns, [account_list.cells(line, columns) for line in lines])()
