"""`kulanz demo`: one signed story through the real door of a running instance, on the test clock.

A renewal fails, grace runs, the warning goes out, the plan falls, a late payment brings it back; then a chargeback
suspends the account, and winning it lifts exactly that.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from kulanz.cli.options import console, emit, json_option, kulanz_in, services
from kulanz.errors import RefusedError

if TYPE_CHECKING:
    from kulanz.config import Settings
    from kulanz.documents import Account
    from kulanz.providers.lemonsqueezy.samples import Purchase
    from kulanz.runtime.clock import ClockLease
    from kulanz.services import Services

ONE_DAY = timedelta(days=1)
ACCOUNT_PREFIX = "demo_"
HANDLED_WITHIN = 30.0
MANY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoDay:
    """A day of the story: its events, and the account's state at its end."""

    day: int
    title: str
    events: tuple[tuple[str, dict[str, Any]], ...] = ()
    standing: str
    plan: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A day of the story as it went."""

    day: int
    at: datetime
    title: str
    events: list[str]
    account: Account
    effects: list[DemoEffect]
    as_expected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoEffect:
    """An outgoing action that a day brought."""

    kind: str
    type: str | None
    state: str


DEMO_STORY = (
    DemoDay(
        day=0,
        title="A subscription is bought and paid.",
        events=(("subscription_created", {}), ("subscription_payment_success", {"billing_reason": "initial"})),
        standing="good",
        plan="professional",
    ),
    DemoDay(
        day=30,
        title="Its renewal payment fails.",
        events=(("subscription_payment_failed", {"renewal": 1}), ("subscription_updated", {"status": "past_due"})),
        standing="grace",
        plan="professional",
    ),
    DemoDay(day=33, title="The payment is still missing.", standing="grace", plan="professional"),
    DemoDay(day=36, title="The payment is missing for another three days.", standing="grace", plan="professional"),
    DemoDay(day=37, title="Grace is over.", standing="on_hold", plan="free"),
    DemoDay(
        day=39,
        title="The payment arrives after all.",
        events=(
            ("subscription_payment_recovered", {"renewal": 1}),
            ("subscription_payment_success", {"renewal": 1}),
            ("subscription_updated", {"status": "active"}),
        ),
        standing="good",
        plan="professional",
    ),
    DemoDay(
        day=45,
        title="The customer's bank opens a chargeback.",
        events=(("dispute_created", {}),),
        standing="suspended",
        plan="free",
    ),
    DemoDay(
        day=52,
        title="The chargeback is won.",
        events=(("dispute_resolved", {"status": "won"}),),
        standing="good",
        plan="professional",
    ),
)


@click.command()
@click.option("--url", help="The webhook [default: that of the instance with this data directory].")
@click.option("--yes", is_flag=True, help="Move the test clock although there are other accounts.")
@json_option
def demo(*, url: str | None, yes: bool, as_json: bool) -> None:
    """Send the signed story through a running instance and print its outcome; exit 1 where it ends otherwise."""
    from kulanz.cli.clock import permit
    from kulanz.cli.send import target

    with services() as opened:
        permit(opened)
        url, secret = target(url, None)
        _refuse_company(opened, yes=yes)
        outcomes = []
        with opened.clock.lease(HANDLED_WITHIN) as lease:
            for outcome in _tell(opened, lease, url, secret):
                outcomes.append(outcome)
                if not as_json:
                    _print(outcome)
        again = kulanz_in(opened.settings.data_dir) if opened.settings.demo else "kulanz"
    account = outcomes[0].account.account_id
    emit({"account_id": account, "chapters": outcomes}, as_json, f"Read it again: {again} account explain {account}")
    unexpected = [outcome.day for outcome in outcomes if not outcome.as_expected]
    if unexpected:
        raise RefusedError(f"the story went otherwise than its policy says (day {unexpected[0]})")


def _tell(opened: Services, lease: ClockLease, url: str, secret: str) -> Iterator[Chapter]:
    from kulanz.cli.advance import go_on

    begun = opened.clock.now().replace(microsecond=0)
    purchase = _purchase(begun, opened.settings)
    seen: set[str] = set()
    opened.clock.set(begun)
    for day in DEMO_STORY:
        now = opened.clock.now()
        go_on(opened, lease, begun + day.day * ONE_DAY - now, HANDLED_WITHIN)
        for name, document in day.events:
            _post((url, secret), name, purchase, opened.clock.now(), document)
        go_on(opened, lease, timedelta(), HANDLED_WITHIN)
        yield _outcome(opened, day, purchase, seen)


def _purchase(begun: datetime, settings: Settings) -> Purchase:
    """Return a new purchase, so that the demonstration can be repeated in the same data directory."""
    from kulanz.providers.lemonsqueezy.samples import Purchase

    number = 1_000_000 + secrets.randbelow(1_000_000_000) * 10
    stores = [int(store) for store in settings.lemonsqueezy_store_ids if store.isdigit()]
    return Purchase(
        account=f"{ACCOUNT_PREFIX}{number}",
        account_secret=settings.account_secret,
        store=stores[0] if stores else number,
        customer=number,
        subscription=number + 1,
        order=number + 2,
        invoice=number + 3,
        began=begun,
        test_mode=True,
    )


def _post(door: tuple[str, str], name: str, purchase: Purchase, now: datetime, document: dict[str, Any]) -> None:
    from kulanz.cli.send import HTTP_OK, deliver
    from kulanz.providers.lemonsqueezy.samples import event, wire

    attributes = dict(document)
    bought = replace(purchase, invoice=purchase.invoice + attributes.pop("renewal", 0))
    answer = deliver(*door, wire(event(name, bought, at=now, **attributes)))
    if answer["status"] != HTTP_OK:
        raise RefusedError(f"{name} was answered {answer['status']}: {answer['answer']}")


def _outcome(opened: Services, day: DemoDay, purchase: Purchase, seen: set[str]) -> Chapter:
    from kulanz.queries import accounts
    from kulanz.store import outbox

    account = accounts.account_document(opened, str(purchase.account))
    with opened.database.read() as conn:
        rows = outbox.listing(conn, account=purchase.account, limit=100)
    fresh = [row for row in reversed(rows) if row.id not in seen]
    seen.update(row.id for row in fresh)
    return Chapter(
        day=day.day,
        at=opened.clock.now(),
        title=day.title,
        events=[name for name, _ in day.events],
        account=account,
        effects=[DemoEffect(kind=row.kind, type=row.type, state=row.state) for row in fresh],
        as_expected=(account.standing, account.plan) == (day.standing, day.plan),
    )


def _refuse_company(opened: Services, *, yes: bool) -> None:
    """Refuse to move the clock if there are other accounts: their deadlines would pass."""
    from kulanz.store import accounts

    with opened.database.read() as conn:
        company = [name for name in accounts.ids(conn, None, MANY) if not name.startswith(ACCOUNT_PREFIX)]
    if company and not yes:
        raise RefusedError(
            f"deadlines of other accounts ({company[0]}, …) would pass: give --yes or another --data-dir"
        )


EFFECT_WORDS = {
    "SendMail": "mail",
    "Notify": "callback",
    "CancelSubscription": "at the provider",
    "ResumeSubscription": "at the provider",
    "DropFile": "file",
    "SendLetter": "letter",
    "LookUpSubscription": "at the provider",
}
COLOURS = {"good": "green", "grace": "yellow", "on_hold": "red", "suspended": "red", "closed": "red"}


def _print(outcome: Chapter) -> None:
    from msgspec import to_builtins
    from rich.text import Text

    account, out = outcome.account, console()
    out.print(Text.assemble((f"day {outcome.day:>2}  ", "bold"), outcome.title))
    if outcome.events:
        out.print(Text(f"        received  {', '.join(outcome.events)}", style="dim"))
    for effect in outcome.effects:
        line = f"        {EFFECT_WORDS.get(effect.kind, effect.kind)}  {effect.type} ({effect.state})"
        out.print(Text(line, style="dim"))
    until = f", until {to_builtins(account.grace_ends_at)}" if account.grace_ends_at else ""
    standing = (account.standing, COLOURS[account.standing])
    out.print(Text.assemble("        → ", standing, f": plan {account.plan}, access {account.access}{until}"))
