"""`kulanz reconcile`: differences between our records and the provider's."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from kulanz.cli.options import actor_option, dry_run_option, emit, instant, json_option, services, shown, table
from kulanz.cli.progress import pages
from kulanz.errors import RefusedError

if TYPE_CHECKING:
    from kulanz.reconcile import ReconcileReport


@click.command()
@click.option(
    "--apply", is_flag=True, help="Record what the provider's data settles; the rest is reported to operators."
)
@click.option("--from", "since", type=instant, help="Only objects that the provider changed at or after this time.")
@click.option("--to", "until", type=instant, help="Only objects that it changed at or before this time.")
@dry_run_option
@actor_option
@json_option
def reconcile(
    *, apply: bool, since: datetime | None, until: datetime | None, dry_run: bool, actor: str, as_json: bool
) -> None:
    """Compare our records with the provider's. Writes nothing without --apply.

    Exit code 1 where something is left that differs.
    """
    from kulanz.reconcile import Window
    from kulanz.reconcile import reconcile as compare

    with services() as opened, pages() as progress:
        report = compare(
            opened, apply=apply and not dry_run, window=Window(since=since, until=until), progress=progress
        )
    emit({**_document(report), "dry_run": dry_run or not apply, "actor": actor}, as_json, lambda: _print(report))
    if report.left:
        raise RefusedError(
            f"{report.left} differences are left" + ("" if apply else ": --apply repairs what is certain")
        )


def _document(report: ReconcileReport) -> dict[str, Any]:
    return {
        "at": report.at,
        "compared": report.compared,
        "in_flight": report.in_flight,
        "counts": report.counts,
        "drifts": [
            {
                "kind": drift.kind,
                "object": drift.object,
                "account_id": drift.account,
                "changed_at": drift.changed_at,
                "ours": drift.ours,
                "theirs": drift.theirs,
                "applied": drift.applied,
                "for_review": not drift.kind.deterministic,
            }
            for drift in report.drifts
        ],
        "unreadable": list(report.unreadable),
    }


def _print(report: ReconcileReport) -> None:
    rows = [
        (drift.kind, drift.object, drift.account, shown(drift.changed_at), drift.ours, drift.theirs, _became(drift))
        for drift in report.drifts
    ]
    columns = ("difference", "object", "account", "changed at", "ours", "theirs", "")
    table(columns, rows, "no differences")()
    for line in report.unreadable:
        click.echo(f"unreadable: {line}")
    click.echo(f"{report.compared} objects compared, {report.in_flight} changed too lately to judge")


def _became(drift: Any) -> str:
    if drift.applied:
        return "taken in"
    return "" if drift.kind.deterministic else "for a person"
