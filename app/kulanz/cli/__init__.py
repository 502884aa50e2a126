"""The command line: each command is a module of its own, imported only when it is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
from click.exceptions import NoArgsIsHelpError

from kulanz.cli.lazy import LazyGroup
from kulanz.errors import ConfigurationError, KulanzError, PolicyError

COMMANDS = {
    "up": ("up:up", "Run everything in one terminal."),
    "init": ("init:init", "Write settings with new secrets, a policy and what runs it."),
    "demo": ("demo:demo", "Send the signed story through a running instance."),
    "send": ("send:send", "Sign payloads as the provider does and post them."),
    "todo": ("todo:todo", "List all that waits for a person, and say who has seen it."),
    "report": ("report:report", "Show what was recovered, lost and is at risk."),
    "account": ("account:account", "Show accounts, and make exceptions."),
    "add-on": ("add_on:add_on", "Book add-ons, list them, and cancel them."),
    "credit": ("credit:credit", "Record prepaid credit."),
    "dispute": ("dispute:dispute", "Open and close chargebacks by hand."),
    "refund": ("refund:refund", "Ask for refunds, and decide about them."),
    "collections": ("collections:collections", "Hand debts over to a collection agency, and take them back."),
    "mandate": ("mandate:mandate", "Record direct-debit mandates, and how letters come."),
    "events": ("events:events", "List received events, and try them again."),
    "effects": ("effects:effects", "List outgoing actions, and try them again."),
    "breaker": ("breaker:breaker", "Show the circuit breaker on mass downgrades, or release it."),
    "mail": ("mail:mail", "Check, preview and try the mails to customers."),
    "queue": ("queue:queue", "Show RQ: queues, workers, failed jobs."),
    "policy": ("policy:policy", "Read, compare and try policies, and put them in force."),
    "ledger": ("ledger:ledger", "Verify that the decisions are unchanged."),
    "evidence": ("evidence:evidence", "Check evidence of an account offline."),
    "retention": ("retention:retention", "List records that the law keeps, and destroy the rest."),
    "secrets": ("secrets:secrets", "Show the encryption keys, and change them."),
    "keys": ("keys:keys", "Make secrets for the settings; nothing is kept."),
    "clock": ("clock:clock", "Run the clock, or set the test clock."),
    "replay": ("replay:replay", "Recompute every account from the recorded facts."),
    "reconcile": ("reconcile:reconcile", "Compare our records with the provider's."),
    "lemonsqueezy": ("lemonsqueezy:lemonsqueezy", "Register the webhook, and import a store."),
    "stripe": ("stripe:stripe", "Register the webhook endpoint."),
    "provider-sim": ("provider_sim:provider_sim", "Simulate a provider, to try a policy without a store."),
    "doctor": ("doctor:doctor", "Say what is wrong, and what to do."),
    "config": ("config:config", "Show the effective settings."),
    "backup": ("backup:backup", "Write a backup of database and spool, and try it."),
    "restore": ("backup:restore", "Bring a backup into an empty database."),
    "migrate": ("processes:migrate", "Bring the database to this version's shape."),
    "web": ("processes:web", "Run the web process."),
    "worker": ("processes:worker", "Run the workers of both queues."),
}
ALIASES = {"brake": "breaker"}
"""Former names, for one release."""
INTERRUPTED = 130


@click.group(
    cls=LazyGroup, commands_at=COMMANDS, aliases=ALIASES, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="kulanz")
def cli() -> None:
    """Turn a payment provider's signed webhooks into the standing of an account, by a written policy."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 refused or failed with the reason on standard error, 2 usage."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; no traceback leaves it."""
    try:
        outcome = cli.main(args=arguments, prog_name="kulanz", standalone_mode=False)
    except click.ClickException as error:
        return _misused(error)
    except (click.Abort, KeyboardInterrupt):
        return _failed("stopped", INTERRUPTED)
    except KulanzError as error:
        return _failed(_reason(error))
    except Exception as error:  # noqa: BLE001 - the last line of defence: a person reads this, not a traceback
        return _failed(_unexpected(error))
    return outcome if isinstance(outcome, int) else 0


def _misused(error: click.ClickException) -> int:
    """Print a usage error on one line; the bare name of a group prints its help."""
    if isinstance(error, NoArgsIsHelpError):
        click.echo(error.format_message())
        return 0
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f" (see `{context.command_path} --help`)" if context else ""
    return _failed(" ".join(error.format_message().split()) + hint, error.exit_code)


def _reason(error: KulanzError) -> str:
    if isinstance(error, ConfigurationError | PolicyError):
        return "; ".join(error.problems)
    return error.detail


def _unexpected(error: Exception) -> str:
    """Name an error that the program does not foresee."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _failed(reason: str, code: int = 1) -> int:
    click.echo(f"kulanz: {reason}", err=True)
    return code
