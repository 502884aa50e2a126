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
from kulanz.errors import InvalidInputError

STRIPE = "stripe"
PORT = 8900
PROVIDERS = ("lemonsqueezy", STRIPE)


@click.command(name="provider-sim")
@click.option("--provider", type=click.Choice(PROVIDERS), default=PROVIDERS[0], show_default=True, help="Whom to play.")
@click.option(
    "--api-version", help="Of Stripe's API: one from before, or from after 2025-03-31.basil [default: newest]."
)
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="Loopback only.")
@click.option("--webhook-url", help="Deliver there [default: the webhook of the instance with this data directory].")
@click.option("--secret", help="Sign with it [default: the newest configured secret].")
@click.option("--at", type=host_instant, metavar="INSTANT", help="When it is there [default: now].")
@click.option("--speed", type=click.FloatRange(min=0), default=1.0, show_default=True, help="Times real time; 0: stop.")
@click.option("--customers", type=click.IntRange(0, 10_000), default=0, show_default=True, help="Sold to at the start.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of everything that chance decides.")
@click.option("--live", is_flag=True, help="Call its events and its key live.")
@click.option("--follow", is_flag=True, help="Move the instance's test clock together with the simulator's.")
def provider_sim(
    *,
    provider: str,
    api_version: str | None,
    port: int,
    webhook_url: str | None,
    secret: str | None,
    at: datetime | None,
    speed: float,
    customers: int,
    seed: int,
    live: bool,
    follow: bool,
) -> None:
    """Play Lemon Squeezy or Stripe: the API, the webhooks, the clock, and a console to make things happen."""
    from kulanz.cli.send import target
    from kulanz_simulator import running

    if port:
        listening_address("127.0.0.1", port)
    url, signed_with = target(webhook_url, secret, provider)
    if webhook_url is None:
        _warn_of_mode(provider, live=live)
    with _follower(at, follow=follow) as (follower, now):
        simulator = _simulator(provider, api_version, now, seed=seed, test_mode=not live)
        simulator.speed, simulator.follower = speed, follower
        simulator.deliver_to(url, signed_with)
        with _until_stopped() as stopping, running(simulator, port):
            _greet(simulator, url)
            for _ in range(customers):
                simulator.sell()
            simulator.run(stopping)


def _warn_of_mode(provider: str, *, live: bool) -> None:
    """Warn where this instance's settings make it ignore every event of the simulator."""
    from kulanz.config import environment, load

    mode = "live" if live else "test"
    if load(environment()).lemonsqueezy_mode not in {mode, "any"}:
        cure = f"start it with LEMONSQUEEZY_MODE={mode}, or with LEMONSQUEEZY_MODE=any KULANZ_TEST_CLOCK=1"
        click.echo(f"kulanz: the instance ignores {provider} events of {mode} mode: {cure}", err=True)


@contextmanager
def _follower(at: datetime | None, *, follow: bool) -> Iterator[tuple[Any, datetime]]:
    """Yield the clock that is to follow, if any, and the time to begin at."""
    if not follow:
        yield None, (at or datetime.now(UTC)).replace(microsecond=0)
        return
    from kulanz.cli.following import instance_clock

    if at is not None:
        raise InvalidInputError("--follow begins at the time of the test clock, which `kulanz clock set` sets: no --at")
    with instance_clock() as lease:
        with lease() as clock:
            now = clock.now()
        yield lease, now


def _simulator(provider: str, api_version: str | None, began: datetime, *, seed: int, test_mode: bool) -> Any:
    from kulanz_simulator import ApiVersion, LemonSqueezySimulator, StripeSimulator

    if provider != STRIPE:
        if api_version is not None:
            raise InvalidInputError("--api-version is Stripe's")
        return LemonSqueezySimulator(began, seed=seed, test_mode=test_mode)
    known = {str(version): version for version in ApiVersion}
    if api_version is not None and api_version not in known:
        raise InvalidInputError(f"--api-version: one of {', '.join(known)}")
    version = known[api_version] if api_version else ApiVersion.ENDIVE
    return StripeSimulator(began, seed=seed, test_mode=test_mode, version=version)


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
    name = simulator.provider.upper()
    click.echo(f"API         {name}_API_URL={simulator.url} {name}_API_KEY={simulator.api_key}")
    click.echo(f"delivers to {url}")
