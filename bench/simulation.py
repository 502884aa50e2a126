"""`python -m bench.simulation`: how many accounts a second `policy simulate` and `replay` look at, on one core.

The accounts' history is put into the inbox and applied by the real drain: of a hundred, 88 pay, 8 fail and recover,
3 fail and are put on hold, 1 is disputed. Beside it stands the reference: reading, opening and unpacking every
account's book, and nothing more. Processor time and peak memory of one process each, which does nothing else; the
database is SQLite on this machine's disk. `--accounts 100000` shows that memory does not grow with their number.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from bench.events import SECRET, invoice, subscription
from kulanz import pipeline
from kulanz.config import Settings
from kulanz.crypto import places
from kulanz.policy import document
from kulanz.queries.replay import recorded
from kulanz.queries.replay.replay import replay
from kulanz.queries.replay.simulation import Totals, simulate
from kulanz.services import Services, build
from kulanz.store import accounts, inbox, migrate
from kulanz.store.inbox.events import NewEvent

BEGAN = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
GOAL = 2000.0
BATCH = 2000
PROVIDER = "lemonsqueezy"
KEY = "bench.key"
"""The file in a store's folder that holds its key, for the processes that are measured."""
GENTLE = (
    document.preset("plexo")
    .replace('grace = "7d"', 'grace = "10d"')
    .replace('scope = "account"', 'scope = "account"\nreview_above = 100')
)
Told = tuple[str, str, int, str, datetime, int]
"""Event, type, account, status, instant, step."""


def main() -> int:
    options = _options()
    if options.of is not None:
        return _measured(options.of, options.only)
    with tempfile.TemporaryDirectory(prefix="kulanz-simulation-") as folder:
        _fill(Path(folder), options.accounts)
        rounds = [{only: _alone(folder, only) for only in WORK} for _ in range(options.rounds)]
    best = {
        only: min((other_round[only] for other_round in rounds), key=lambda other_round: other_round["seconds"])
        for only in WORK
    }
    existing = int(best["simulate"]["accounts"])
    rates = {only: existing / other_round["seconds"] for only, other_round in best.items()}
    lines = (
        f"{existing} accounts; {best['simulate']['found']:.0f} would fare otherwise",
        f"simulate {rates['simulate']:,.0f} accounts/s and core (goal {GOAL:,.0f})",
        f"replay {rates['replay']:,.0f} accounts/s and core",
        f"reference: reading every book {rates['read']:,.0f} accounts/s and core",
        *(f"{only} costs {rates['read'] / rates[only]:.0f} times that" for only in ("simulate", "replay")),
        *(f"{only} took {other_round['peak']:.0f} MiB at most" for only, other_round in best.items()),
    )
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if rates["simulate"] >= GOAL and existing == options.accounts else 1


def _alone(folder: str, only: str) -> dict[str, float]:
    """Run one measurement in a process of its own and return its cost."""
    command = [sys.executable, "-m", "bench.simulation", "--of", folder, "--only", only]
    stated: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    sys.stderr.write(f"{only}: {stated}\n")
    return stated


def _measured(folder: str, only: str) -> int:
    """Run one measurement over an existing store, and print its cost."""
    services = _services(Path(folder))
    try:
        with services.database.read() as conn:
            existing = accounts.count(conn)
        began = time.process_time()
        value = WORK[only](services)
        seconds = time.process_time() - began
    finally:
        services.close()
    stated = {"accounts": existing, "found": value, "seconds": seconds, "peak": _peak()}
    sys.stdout.write(json.dumps(stated) + "\n")
    return 0


def _peak() -> float:
    """Return this process's peak memory, in MiB; `getrusage` on Linux includes the parent's."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    stated = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(stated["VmHWM"].split()[0]) / 2**10


def _simulate(services: Services) -> int:
    return sum(1 for _ in simulate(services, GENTLE, Totals()))


def _replay(services: Services) -> int:
    return sum(1 for replay_result in replay(services) if replay_result.differs)


def _read(services: Services) -> int:
    return sum(recorded.opened(services, row) is not None for _, rows in recorded.pages(services) for row in rows)


WORK: Mapping[str, Callable[[Services], int]] = {"simulate": _simulate, "replay": _replay, "read": _read}
"""Measured queries, by name; each returns the number of accounts found."""


def _fill(folder: Path, number: int) -> None:
    (folder / KEY).write_bytes(os.urandom(32))
    services = _services(folder)
    try:
        migrate.upgrade(services.database)
        services.clock.set(BEGAN)
        with services.database.write() as tx:
            services.adopt_policy(tx)
        _tell(services, number)
    finally:
        services.close()


def _tell(services: Services, number: int) -> None:
    """Let two months pass for all accounts, day by day; events are written as the intake would write them."""
    for day in range(60):
        services.clock.set(BEGAN + day * DAY)
        count, now = 0, BEGAN + day * DAY
        for batch in _batches(number, day):
            with services.database.write() as tx:
                inbox.record(tx, [_event(services, item, now) for item in batch], now)
            count += len(batch)
        while pipeline.process(services, limit=BATCH).moved:
            pass
        if count:
            sys.stderr.write(f"day {day}: {count} events\n")


def _batches(number: int, day: int) -> Iterator[list[Told]]:
    stated = (item for account in range(1, number + 1) for item in _news(account, day))
    while batch := list(islice(stated, BATCH)):
        yield batch


def _news(account: int, day: int) -> Iterator[Told]:
    at, fate = BEGAN + day * DAY, account % 100
    fails = fate < 11
    match day:
        case 0:
            yield ("subscription_created", "subscriptions", account, "active", at, 0)
            yield ("subscription_payment_success", "subscription-invoices", account, "paid", at, 1)
        case 30 if not fails:
            yield ("subscription_payment_success", "subscription-invoices", account, "paid", at, 2)
        case 30:
            yield ("subscription_payment_failed", "subscription-invoices", account, "pending", at, 2)
        case 34 if fails and fate > 2:
            yield ("subscription_payment_recovered", "subscription-invoices", account, "paid", at, 2)
        case 40 if fate == 11:
            yield ("dispute_created", "disputes", account, "opened", at, 4)


def _event(services: Services, stated: Told, now: datetime) -> NewEvent:
    body = _body(stated)
    header = services.providers[PROVIDER].peek(body)
    return NewEvent(
        provider=PROVIDER,
        name=header.name,
        delivery_key=header.delivery_key,
        content_key=header.content_key,
        lane=header.lane,
        sha256=sha256(body).digest(),
        state="received",
        received_at=now,
        body=services.vault.seal(body, places.event(PROVIDER, header.delivery_key)),
    )


def _body(stated: Told) -> bytes:
    name, kind, account, *_, step = stated
    return json.dumps(
        {
            "meta": {
                "test_mode": False,
                "event_name": name,
                "custom_data": {"account_id": f"org_{account}"},
                "webhook_id": f"{account:08x}-0000-4000-8000-{step:04x}{len(name):08x}",
            },
            "data": {"type": kind, "id": f"{account}{step or ''}", "attributes": _attributes(stated)},
        }
    ).encode()


def _attributes(stated: Told) -> dict[str, Any]:
    _, kind, account, status, at, step = stated
    if kind == "subscriptions":
        return subscription(account, status, 0, at)
    if kind == "subscription-invoices":
        return invoice(account, status, step, at)
    return {
        "subscription_id": account,
        "customer_id": account,
        "status": status,
        "reason": "fraudulent",
        "amount": 2399,
        "currency": "EUR",
        "fee": 1500,
        "created_at": at.isoformat(),
        "updated_at": at.isoformat(),
    }


def _services(folder: Path) -> Services:
    return build(
        Settings(
            data_dir=folder,
            database_url=f"sqlite:///{folder}/kulanz.db",
            encryption_keys=((folder / KEY).read_bytes(),),
            lemonsqueezy_webhook_secrets=(SECRET,),
            lemonsqueezy_mode="any",
            test_clock=True,
            plans=(("lemonsqueezy:394420", "professional"),),
        )
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.simulation", description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--of", help="A folder with a store that is there: measure over it.")
    parser.add_argument("--only", choices=sorted(WORK), default="simulate")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
