"""`kulanz todo`: all that waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kulanz.cli.options import actor_option, dry_run_option, emit, json_option, services, table, words

if TYPE_CHECKING:
    from kulanz.queries.todo import Todo


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def todo(context: click.Context, *, as_json: bool) -> None:
    """List all that waits for a person, the urgent first, each with the command that is proposed."""
    if context.invoked_subcommand is not None:
        return
    from kulanz.queries import todo as query

    with services() as opened:
        waiting = query.todo_list(opened)
    rows = [
        (
            each.id,
            each.severity,
            each.since,
            each.due_at or "-",
            each.account or "-",
            each.what,
            each.proposed,
            _care(each),
        )
        for each in waiting
    ]
    show = table(
        ("id", "severity", "since", "due", "account", "what", "proposed", "care"),
        rows,
        empty="Nothing waits for a person.",
    )
    emit({"todo": [query.document(each) for each in waiting]}, as_json, show)


@todo.command()
@click.argument("ident", metavar="ID")
@dry_run_option
@actor_option
@json_option
def acknowledge(*, ident: str, dry_run: bool, actor: str, as_json: bool) -> None:
    """Mark an item as seen. It stays until an event ends it; an item that no event can end is done by that."""
    from kulanz.commands import todos
    from kulanz.queries import todo as query

    with services() as opened:
        matter = todos.acknowledge(opened, ident, actor, dry_run=dry_run)
    after = "done" if matter.ends_when_seen else "acknowledged; it ends when its cause ends"
    emit(query.document(matter), as_json, f"{_would(dry_run)}{matter.what}: {after}")


@todo.command()
@click.argument("ident", metavar="ID")
@click.argument("name", type=words, required=False)
@click.option("--nobody", is_flag=True, help="Unassign it.")
@dry_run_option
@actor_option
@json_option
def assign(*, ident: str, name: str | None, nobody: bool, dry_run: bool, actor: str, as_json: bool) -> None:
    """Assign an item to a person."""
    from kulanz.commands import todos
    from kulanz.queries import todo as query

    if (name is None) is not nobody:
        raise click.UsageError("give a name, or `--nobody`")
    with services() as opened:
        matter = todos.assign(opened, ident, name, actor, dry_run=dry_run)
    emit(
        query.document(matter),
        as_json,
        f"{_would(dry_run)}{matter.what}: {f'assigned to {name}' if name else 'unassigned'}",
    )


def _would(dry_run: bool) -> str:  # noqa: FBT001 - the flag as it was given
    return "would be: " if dry_run else ""


def _care(each: Todo) -> str:
    if each.assigned_to is not None:
        return each.assigned_to
    return f"seen by {each.acknowledged_by}" if each.acknowledged_by is not None else "-"
