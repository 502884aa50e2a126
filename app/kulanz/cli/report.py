"""`kulanz report`: the outcomes of failed payments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kulanz.cli.options import emit, json_option, services, table

if TYPE_CHECKING:
    from kulanz.documents.reports import Recovery, RecoveryFigures

_COLUMNS = ("failed", "recovered", "lost", "open", "rate")
_SHOWN_DAYS = (1, 7, 30)


@click.group()
def report() -> None:
    """Show figures of the whole store."""


@report.command()
@click.option("--from", "first", metavar="MONTH", help="The first month of failure, as 2026-03 [default: a year].")
@click.option("--to", "last", metavar="MONTH", help="The last one [default: the present one].")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: a line for all cases that are alike.")
@json_option
def recovery(*, first: str | None, last: str | None, as_csv: bool, as_json: bool) -> None:
    """Show the outcomes of failed payments, by month, step, plan and version of the policy."""
    from kulanz.queries import recovery as query

    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other")
    with services() as opened:
        if as_csv:
            click.echo(query.as_csv(query.sums(opened, first, last)), nl=False)
            return
        result = query.report(opened, first, last)
    emit(result, as_json, lambda: _show(result))


def _show(result: Recovery) -> None:
    from kulanz.queries import recovery as query

    click.echo(f"Payments that failed from {result.first} to {result.to} (UTC), and their outcomes")
    tables = (
        ("month", result.months),
        ("plan", result.plans),
        ("policy", result.policy_versions),
    )
    for name, rows in tables:
        if rows:
            click.echo()
            table((name, *_COLUMNS), [(row.key, *_cells(row)) for row in rows])()
    for name, rows in (("recovered after", result.steps), ("spared by", result.spared)):
        brought = [row for row in rows if row.recovered]
        if brought:
            click.echo()
            cells = [
                (row.key, _cell(row, row.recovered, row.recovered_amount), _share(query.share(result, row)))
                for row in brought
            ]
            table((name, "recovered", "share"), cells)()
    time = result.days_to_recovery
    if time.cases:
        shares = ", ".join(f"{part.cases} within {part.days} d" for part in time.within if part.days in _SHOWN_DAYS)
        click.echo(f"\nOf {time.cases} that were paid: {shares}.\nHalf of them came within {time.median} d.")
    elif not result.months:
        click.echo("No payment failed.")


def _cells(row: RecoveryFigures) -> tuple[str, ...]:
    pairs = (
        (row.cases, row.amount),
        (row.recovered, row.recovered_amount),
        (row.lost, row.lost_amount),
        (row.open, row.open_amount),
    )
    return (*(_cell(row, *pair) for pair in pairs), f"{_share(row.rate)}{' so far' if row.open_amount else ''}")


def _cell(row: RecoveryFigures, number: int, amount: int) -> str:
    from kulanz.formats.money import plain

    return f"{number}: {plain(amount, row.currency)}" if number else "-"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
