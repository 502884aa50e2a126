"""`kulanz provider-sim`: a provider to try Kulanz and a policy against, without a store."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click

from kulanz.cli.listening import listening_address
from kulanz.cli.options import host_instant

PORT = 8900


@click.command(name="provider-sim")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="Loopback only.")
@click.option("--webhook-url", help="Deliver there [default: the webhook of the instance with this data directory].")
@click.option("--secret", help="Sign with it [default: the newest configured secret].")
@click.option("--at", type=host_instant, metavar="INSTANT", help="When it is there [default: now].")
@click.option("--speed", type=click.FloatRange(min=0), default=1.0, show_default=True, help="Times real time; 0: stop.")
@click.option("--customers", type=click.IntRange(0, 10_000), default=0, show_default=True, help="Sold to at the start.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of everything that chance decides.")
@click.option("--live", is_flag=True, help="Call its events and its key live.")
def provider_sim(
    *,
    port: int,
    webhook_url: str | None,
    secret: str | None,
    at: datetime | None,
    speed: float,
    customers: int,
    seed: int,
    live: bool,
) -> None:
    """Play Lemon Squeezy: its API, its webhooks, its clock, and a console to make things happen."""
    from kulanz.cli.send import target
    from kulanz_simulator import LemonSqueezySimulator, running

    if port:
        listening_address("127.0.0.1", port)
    url, signed_with = target(webhook_url, secret)
    began = (at or datetime.now(UTC)).replace(microsecond=0)
    simulator = LemonSqueezySimulator(began, seed=seed, test_mode=not live)
    simulator.speed = speed
    simulator.deliver_to(url, signed_with)
    with _until_stopped() as stopping, running(simulator, port):
        _greet(simulator, url)
        for _ in range(customers):
            simulator.sell()
        simulator.run(stopping)


@contextmanager
def _until_stopped() -> Iterator[threading.Event]:
    """Give an event that SIGINT and SIGTERM set, so that both end the command well."""
    stopping = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopping.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _greet(simulator: Any, url: str) -> None:
    console = simulator.url.removesuffix("/v1")
    click.echo(f"console     {console}/")
    click.echo(f"API         LEMONSQUEEZY_API_URL={simulator.url} LEMONSQUEEZY_API_KEY={simulator.api_key}")
    click.echo(f"delivers to {url}")
