"""`kulanz breaker`: mass downgrades wait for an operator."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import click

from kulanz.cli.options import actor_option, dry_run_option, emit, instant, json_option, services, shown, words
from kulanz.formats.wording import how_many


@click.group()
def breaker() -> None:
    """Show the circuit breaker for mass downgrades, and release it."""


@breaker.command()
@json_option
def show(*, as_json: bool) -> None:
    """Show whether the circuit breaker keeps accounts from losing access, since when, and how many wait."""
    from kulanz.processing import circuit_breaker

    with services() as opened, opened.database.read() as conn:
        breaker_status = circuit_breaker.status(conn, opened.clock.now(conn))
    if breaker_status.on_since is not None:
        wait = how_many(breaker_status.waiting, "account waits", "accounts wait")
        text = f"on since {shown(breaker_status.on_since)}; {wait}: `kulanz breaker release`"
    elif breaker_status.released_until is not None:
        text = (
            f"released until {shown(breaker_status.released_until)} by {breaker_status.actor}: {breaker_status.reason}"
        )
    else:
        text = "off"
    emit({"on": breaker_status.on_since is not None, **asdict(breaker_status)}, as_json, text)


@breaker.command()
@click.option("--until", type=instant, required=True, help="From then on the policy's limit counts again.")
@click.option("--reason", type=words, required=True, help="Why it is right that so many lose access.")
@dry_run_option
@actor_option
@json_option
def release(*, until: datetime, reason: str, dry_run: bool, actor: str, as_json: bool) -> None:
    """Let dunning take access without the limit until a given time; waiting accounts are checked again at once."""
    from kulanz.processing import circuit_breaker

    with services() as opened:
        with opened.database.write() as tx:
            now = opened.clock.now(tx)
            waiting = circuit_breaker.status(tx, now).waiting
            with tx.begin_nested() as attempt:
                circuit_breaker.release(tx, until=until, actor=actor, reason=reason, now=now)
                if dry_run:
                    attempt.rollback()
        if not dry_run:
            opened.notifier.notify()
    document = {"released_until": until, "waiting": waiting, "actor": actor, "reason": reason, "dry_run": dry_run}
    word = "would be released" if dry_run else "released"
    emit(document, as_json, f"{word} until {shown(until)}; {how_many(waiting, 'account')} waited")
