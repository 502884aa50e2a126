"""Needs of an installation, computed from the cost of one event: `python -m bench.capacity` prints the docs' table.

The costs are processor time, measured on two shared cores; everything else is an assumption, named, with a default.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, fields
from typing import Any

SIZES = (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
MONTH = 30 * 86_400
YEAR = 365 * 86_400
RATES, PROCESSES = ("events/s, mean", "in the burst"), ("web", "workers", "database cores", "senders")
HEAD = ("accounts", *RATES, *PROCESSES, "GB a year", "run it as")


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Measured: milliseconds of processor time, and bytes."""

    receive: float = 0.25
    """Of a web process, for each webhook: verify, encrypt, group commit, answer."""
    apply: float = 0.32
    """Of a worker, for each event: translate, decide, record."""
    database: float = 0.18
    """Of PostgreSQL, for each event, both steps; for SQLite the two costs above contain it."""
    fire: float = 1.1
    """Of a worker, for each timer that fires, with its notice."""
    event_bytes: int = 3800
    """Of the database, for each event: body, keys, decision, facts, indexes."""
    account_bytes: int = 4600
    """Of the database, for each account: book, columns, bindings, hashes of addresses."""


@dataclass(frozen=True, kw_only=True)
class Shop:
    """Assumed: the usual activity of an account."""

    events: float = 3.0
    """Webhooks of one account in a month: a renewal is a payment and a snapshot, now and then something else."""
    timers: float = 0.3
    """Timers of one account that fire in a month: one renewal in twenty fails."""
    effects: float = 0.4
    """Callbacks, mails and calls of one account in a month."""
    burst_share: float = 0.2
    """Share of a month's events in its busiest hours."""
    burst_hours: float = 6.0
    send_seconds: float = 0.3
    """Duration of a callback or mail, most of it waiting for the remote server."""
    senders: int = 8
    """Effects that one worker for effects carries out at the same time."""
    headroom: float = 0.5
    """Load of a core in the burst."""


@dataclass(frozen=True)
class Need:
    """Needs of a number of accounts."""

    accounts: int
    mean: float
    burst: float
    web: int
    workers: int
    database_cores: int
    senders: int
    gigabytes_a_year: float

    @property
    def kind(self) -> str:
        """The smallest way of running it that carries this."""
        if self.web == self.workers == 1 and self.gigabytes_a_year < 100:
            return "one machine, SQLite"
        if self.web == self.workers == self.senders == 1:
            return "one machine, PostgreSQL"
        if self.gigabytes_a_year < 2000:
            return "PostgreSQL of its own, processes apart"
        return "the same, and the inbox in partitions"

    def row(self) -> tuple[str, ...]:
        rates = (f"{self.mean:,.1f}", f"{self.burst:,.0f}")
        counts = (str(self.web), str(self.workers), str(self.database_cores), str(self.senders))
        return (f"{self.accounts:,}", *rates, *counts, f"{self.gigabytes_a_year:,.0f}", self.kind)


def need(accounts: int, costs: Costs, shop: Shop) -> Need:
    """Return the needs of a number of accounts, each part with its headroom in the burst."""
    mean = accounts * shop.events / MONTH
    burst = max(accounts * shop.events * shop.burst_share / (shop.burst_hours * 3600), mean)
    ratio = burst / mean
    timers, effects = (accounts * each / MONTH * ratio for each in (shop.timers, shop.effects))

    def cores(milliseconds: float) -> int:
        return max(1, math.ceil(milliseconds / 1000 / shop.headroom))

    stored = accounts * (shop.events * YEAR / MONTH * costs.event_bytes + costs.account_bytes)
    return Need(
        accounts=accounts,
        mean=mean,
        burst=burst,
        web=cores(burst * costs.receive),
        workers=cores(burst * costs.apply + timers * costs.fire),
        database_cores=cores(burst * costs.database),
        senders=max(1, math.ceil(effects * shop.send_seconds / shop.senders / shop.headroom)),
        gigabytes_a_year=stored / 1e9,
    )


def table(costs: Costs, shop: Shop) -> str:
    """Return the needs of every size as a table of Markdown."""
    rows = [HEAD, ("---",) * len(HEAD), *(need(size, costs, shop).row() for size in SIZES)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__)
    for kind in (Costs, Shop):
        for part in fields(kind):
            default = part.default
            parser.add_argument(f"--{part.name.replace('_', '-')}", type=type(default), default=default)
    document = vars(parser.parse_args())
    print(table(Costs(**_part(document, Costs)), Shop(**_part(document, Shop))))


def _part(document: dict[str, Any], kind: type[Costs | Shop]) -> dict[str, Any]:
    return {part.name: document[part.name] for part in fields(kind)}


if __name__ == "__main__":
    main()
