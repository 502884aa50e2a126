"""`kulanz stripe`: commands for this provider only."""

from __future__ import annotations

import click

from kulanz.cli.options import actor_option, dry_run_option, emit, json_option, services
from kulanz.errors import RefusedError


@click.group()
def stripe() -> None:
    """Register the webhook endpoint."""


@stripe.command()
@click.argument("url")
@actor_option
@dry_run_option
@json_option
def setup(*, url: str, actor: str, dry_run: bool, as_json: bool) -> None:
    """Register the webhook at Stripe: URL is where it reaches us. A new endpoint's secret is printed, once."""
    from dataclasses import asdict

    from kulanz.providers.stripe.client import StripeClient
    from kulanz.reconcile.stripe_setup import register

    with services() as opened:
        client = opened.clients.get("stripe")
        if not isinstance(client, StripeClient):
            raise RefusedError("STRIPE_API_KEY is not set: Stripe cannot be asked")
        made = register(client, url, dry_run=dry_run)
    words = f"{'would be ' if dry_run else ''}{made.done}: {made.url}, {'test' if made.test_mode else 'live'} mode"
    secret = f"; set STRIPE_WEBHOOK_SECRETS={made.secret}" if made.secret else ""
    emit({**asdict(made), "dry_run": dry_run, "actor": actor}, as_json, f"{words}{secret}")
