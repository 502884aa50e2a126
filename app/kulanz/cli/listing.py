"""Lists on the command line: a page of all, or the rows of one account, as a table or as JSON."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from kulanz.cli.options import emit, services, table

if TYPE_CHECKING:
    from kulanz.documents.shape import Document
    from kulanz.queries.views import Page

limit_option = click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
after_option = click.option("--after", help="Where the page before ended, as it said.")


def print_page(name: str, page: Page[Document], columns: Sequence[str], *, as_json: bool) -> None:
    """Print a page, and on standard error how the next one is asked for."""
    rows = [[getattr(item, column) for column in columns] for item in page.items]

    def show() -> None:
        table(columns, rows)()
        if page.after is not None:
            click.echo(f"more: --after {shlex.quote(page.after)}", err=True)

    emit({name: page.items, "next_cursor": page.after}, as_json, show)


def print_part(account: str, name: str, columns: Sequence[str], *, as_json: bool) -> None:
    """Print one list of an account's document."""
    from kulanz.queries import accounts

    with services() as opened:
        result = getattr(accounts.account_document(opened, account), name)
    emit({name: result}, as_json, table(columns, [[getattr(item, column) for column in columns] for item in result]))
