"""`kulanz init`: the files that an instance begins with, from five questions."""

from __future__ import annotations

from pathlib import Path

import click

from kulanz.cli.options import emit, json_option, yes_option
from kulanz.config.parsing import ENDPOINTS
from kulanz.policy import document

WAYS = ("terminal", "compose", "systemd")


@click.command()
@click.option("--provider", type=click.Choice(ENDPOINTS), help="Who sends the webhooks [default: lemonsqueezy].")
@click.option("--plans", help="The provider's variants and your plans, the lowest first: 394420=professional,…")
@click.option("--policy", type=click.Choice(document.presets()), help="The preset to begin with [default: plexo].")
@click.option("--smtp-url", help="The mail server: smtp://user:pass@host:587; none: mails are written to files.")
@click.option("--run", type=click.Choice(WAYS), help="How it will run [default: terminal].")
@click.option(
    "--mode",
    type=click.Choice(("live", "test")),
    default="live",
    show_default=True,
    help="The provider's mode; events of the other are ignored.",
)
@click.option("--webhook-secret", help="The secret of the provider's webhook, where it has one already.")
@click.option("--mail-from", help="The sender of mails.")
@click.option("--callback-url", help="The address of your product that receives changes.")
@click.option("--billing-url", help="Where your customer pays or changes the card.")
@click.option("--ops-alert-to", help="The address that is mailed what operators should see.")
@click.option(
    "--into", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="The folder [default: this one]."
)
@yes_option
@json_option
def init(
    *,
    provider: str | None,
    plans: str | None,
    policy: str | None,
    smtp_url: str | None,
    run: str | None,
    mode: str,
    webhook_secret: str | None,
    mail_from: str | None,
    callback_url: str | None,
    billing_url: str | None,
    ops_alert_to: str | None,
    into: Path,
    yes: bool,
    as_json: bool,
) -> None:
    """Write settings with new secrets, a policy, and files to run it: none, a compose file or a systemd unit.

    Five questions are asked, each unless its option answers it; --yes takes the defaults. No file is overwritten.
    """
    from kulanz.cli.init.files import Answers, write

    def answer(given: str | None, question: str, default: str, choices: tuple[str, ...] = ()) -> str:
        if given is not None or yes:
            return default if given is None else given
        kind = click.Choice(choices) if choices else str
        return str(click.prompt(question, default=default, type=kind, show_default=bool(default), err=True)).strip()

    answers = Answers(
        provider=answer(provider, "Payment provider", "lemonsqueezy", ENDPOINTS),
        plans=answer(plans, "Variants and plans, the lowest first (394420=professional,…; empty: by their names)", ""),
        policy=answer(policy, "Policy", "plexo", document.presets()),
        smtp_url=answer(smtp_url, "Mail server (smtp://user:pass@host:587; empty: mails are written to files)", ""),
        run=answer(run, "How will it run", "terminal", WAYS),
        more={
            "LEMONSQUEEZY_MODE": None if mode == "live" else mode,
            "MAIL_FROM": mail_from,
            "CALLBACK_URL": callback_url,
            "BILLING_URL": billing_url,
            "OPS_ALERT_TO": ops_alert_to,
        },
        webhook_secret=webhook_secret,
    )
    written = write(answers, into.expanduser().absolute())
    document_ = {"files": [str(path) for path in written.files], "next": list(written.next_steps)}

    def show() -> None:
        for path in written.files:
            click.echo(f"wrote {path}")
        click.echo("\nNext:")
        for step in written.next_steps:
            click.echo(f"  {step}")

    emit(document_, as_json, show)
