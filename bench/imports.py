"""`python -m bench.imports`: the time of an import beside the time that the provider's rate limit alone needs.

The simulated provider and the product run in one process and go by one clock: the processor time of both, plus what
would have been waited for places in the limit, which is not waited for but added. So the figure is what a stopwatch
would show on a machine with nothing else to do, sooner; what the run really took is printed beside it.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kulanz.config import Settings
from kulanz.reconcile import import_store
from kulanz.runtime.rate_limit import REQUESTS_PER_MINUTE, RateLimit
from kulanz.services import Services, build
from kulanz.store import accounts, migrate
from kulanz_simulator import LemonSqueezySimulator, running

BEGAN = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
GOAL = 1.10


@dataclass(slots=True)
class Skipping:
    """A clock that skips waiting times, and stands still while other programs run."""

    skipped: float = 0.0
    began: float = field(default_factory=time.process_time)

    def now(self) -> float:
        return time.process_time() - self.began + self.skipped

    def sleep(self, seconds: float) -> None:
        self.skipped += seconds


def main() -> int:
    options = _options()
    clock = Skipping()
    with tempfile.TemporaryDirectory(prefix="kulanz-imports-") as folder:
        simulator = _store(options.subscriptions, options.renewals)
        simulator.conditions.clock = clock.now
        with running(simulator), _services(Path(folder), simulator, clock) as services:
            served, began, real = simulator.conditions.served, clock.now(), time.monotonic()
            outcome = import_store(services, progress=_show)
            took, requests = clock.now() - began, simulator.conditions.served - served
            worked, really = took - clock.skipped, time.monotonic() - real
            again = import_store(services)
            with services.database.read() as conn:
                existing = accounts.count(conn)
    sustained, burst = requests / REQUESTS_PER_MINUTE * 60, (requests - 1) // REQUESTS_PER_MINUTE * 60
    lines = (
        f"{dict(outcome.read)}: {existing} accounts; a second run imported {sum(again.new.values())}",
        f"{requests} requests; took {took:.1f} s, of them {worked:.1f} s of work (here {really:.1f} s)",
        f"floor at {REQUESTS_PER_MINUTE} a minute: {sustained:.1f} s, ratio {took / sustained:.2f} (goal {GOAL})",
        f"floor with the whole first minute's requests at once: {burst:.1f} s, ratio {_ratio(took, burst)}",
    )
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    return 0 if took <= GOAL * sustained and existing == options.subscriptions else 1


def _store(subscriptions: int, renewals: int) -> LemonSqueezySimulator:
    """A store with a history that no webhook reported."""
    simulator = LemonSqueezySimulator(BEGAN)
    simulator.store.announce = lambda *_: None
    for _ in range(subscriptions):
        simulator.sell()
    simulator.advance(timedelta(days=30 * renewals + 1))
    return simulator


@contextmanager
def _services(folder: Path, simulator: LemonSqueezySimulator, clock: Skipping) -> Iterator[Services]:
    settings = Settings(
        data_dir=folder,
        database_url=f"sqlite:///{folder}/kulanz.db",
        encryption_keys=(os.urandom(32),),
        lemonsqueezy_mode="any",
        lemonsqueezy_api_key=simulator.api_key,
        lemonsqueezy_api_url=simulator.url,
        test_clock=True,
    )
    services = replace(build(settings), rate_limit=RateLimit(clock=clock.now, sleep=clock.sleep))
    migrate.upgrade(services.database)
    services.clock.set(simulator.now)
    with services.database.write() as tx:
        services.adopt_policy(tx)
    try:
        yield services
    finally:
        services.close()


def _show(kind: str, page: int, last: int) -> None:
    if sys.stderr.isatty() or page == last:
        sys.stderr.write(f"\r{kind} {page} of {last}   ")


def _ratio(took: float, floor: float) -> str:
    return f"{took / floor:.2f}" if floor else str(math.inf)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.imports", description=__doc__)
    parser.add_argument("--subscriptions", type=int, default=10_000)
    parser.add_argument("--renewals", type=int, default=2, help="Renewals of each: invoices beside the first.")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
