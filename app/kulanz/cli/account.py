"""`kulanz account`: the state of accounts, its reasons, and exceptions to the policy."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from kulanz.cli import account_list, charges, closing, declining
from kulanz.cli.command import orders
from kulanz.cli.options import (
    MAX_AMOUNT,
    PAIR,
    actor_option,
    currency_of,
    dry_run_option,
    emit,
    host_instant,
    instant,
    json_option,
    locale_name,
    pairs,
    services,
    table,
    words,
)
from kulanz.cli.suggestions import near_misses
from kulanz.formats.wording import file_name

if TYPE_CHECKING:
    from kulanz.commands.commands import Command
    from kulanz.documents import Explanation, Step
    from kulanz.formats.messages import Reader

CHANNELS = ("mail", "phone", "chat", "letter", "in_person", "other")
EXCEPTIONS = {
    "extend-grace": "Let the grace period of an unpaid account end later.",
    "waive": "Close what is owed as void, not as paid.",
    "reinstate": "Lift the holds of an account for a while.",
    "exempt": "Take an account out of dunning for a while.",
    "suspend": "Suspend an account for a while.",
    "legal-hold": "Keep an account's data from being destroyed.",
}
id_argument = click.argument("account", metavar="ID")
reason_option = click.option("--reason", type=words, required=True, help="Why; it is shown with the decision.")
until_option = click.option("--until", type=instant, required=True, help="Its end, at most 366 days away.")


@click.group()
def account() -> None:
    """Look at accounts, and make exceptions."""


@account.command()
@click.argument("ident", metavar="ID")
@json_option
def show(*, ident: str, as_json: bool) -> None:
    """Show one account as the API does."""
    from kulanz.queries import accounts

    with services() as opened, near_misses(opened, ident):
        document = accounts.account_document(opened, ident)
    emit(document, as_json, lambda: _print_account(dict(pairs(document))))


@account.command()
@click.argument("ident", metavar="ID")
@click.option("--locale", type=locale_name, help="The language, such as de-AT [default: plain English, times in UTC].")
@json_option
def explain(*, ident: str, locale: str | None, as_json: bool) -> None:
    """Explain an account's state step by step, and list possible changes with their times."""
    from kulanz.queries import accounts

    languages = (locale,) if locale else ()
    with services() as opened, near_misses(opened, ident):
        document = accounts.explanation(opened, ident, languages=languages)
    emit(document, as_json, lambda: _print_story(document, languages))


@account.command()
@click.argument("ident", metavar="ID")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file [default: ID.evidence.html].")
@json_option
def evidence(*, ident: str, out: Path | None, as_json: bool) -> None:
    """Write one signed file with events, clauses and sent notices, with their times: for a chargeback response."""
    from kulanz.queries.evidence import of_account
    from kulanz.runtime.private_files import write_private

    with services() as opened:
        page = of_account(opened, ident)
    path = out or Path(file_name(ident))
    write_private(path, page)
    document = {"account_id": ident, "file": str(path), "bytes": len(page)}
    emit(document, as_json, f"{path} holds personal data; `kulanz evidence verify {path}` checks it anywhere")


@account.command()
@click.argument("ident", metavar="ID")
@click.option("--until", type=host_instant, help="What is bought later is not proved by it [default: no end].")
@json_option
def sign(*, ident: str, until: datetime | None, as_json: bool) -> None:
    """Make the `account_sig` that your server puts into a checkout's custom data beside the account's id."""
    from kulanz.config import environment, load
    from kulanz.errors import InvalidInputError, RefusedError
    from kulanz.providers.naming import is_usable
    from kulanz.providers.reading import shown
    from kulanz.providers.signing import account_signature

    secret = load(environment()).account_secret
    if secret is None:
        raise RefusedError("KULANZ_ACCOUNT_SECRET is not set")
    if not is_usable(ident):
        raise InvalidInputError(f"no account can have the id {shown(ident)}")
    signature = account_signature(ident, secret, int(until.timestamp()) if until is not None else None)
    emit({"account_id": ident, "account_sig": signature, "until": until}, as_json, signature)


@account.command(name="plan-change")
@click.argument("ident", metavar="ID")
@click.option("--to", "plan", required=True, help="The plan that is wanted.")
@click.option("--price", type=click.IntRange(0, MAX_AMOUNT), help="Of a period of it, without taxes, in minor units.")
@click.option("--currency", type=currency_of, help="Of the price [default: that of the subscription]")
@click.option("--subscription", type=words, help="The provider's id [default: the one that gives the plan].")
@json_option
def plan_change(
    *, ident: str, plan: str, price: int | None, currency: str | None, subscription: str | None, as_json: bool
) -> None:
    """Quote a change of plan: the price by the days left, and its time; changes nothing."""
    from kulanz.policy.areas.plan_change import Wanted
    from kulanz.queries import quotes

    wanted = Wanted(plan=plan, price=price, currency=currency, subscription=subscription)
    with services() as opened:
        document = quotes.plan_change(opened, ident, wanted)
    emit(document, as_json, table(PAIR, pairs(document)))


@account.command()
@click.argument("source", metavar="FROM", required=False)
@click.argument("target", metavar="TO", required=False)
@click.option("--file", "listed", type=click.File(), help="Lines of FROM,TO instead: all of them or none.")
@click.option("--undo", is_flag=True, help="Take such links back: what is claimed counts again.")
@reason_option
@actor_option
@dry_run_option
@json_option
def link(
    *,
    source: str | None,
    target: str | None,
    listed: TextIO | None,
    undo: bool,
    reason: str,
    actor: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Let everything that belongs to account FROM, such as lemonsqueezy-77, belong to account TO."""
    from kulanz.commands import links

    pairs = _pairs(source, target, listed)
    wanted = [links.Link(source=old, target=new, reason=reason, undo=undo) for old, new in pairs]
    with services() as opened:
        done = links.link(opened, wanted, actor, dry_run=dry_run)
    document = [
        {"from": each.link.source, "to": each.link.target, "objects": each.objects, "plans": each.plans}
        for each in done
    ]
    rows = [
        (
            each.link.source,
            each.link.target,
            ", ".join(each.objects) or "nothing",
            "; ".join(f"{name}: {plan}" for name, plan in each.plans.items()),
        )
        for each in done
    ]
    columns = ("from", "to", "would move" if dry_run else "moved", "plan after it")
    emit({"links": document, "dry_run": dry_run, "undo": undo, "actor": actor}, as_json, table(columns, rows))


def _pairs(source: str | None, target: str | None, listed: TextIO | None) -> list[tuple[str, str]]:
    """Return the accounts to be linked: two arguments, or the lines of a file."""
    if listed is not None and source is None:
        lines = [line.strip() for line in listed if line.strip()]
        pairs = [(old.strip(), new.strip()) for old, _, new in (line.partition(",") for line in lines)]
        if not all(old and new for old, new in pairs):
            raise click.UsageError("--file: each line is FROM,TO")
        return pairs
    if source is None or target is None or listed is not None:
        raise click.UsageError("FROM and TO, or --file")
    return [(source, target)]


@account.command()
@id_argument
@click.option("--subscription", type=words, help="The provider's id, where the account has several.")
@click.option("--reason", type=words, required=True, help="How the customer gave notice.")
@orders
def cancel(**told: Any) -> Command:
    """Record a cancellation by the customer: the renewal is switched off, the paid period runs to its end."""
    from kulanz.commands.commands import NoteCancellation

    return NoteCancellation(**told)


@account.command()
@id_argument
@click.option("--channel", type=click.Choice(CHANNELS), required=True, help="How the customer got in touch.")
@click.option("--date", "contacted_on", type=click.DateTime(["%Y-%m-%d"]), help="On which day [default: now].")
@click.option("--payment", type=words, help="The provider's invoice or order id, where it was about one payment.")
@click.option("--reason", type=words, required=True, help="What it was about.")
@orders
def contact(*, contacted_on: datetime | None, **told: Any) -> Command:
    """Note that the customer got in touch with the staff: it counts as contact before a chargeback."""
    from kulanz.commands.commands import NoteContact

    return NoteContact(contacted_on=contacted_on.date() if contacted_on else None, **told)


@account.command()
@id_argument
@click.option("--moved-at", type=instant, help="When the move was done [default: now].")
@click.option("--reason", type=words, required=True)
@orders
def migrated(**told: Any) -> Command:
    """Record that an account was moved to on-premise; unused days are computed from then on."""
    from kulanz.commands.commands import RecordMove

    return RecordMove(**told)


@account.command(name="record-payment")
@id_argument
@click.option("--amount", type=click.IntRange(1, MAX_AMOUNT), required=True, help="In minor units, such as cents.")
@click.option("--currency", type=currency_of, required=True, help="Three letters, such as EUR.")
@click.option("--received", "received_at", type=instant, help="When it reached you [default: now].")
@click.option("--reference", type=words, help="What the payer wrote with it.")
@click.option("--invoice", type=words, help="The provider's invoice id [default: by the reference, else the oldest].")
@click.option("--transaction", type=words, help="The bank's own id of it: the same one is never recorded twice.")
@orders
def record_payment(**told: Any) -> Command:
    """Record a transfer that reached you; it pays the account's debts."""
    from kulanz.commands.commands import RecordPayment

    return RecordPayment(**told)


@account.command()
@id_argument
@click.option("--policy", "name", help="A file, a preset, or a policy that is kept here.")
@click.option("--until", type=instant, help="To when these terms replace the general policy.")
@click.option("--end", is_flag=True, help="End the account's own terms: the general policy counts again.")
@reason_option
@orders
def terms(*, name: str | None, until: datetime | None, end: bool, reason: str) -> Command:
    """Put an account under a policy of its own for a period (an individual agreement), or end that."""
    from kulanz.cli.documents import text
    from kulanz.commands.commands import AgreeTerms, EndTerms

    if end and (name or until):
        raise click.UsageError("--end takes neither --policy nor --until")
    if end:
        return EndTerms(reason=reason)
    if name and until:
        return AgreeTerms(document=text(name), until=until, reason=reason)
    raise click.UsageError("--policy and --until, or --end")


@account.command(name="void-payment")
@id_argument
@click.argument("payment")
@click.option("--reason", type=words, required=True, help="Why it is none; it is shown with the decision.")
@orders
def void_payment(**told: Any) -> Command:
    """Void a recorded transfer: its payments are owed again."""
    from kulanz.commands.commands import VoidPayment

    return VoidPayment(**told)


def _exception(name: str, help_text: str) -> click.Command:
    """Return the command of one kind of exception; only a waiver has no end."""

    @orders
    def make(*, reason: str, until: datetime | None = None) -> Command:
        from kulanz.commands.commands import SetOverride
        from kulanz.policy.facts import OverrideKind

        return SetOverride(kind=OverrideKind(name.replace("-", "_")), until=until, reason=reason)

    ended = make if name == "waive" else until_option(make)
    return click.command(name=name, help=help_text)(id_argument(reason_option(ended)))


for _command in (
    *(_exception(name, text) for name, text in EXCEPTIONS.items()),
    declining.decline,
    charges.charges,
    *closing.CLOSING_COMMANDS,
    *account_list.LIST_COMMANDS,
):
    account.add_command(_command)


def _print_account(document: dict[str, Any]) -> None:
    plain = [(key, value) for key, value in document.items() if not isinstance(value, list | dict)]
    policy = document["policy"]
    table(PAIR, [*plain, ("policy", f"{policy['name']} version {policy['version']}")])()
    for key, entries in document.items():
        if isinstance(entries, list) and entries:
            click.echo(f"\n{key}")
            table(tuple(entries[0]), [tuple(entry.values()) for entry in entries])()


def _print_story(document: Explanation, languages: tuple[str, ...]) -> None:
    from kulanz.formats.localised import reader_of, zone_of
    from kulanz.formats.messages import message
    from kulanz.queries import accounts

    reader = reader_of(languages, zone_of("UTC"))
    standing = message("{account_id}: {standing}, plan {plan}, access {access}")
    click.echo(reader.read(standing.given(**dict(pairs(document)))))
    titles = message("Why"), message("Why it waits"), message("What would change it")
    waits = [f"{wait.evidence} {wait.ends}" for wait in document.waits]
    for title, lines in zip(titles, (document.why, waits, accounts.changes_ahead(document)), strict=True):
        click.echo(f"\n{reader.read(title)}")
        for line in lines or [reader.read(message("Nothing."))]:
            click.echo(f"  {line}")
    click.echo(f"\n{reader.read(message('How it came to this'))}")
    for step in document.steps:
        _print_step(step, reader)


def _print_step(step: Step, reader: Reader) -> None:
    from kulanz.formats.messages import message
    from kulanz.policy.calendar.time import rfc3339

    cause, policy = step.cause, step.policy
    reference = f" {cause['ref']}" if cause["ref"] else ""
    by_clause = message("by {rule}, clause {clause} ({policy}, version {version})")
    by = by_clause if step.clause else message("by {rule} ({policy}, version {version})")
    click.echo(f"  {rfc3339(step.at)}  {cause['kind']} {cause['name']}{reference}")
    stated = by.given(rule=step.rule, clause=step.clause, policy=policy["name"], version=policy["version"])
    click.echo(f"    {reader.read(stated)}")
    for line in step.sentences:
        click.echo(f"    {line}")
