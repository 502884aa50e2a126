"""Plays a year of a store: `python -m tests.year [--provider stripe] [--seed 1]`; docs/simulator.md tells more."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import datetime
from functools import partial
from pathlib import Path

from kulanz.store import migrate
from kulanz.store.database import Database
from kulanz.telemetry.logs import log
from kulanz_simulator import ApiVersion, LemonSqueezySimulator, StripeSimulator
from tests.lemonsqueezy import MONDAY
from tests.memory import in_memory
from tests.shop import a_shop
from tests.year.judge import Verdict, judge
from tests.year.play import Played, play

SIMULATORS = {
    "lemonsqueezy": LemonSqueezySimulator,
    "stripe": StripeSimulator,
    "stripe-old": partial(StripeSimulator, version=ApiVersion.ACACIA),
}


def main() -> int:
    options = _parser().parse_args()
    log.info = lambda *_, **__: None  # type: ignore[method-assign]  # A year has too much to say.
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kulanz-year-", dir=in_memory()) as folder:
        url = options.database_url or f"sqlite:///{folder}/kulanz.db"
        database = Database(url)
        migrate.upgrade(database)
        database.dispose()
        with a_shop(Path(folder), url, simulator=SIMULATORS[options.provider](MONDAY, seed=options.seed)) as shop:
            played = play(
                shop,
                customers=options.customers,
                days=options.days,
                seed=options.seed,
                intensity=options.intensity,
                watch=_watch(began, quiet=options.quiet),
            )
            verdict = judge(shop, played)
            _print(options, played, verdict, shop.simulator.totals(), time.monotonic() - began)
    return 1 if verdict.wrong or verdict.unwarned else 0


def _watch(began: float, *, quiet: bool):
    return (lambda _: None) if quiet else lambda day: sys.stderr.write(f"{time.monotonic() - began:6.1f} s  {day}\n")


def _print(options: argparse.Namespace, played: Played, verdict: Verdict, totals: dict[str, int], took: float) -> None:
    lines = (
        f"{options.provider}: {options.customers} customers, {options.days} days, seed {options.seed}: {took:.0f} s",
        f"provider: {totals}",
        f"{played.rounds} rounds of reconciliation took in {dict(sorted(played.repaired.items()))}",
        f"outages: {_moments(played.outages)}; backlogs: {_moments(played.backlogs)}",
        f"{verdict.accounts} accounts, {len(verdict.wrong)} differ from the provider's own truth",
        f"access was lost {verdict.losses} times, {verdict.by_dunning} of them by dunning",
        f"{len(verdict.unwarned)} lost it without a delivered warning or another reason",
        *verdict.wrong[:40],
        *verdict.unwarned[:40],
    )
    sys.stdout.write("\n".join(lines) + "\n")


def _moments(moments: list[datetime]) -> str:
    return ", ".join(f"{at:%Y-%m-%d %H:%M}" for at in moments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.year", description=__doc__)
    parser.add_argument("--provider", choices=sorted(SIMULATORS), default="lemonsqueezy")
    parser.add_argument("--customers", type=int, default=200)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--intensity", type=float, default=1.0, help="So much more happens than in shops.")
    parser.add_argument("--database-url", help="An empty database; default: SQLite in a directory of its own.")
    parser.add_argument("--quiet", action="store_true", help="Say nothing before the end.")
    return parser


if __name__ == "__main__":
    sys.exit(main())
