"""`kulanz policy`: policy documents, those that ship with Kulanz, those in files, and the versions in force."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from kulanz.cli.documents import in_force, text
from kulanz.cli.options import (
    actor_option,
    as_text,
    confirm,
    dry_run_option,
    emit,
    instant,
    json_option,
    services,
    shown,
    table,
    yes_option,
)
from kulanz.cli.policy_cases import test
from kulanz.errors import PolicyError, RefusedError
from kulanz.formats.wording import how_many
from kulanz.policy import document

if TYPE_CHECKING:
    from kulanz.commands.versions import Activation
    from kulanz.policy.document.differences import Difference
    from kulanz.services import Services
    from kulanz.store.policies import PolicyRow

LENIENCY = {
    "more_lenient": "more lenient",
    "stricter": "stricter",
    "neutral": "takes and gives nothing",
    "unclear": "neither is kinder in every case",
}


@click.group()
def policy() -> None:
    """Read, check, test, compare and activate policies."""


policy.add_command(test)


@policy.command(name="list")
@json_option
def list_(*, as_json: bool) -> None:
    """List the policies that ship with Kulanz and the versions that were ever in force here."""
    from kulanz.store import policies

    with services() as opened, opened.database.read() as conn:
        rows, now = policies.all(conn), opened.clock.now(conn)
    current = policies.in_force(rows, now)
    versions = [_version(row, current, now) for row in rows]
    presets = [{"name": name, "title": document.parse(document.preset(name)).title} for name in document.presets()]

    def show() -> None:
        table(("preset", "title"), [tuple(each.values()) for each in presets])()
        click.echo()
        rows = [tuple(each.values()) for each in versions]
        columns = ("version", "name", "state", "effective from", "activated at", "actor", "sha256")
        table(columns, rows)()

    emit({"presets": presets, "versions": versions}, as_json, show)


@policy.command()
@click.argument("name", required=False)
@json_option
def show(*, name: str | None, as_json: bool) -> None:
    """Print a policy: a file, a preset, a version by its number, or without a NAME the one in force."""
    found_text, version = (text(name), 0) if name else in_force()
    read = document.parse(found_text, version=version)
    matches = {
        "name": read.name,
        "title": read.title,
        "version": version,
        "sha256": read.sha256,
        "document": found_text,
    }
    emit(matches, as_json, found_text.rstrip())


@policy.command()
@click.argument("file")
@json_option
def check(*, file: str, as_json: bool) -> None:
    """Check a policy document; FILE may be a preset's name."""
    try:
        written = text(file)
        read, remarks = document.parse(written), document.remarks(written)
    except PolicyError as error:
        refused = {"valid": False, "problems": error.problems, "remarks": []}
        emit(refused, as_json, "\n".join(error.problems))
        places = ", ".join(" ".join(problem.split(": ")[:2]) for problem in error.problems)
        raise RefusedError(f"{file}: {how_many(len(error.problems), 'problem')}: {places}") from error
    matches = {"valid": True, "name": read.name, "sha256": read.sha256, "problems": [], "remarks": remarks}
    emit(matches, as_json, "\n".join([f"{file}: valid ({read.name}, {read.sha256[:12]})", *remarks]))


@policy.command()
@json_option
def schema(*, as_json: bool) -> None:
    """Print the JSON Schema of a policy document; editors check a file that begins with `#:schema <its path>`."""
    from kulanz.policy.document import schema as policy_schema

    stated = policy_schema.schema()
    emit(stated, as_json, json.dumps(stated, ensure_ascii=False, indent=2))


@policy.command()
@click.option("--markdown", is_flag=True, help="As the manual has it.")
@json_option
def keys(*, markdown: bool, as_json: bool) -> None:
    """List every key of a policy document: its meaning, its values, and its default."""
    from kulanz.policy.document import manual

    if markdown:
        click.echo(manual.as_markdown(), nl=False)
        return
    matches = [
        {
            "key": key_description.key,
            "means": key_description.channels,
            "expects": key_description.expects,
            "default": key_description.default,
        }
        for key_description in manual.entries()
    ]
    rows = [tuple(key_description.values()) for key_description in matches]
    emit({"keys": matches}, as_json, table(("key", "means", "expects", "default"), rows))


@policy.command()
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@json_option
def diff(*, old: str, new: str, as_json: bool) -> None:
    """Say key by key how B differs from A: files, presets, or versions by their number."""
    from kulanz.policy.document.differences import differences

    stored_differences = differences(document.parse(text(old)), document.parse(text(new)))
    emit(
        {"differences": [_difference(difference) for difference in stored_differences]},
        as_json,
        lambda: _print_differences(stored_differences),
    )


@policy.command()
@click.argument("file")
@click.option("--effective-from", type=instant, help="From when it is in force [default: what it says itself, or now].")
@click.option("--migrate-open", is_flag=True, help="Apply it also to what is open where it is more lenient.")
@actor_option
@dry_run_option
@yes_option
@json_option
def activate(
    *,
    file: str,
    effective_from: datetime | None,
    migrate_open: bool,
    actor: str,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Put a policy in force for all accounts and processes at once; open cases stay under their own version."""
    from kulanz.commands import versions

    document_text = text(file)
    with services() as opened:
        if migrate_open:
            _refuse_what_is_not_in_force(opened, versions.would_be(opened, document_text, effective_from))
            _ask(opened, document_text, effective_from, actor, yes=yes or dry_run)
        done = versions.activate(opened, document_text, actor=actor, effective_from=effective_from, dry_run=dry_run)
        moved = _apply_to_open(opened, done, actor, dry_run=dry_run) if migrate_open else []
    matches = {
        "name": done.row.name,
        "version": done.row.version,
        "sha256": done.row.sha256,
        "effective_from": done.row.effective_from,
        "activated": done.new,
        "migrated": moved,
        "dry_run": dry_run,
        "actor": actor,
    }

    def show() -> None:
        would = "would be: " if dry_run else ""
        is_new = "in force from" if done.new else "in force already, since"
        at = shown(done.row.effective_from)
        click.echo(f"{would}{done.row.name}, version {done.row.version}, {is_new} {at}")
        if migrate_open:
            table(
                ("account", "case, dispute or request"),
                [tuple(item.values()) for item in moved],
                "nothing open is moved",
            )()

    emit(matches, as_json, show)


@policy.command()
@click.argument("file")
@json_option
def simulate(*, file: str, as_json: bool) -> None:
    """Replay the recorded history with another policy and list the accounts that differ. Writes nothing."""
    from kulanz.cli.progress import pages
    from kulanz.queries.replay.simulation import Totals, report, sum_up
    from kulanz.queries.replay.simulation import simulate as under

    wanted, totals = text(file), Totals()
    with services() as opened, pages() as show:
        results = under(opened, wanted, totals, lambda done, of: show("accounts", done, of))
        # One by one: a hundred thousand accounts may differ.
        stated = (as_text(report(result)) if as_json else "\n".join(_lines(report(result))) for result in results)
        first = next(stated, None)
        if as_json:
            click.echo('{"differing": [')
        for place, line in enumerate(chain([first] if first else [], stated)):
            click.echo(f", {line}" if as_json and place else line)
    summary = sum_up(totals)
    if as_json:
        click.echo(f'], "totals": {as_text(summary)}}}')
        return
    click.echo("" if first else "no account would differ")
    table(("in all", ""), [(key.replace("_", " "), _counted(value)) for key, value in summary.items()])()


def _lines(entry: dict[str, Any]) -> Iterator[str]:
    """Yield the differences of an account's state, and of the answers to its requests."""
    if entry["was"] != entry["would_be"]:
        was, would_be = (", ".join(entry[key].values()) for key in ("was", "would_be"))
        clause = f", clause {entry['clause']}" if entry["clause"] else ""
        yield f"{entry['account_id']}: from {entry['at']} {would_be} instead of {was} ({entry['rule']}{clause})"
    for request in entry["refund_requests"]:
        was, would_be = (_ruling(request[key], request["currency"]) for key in ("was", "would_be"))
        yield f"{entry['account_id']}: refund request {request['id']} of {request['at']}: {would_be} instead of {was}"


def _ruling(answer: dict[str, Any], currency: str) -> str:
    from kulanz.formats.money import plain as money

    clause = f" by {answer['clause']}" if answer["clause"] else ""
    paid = f", paid by {answer['pay_by']}" if answer["pay_by"] else ""
    amount = money(answer["refundable_amount"], currency)
    return f"{answer['verdict']}{clause} ({amount}; answered by {answer['decide_by']}{paid})"


def _counted(value: Any) -> str:
    """Write a number, or amounts by currency."""
    from kulanz.formats.money import plain as money

    return (
        ", ".join(money(amount, currency) for currency, amount in value.items()) if isinstance(value, dict) else value
    )


def _refuse_what_is_not_in_force(opened: Services, since: datetime) -> None:
    with opened.database.read() as conn:
        if since > opened.clock.now(conn):
            raise click.UsageError("--migrate-open: what is open can be moved once the version is in force")


def _ask(opened: Services, document_text: str, effective_from: datetime | None, actor: str, *, yes: bool) -> None:
    """Ask before a version is in force: the answer no changes nothing."""
    from kulanz.commands import versions

    if yes:
        return
    would = versions.activate(opened, document_text, actor=actor, effective_from=effective_from, dry_run=True)
    moved = _apply_to_open(opened, would, actor, dry_run=True)
    put = f"put version {would.row.version} in force and " if would.new else ""
    confirm(len(moved), f"{put}apply it to open cases, disputes and requests", yes=False)


def _apply_to_open(opened: Services, done: Activation, actor: str, *, dry_run: bool) -> list[dict[str, str]]:
    from kulanz.commands import versions

    policy = document.parse(done.row.document, version=done.row.version)
    return [
        {"account_id": account, "subject": fact.subject}
        for account, fact in versions.apply_to_open(opened, policy, actor=actor, dry_run=dry_run)
    ]


def _version(row: PolicyRow, current: PolicyRow | None, now: datetime) -> dict[str, Any]:
    past = "past" if row.effective_from <= now else "scheduled"
    state = "own terms" if not row.general else "in force" if row == current else past
    return {
        "version": row.version,
        "name": row.name,
        "state": state,
        "effective_from": row.effective_from,
        "activated_at": row.activated_at,
        "actor": row.actor,
        "sha256": row.sha256,
    }


def _difference(difference: Difference) -> dict[str, str]:
    return {
        "key": difference.key,
        "means": difference.channels,
        "old": difference.old,
        "new": difference.new,
        "leniency": str(difference.leniency),
    }


def _print_differences(differences: tuple[Difference, ...]) -> None:
    for difference in differences:
        click.echo(f"{difference.key}: {difference.old} → {difference.new} ({LENIENCY[difference.leniency]})")
        click.echo(f"  {difference.channels}")
    if not differences:
        click.echo("no key differs")
