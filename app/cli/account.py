"""`kulanz account`: how accounts stand, why, and exceptions to the policy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli import closing, declining
from app.cli.near import near_misses
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

if TYPE_CHECKING:
    from app.ordering.commands import Command
    from app.policy.model import Decision

STANDINGS = ("good", "grace", "on_hold", "suspended", "closed")
COLUMNS = ("account_id", "standing", "plan", "access", "grace_ends_at")
EXCEPTIONS = {
    "extend-grace": "Let the grace period of an unpaid account end later.",
    "waive": "Close what is owed as void, not as paid.",
    "reinstate": "Lift the holds of an account for a while.",
    "exempt": "Take an account out of dunning for a while.",
    "suspend": "Suspend an account for a while.",
    "legal-hold": "Keep an account's data from being destroyed.",
}


@click.group()
def account() -> None:
    """Look at accounts, and make exceptions."""


@account.command(name="list")
@click.option("--standing", type=click.Choice(STANDINGS))
@click.option("--plan")
@click.option("--after", help="Accounts after this id.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@json_option
def list_(*, standing: str | None, plan: str | None, after: str | None, limit: int, as_json: bool) -> None:
    """List accounts by id."""
    from app.showing import enquiries

    with services() as opened:
        page = enquiries.accounts(opened, standing=standing, plan=plan, after=after, limit=limit)
    rows = [[item[column] for column in COLUMNS] for item in page.items]

    def show() -> None:
        table(COLUMNS, rows, "no such account")()
        if page.after is not None:
            click.echo(f"more: --after {page.after}", err=True)

    emit({"accounts": page.items, "next_cursor": page.after}, as_json, show)


@account.command()
@click.argument("text")
@json_option
def find(*, text: str, as_json: bool) -> None:
    """Find accounts by an id or its beginning, a mail address, or an id of the provider's."""
    from app.showing.dossier import search

    with services() as opened:
        names = search(opened, text)
    emit({"accounts": names}, as_json, "\n".join(names) or "no such account")


@account.command()
@click.argument("ident", metavar="ID")
@json_option
def show(*, ident: str, as_json: bool) -> None:
    """Show one account as the API does."""
    from app.showing import enquiries

    with services() as opened, near_misses(opened, ident):
        document = enquiries.account_document(opened, ident)
    emit(document, as_json, lambda: _print_account(document))


@account.command()
@click.argument("ident", metavar="ID")
@json_option
def explain(*, ident: str, as_json: bool) -> None:
    """Say why an account stands as it does, step by step, and what would change it, and when."""
    from app.showing import enquiries

    with services() as opened, near_misses(opened, ident):
        document = enquiries.explanation(opened, ident)
    emit(document, as_json, lambda: _print_story(document))


@account.command()
@click.argument("ident", metavar="ID")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file [default: ID.evidence.html].")
@json_option
def evidence(*, ident: str, out: Path | None, as_json: bool) -> None:
    """Write one signed file of what happened, by which clause, what was sent and when: for a chargeback response."""
    from app.cli.files import write_private
    from app.evidence import of_account

    with services() as opened:
        page = of_account(opened, ident)
    path = out or Path(f"{ident.replace(':', '_')}.evidence.html")
    write_private(path, page)
    document = {"account_id": ident, "file": str(path), "bytes": len(page)}
    emit(document, as_json, f"{path} holds personal data; `kulanz evidence verify {path}` checks it anywhere")


@account.command(name="plan-change")
@click.argument("ident", metavar="ID")
@click.option("--to", "plan", required=True, help="The plan that is wanted.")
@click.option("--price", type=click.IntRange(0, LARGEST), help="Of a period of it, without taxes, in minor units.")
@click.option("--currency", type=currency_of, help="Of the price [default: that of the subscription]")
@click.option("--subscription", type=words, help="The provider's id [default: the one that gives the plan].")
@json_option
def plan_change(
    *, ident: str, plan: str, price: int | None, currency: str | None, subscription: str | None, as_json: bool
) -> None:
    """Say what a change of plan would charge, by the days left, and when it would count; nothing is changed."""
    from app.policy.plan_change import Wanted
    from app.showing import quotes

    wanted = Wanted(plan=plan, price=price, currency=currency, subscription=subscription)
    with services() as opened:
        document = quotes.plan_change(opened, ident, wanted)
    emit(document, as_json, table(("field", "value"), list(document.items()), ""))


@account.command()
@click.argument("ident", metavar="ID")
@click.option("--subscription", type=words, help="The provider's id, where the account has several.")
@click.option("--reason", type=words, required=True, help="How the customer gave notice.")
@actor_option
@dry_run_option
@json_option
def cancel(*, ident: str, subscription: str | None, reason: str, actor: str, dry_run: bool, as_json: bool) -> None:
    """Note that the customer cancelled by notice: the renewal is switched off, what is paid for runs to its end."""
    from app.ordering.commands import NoteCancellation

    command = NoteCancellation(reason=reason, subscription=subscription)
    order(ident, command, actor=actor, dry_run=dry_run, as_json=as_json)


@account.command()
@click.argument("ident", metavar="ID")
@click.option("--moved-at", type=instant, help="When the move was done [default: now].")
@click.option("--reason", type=words, required=True)
@actor_option
@dry_run_option
@json_option
def migrated(*, ident: str, moved_at: datetime | None, reason: str, actor: str, dry_run: bool, as_json: bool) -> None:
    """Record that an account was moved to on-premise; unused days are computed from then on."""
    from app.ordering.commands import RecordMove

    order(ident, RecordMove(moved_at=moved_at, reason=reason), actor=actor, dry_run=dry_run, as_json=as_json)


def order(ident: str, command: Command, *, actor: str, dry_run: bool, as_json: bool, signed_in: bool = False) -> None:
    """Carry a command out and print what followed; `signed_in`: the actor is the name of a token that was shown."""
    from app import pipeline
    from app.coding import told
    from app.showing import enquiries
    from app.showing.story import sentence

    with services() as opened:
        decision = pipeline.command(opened, ident, command, actor, signed_in=signed_in, dry_run=dry_run)
        after = _outcome(decision) if dry_run else enquiries.account_document(opened, ident)
    said = [sentence(told(change)) for change in decision.changes]
    document = {"account": after, "changes": said, "dry_run": dry_run, "actor": actor}

    def show() -> None:
        for line in said or ["Nothing changes."]:
            click.echo(f"{'would be: ' if dry_run else ''}{line}")
        click.echo(f"{ident}: {after['standing']}, plan {after['plan']}, access {after['access']}")

    emit(document, as_json, show)


@account.command(name="record-payment")
@click.argument("ident", metavar="ID")
@click.option("--amount", type=click.IntRange(1, LARGEST), required=True, help="In minor units, such as cents.")
@click.option("--currency", type=currency_of, required=True, help="Three letters, such as EUR.")
@click.option("--received", type=instant, help="When it reached you [default: now].")
@click.option("--reference", type=words, help="What the payer wrote with it.")
@click.option("--invoice", type=words, help="The provider's invoice id [default: by the reference, else the oldest].")
@click.option("--transaction", type=words, help="The bank's own id of it: the same one is never recorded twice.")
@dry_run_option
@actor_option
@json_option
def record_payment(
    *,
    ident: str,
    amount: int,
    currency: str,
    received: datetime | None,
    reference: str | None,
    invoice: str | None,
    transaction: str | None,
    dry_run: bool,
    actor: str,
    as_json: bool,
) -> None:
    """Record a transfer that reached you; it pays what the account owes."""
    from app.ordering.commands import RecordPayment

    command = RecordPayment(
        amount=amount,
        currency=currency,
        received_at=received,
        reference=reference,
        invoice=invoice,
        transaction=transaction,
    )
    order(ident, command, actor=actor, dry_run=dry_run, as_json=as_json)


@account.command()
@click.argument("ident", metavar="ID")
@click.option("--policy", "name", help="A file, a preset, or a policy that is kept here.")
@click.option("--until", type=instant, help="To when these terms replace the general policy.")
@click.option("--end", is_flag=True, help="End the account's own terms: the general policy counts again.")
@click.option("--reason", type=words, required=True, help="Why; it is shown with the decision.")
@actor_option
@dry_run_option
@json_option
def terms(
    *,
    ident: str,
    name: str | None,
    until: datetime | None,
    end: bool,
    reason: str,
    actor: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Put an account under a policy of its own for a period (an individual agreement), or end that."""
    from app.cli.policy import text
    from app.ordering.commands import AgreeTerms, EndTerms

    if end and (name or until):
        raise click.UsageError("--end takes neither --policy nor --until")
    if end:
        command: Command = EndTerms(reason=reason)
    elif name and until:
        command = AgreeTerms(document=text(name), until=until, reason=reason)
    else:
        raise click.UsageError("--policy and --until, or --end")
    order(ident, command, actor=actor, dry_run=dry_run, as_json=as_json)


@account.command(name="void-payment")
@click.argument("ident", metavar="ID")
@click.argument("payment")
@click.option("--reason", type=words, required=True, help="Why it is none; it is shown with the decision.")
@dry_run_option
@actor_option
@json_option
def void_payment(*, ident: str, payment: str, reason: str, dry_run: bool, actor: str, as_json: bool) -> None:
    """Say that a recorded transfer is none: what it had paid is owed again."""
    from app.ordering.commands import VoidPayment

    order(ident, VoidPayment(payment=payment, reason=reason), actor=actor, dry_run=dry_run, as_json=as_json)


def _exception(name: str) -> Callable[..., None]:
    def make(
        *, ident: str, reason: str, actor: str, dry_run: bool, as_json: bool, until: datetime | None = None
    ) -> None:
        from app.ordering.commands import SetOverride
        from app.policy.facts import OverrideKind

        kind = OverrideKind(name.replace("-", "_"))
        command = SetOverride(kind=kind, until=until, reason=reason)
        order(ident, command, actor=actor, dry_run=dry_run, as_json=as_json)

    return make


def _add_exceptions() -> None:
    """Make one command of each kind of exception: they differ in name, and a waiver has no end."""
    for name, help_text in EXCEPTIONS.items():
        parameters: list[Callable[[Any], Any]] = [
            click.argument("ident", metavar="ID"),
            click.option("--reason", type=words, required=True, help="Why; it is shown with the decision."),
            actor_option,
            dry_run_option,
            json_option,
        ]
        if name != "waive":
            until = click.option("--until", type=instant, required=True, help="Its end, at most 366 days away.")
            parameters.append(until)
        function: Callable[..., Any] = _exception(name)
        for decorate in reversed(parameters):
            function = decorate(function)
        account.command(name=name, help=help_text)(function)


_add_exceptions()
for _command in (declining.decline, *closing.COMMANDS):
    account.add_command(_command)


def _outcome(decision: Decision) -> dict[str, Any]:
    found = decision.account
    return {
        "account_id": found.id,
        "standing": str(found.standing),
        "plan": found.plan,
        "access": str(found.access),
    }


def _print_account(document: dict[str, Any]) -> None:
    plain = [(key, value) for key, value in document.items() if not isinstance(value, list | dict)]
    policy = document["policy"]
    table(("field", "value"), [*plain, ("policy", f"{policy['name']} version {policy['version']}")], "")()
    for key, entries in document.items():
        if isinstance(entries, list) and entries:
            click.echo(f"\n{key}")
            table(tuple(entries[0]), [tuple(entry.values()) for entry in entries], "")()


def _print_story(document: dict[str, Any]) -> None:
    click.echo(
        f"{document['account_id']}: {document['standing']}, plan {document['plan']}, access {document['access']}"
    )
    for title, lines in (("Why", document["why"]), ("What would change it", document["outlook"])):
        click.echo(f"\n{title}")
        for line in lines or ["Nothing."]:
            click.echo(f"  {line}")
    click.echo("\nHow it came to this")
    for step in document["steps"]:
        _print_step(step)


def _print_step(step: dict[str, Any]) -> None:
    cause, policy = step["cause"], step["policy"]
    reference = f" {cause['ref']}" if cause["ref"] else ""
    clause = f", clause {step['clause']}" if step["clause"] else ""
    click.echo(f"  {step['at']}  {cause['kind']} {cause['name']}{reference}")
    click.echo(f"    by {step['rule']}{clause} ({policy['name']}, version {policy['version']})")
    for line in step["sentences"]:
        click.echo(f"    {line}")
