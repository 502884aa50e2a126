"""Costs that must not grow with the database: an idle tick, a timer that fires, an event among millions handled.

The rows are made by the database: one account in grace since three days is copied under other names
with its encrypted book, and the keys of handled events are random bytes.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bench import events
from bench.figures import Figure, Goal
from bench.plan import Bench, in_turn
from kulanz import pipeline
from kulanz.ingest.receiver import Receiver
from kulanz.services import Services, build
from kulanz.store.database import Database
from kulanz.store.tables import as_text
from kulanz_workers.scheduler import Scheduler

TICKS = 300
AT_ONCE = 50_000
"""Rows that one transaction makes: in a single one, SQLite's log would grow to twice the size of the database."""
DUE = 1000
EVENTS = 1000
SIZES = ("few", "many")
_ACCOUNT = """
    INSERT INTO accounts (id, key, book, standing, plan, access, grace_ends_at, version, seq, head, decided_at)
    SELECT 'many_' || n, key, book, standing, plan, access, grace_ends_at, version, seq, head, decided_at
    FROM accounts, {numbers} WHERE id = 'org_1'"""
_TIMER = "INSERT INTO timers (account, kind, subject, due_at) SELECT 'many_' || n, kind, subject, '{later}' FROM timers, {numbers} WHERE account = 'org_1' AND kind = 'grace_end'"  # noqa: E501
_HANDLED = """
    INSERT INTO inbox (provider, name, state, lane, mode, received_at, attempts, handled_at, facts_at, account,
                       delivery_key, content_key, sha256, body)
    SELECT 'lemonsqueezy', 'subscription_updated', 'handled', 1, 'live', '{then}', 0, '{then}', '{then}', 'many_' || n,
           {random}, {random}, {same}, {same} FROM {numbers}"""
_DIALECTS = {
    "sqlite": (
        "(WITH RECURSIVE up(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM up WHERE n < {last}) SELECT n FROM up)",
        "randomblob(32)",
        "zeroblob(32)",
    ),
    "postgresql": (
        "(SELECT generate_series({first}, {last}) AS n) AS numbers",
        "uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())",
        "decode(repeat('00', 32), 'hex')",
    ),
}


def clock(bench: Bench) -> Iterator[Figure]:
    """An idle tick, and due timers fired, at few and at many open accounts."""
    for name in bench.plan.databases:
        counts = {size: _count(bench, size) for size in SIZES}
        tick = _figure(f"idle tick, {counts['many']:,} open accounts, {name}", "µs", counts["few"], at_most=1.3)
        fired = _figure(
            f"due timers fired, {counts['many']:,} open accounts, {name}", "timers/s", counts["few"], at_least=0.6
        )
        yield from (tick, fired)
        instances = {size: _open_instance(bench, name, size) for size in SIZES}
        for turn in bench.rounds(f"clock, {name}"):
            for size in in_turn(turn, SIZES):
                tick.add(_tick(instances[size]), is_ours=size == "many")
                fired.add(_fire(instances[size], counts[size], turn), is_ours=size == "many")
        for services in instances.values():
            services.close()


def growth(bench: Bench) -> Iterator[Figure]:
    """An event received and applied among few and among many handled ones; ours is the larger inbox."""
    for name in bench.plan.databases:
        rows = {"few": bench.plan.few_inbox_rows, "many": bench.plan.inbox_rows}
        figure = _figure(f"an event among {rows['many']:,} in the inbox, {name}", "µs", rows["few"], at_most=1.2)
        yield figure
        instances = {size: instance(bench, f"growth-{name}-{size}", name) for size in SIZES}
        for size, services in instances.items():
            bench.say(f"{name}: {rows[size]:,} rows in the inbox")
            _fill(services.database, rows[size], _HANDLED, then=_ago(days=30))
            _settle(services.database)
        for turn in bench.rounds(f"growth, {name}"):
            for size in in_turn(turn, SIZES):
                figure.add(_event(bench, instances[size]), is_ours=size == "many")
        for services in instances.values():
            services.close()


def _figure(name: str, unit: str, few: int, **goal: float) -> Figure:
    return Figure(name=name, unit=unit, reference_name=f"{few:,}", goal=Goal(**goal))  # type: ignore[arg-type]


def _count(bench: Bench, size: str) -> int:
    return bench.plan.open_accounts if size == "many" else bench.plan.few_accounts


def _open_instance(bench: Bench, kind: str, size: str) -> Services:
    """Return an installation with so many accounts in grace."""
    services = instance(bench, f"open-{kind}-{size}", kind)
    began = datetime.now(UTC) - timedelta(days=3, hours=1)
    accept(services, events.requests(3, first_account=1, seed=1, disorder=0, began=began))
    while pipeline.process(services).moved:
        pass
    count = _count(bench, size)
    bench.say(f"{kind}: {count:,} accounts in grace")
    _fill(services.database, count, _ACCOUNT, _TIMER, later=_ago(days=-4))
    _settle(services.database)
    return services


def instance(bench: Bench, name: str, kind: str) -> Services:
    services = build(replace(bench.instances.kulanz(name, kind).settings(), spool=0))
    with services.database.write() as tx:
        services.adopt_policy(tx)
    return services


def _fill(database: Database, count: int, *statements: str, **words: str) -> None:
    """Have the database make so many rows, in transactions that wait for no disk."""
    numbers, chance, same = _DIALECTS[database.dialect]
    for first in range(1, count + 1, AT_ONCE):
        of = numbers.format(first=first, last=min(first + AT_ONCE - 1, count))
        with database.relaxed() as tx:
            if database.dialect == "sqlite":
                tx.exec_driver_sql("PRAGMA cache_size = -400000")
            for statement in statements:
                tx.exec_driver_sql(statement.format(numbers=of, random=chance, same=same, **words))


def _settle(database: Database) -> None:
    """Run the maintenance that the database would run in the hours after so many writes."""
    database.scrub()
    _run(database, "ANALYZE")


def _ago(**span: float) -> str:
    return as_text(datetime.now(UTC) - timedelta(**span))


def _run(database: Database, *statements: str) -> None:
    with database.write() as tx:
        if database.dialect == "postgresql":
            tx.exec_driver_sql("SET LOCAL statement_timeout = '600s'")
        for statement in statements:
            tx.exec_driver_sql(statement)


def _tick(services: Services) -> float:
    """Return the microseconds of processor time and waiting that a tick takes, as a rule, while nothing is due."""
    clock = Scheduler(services)
    clock.tick()  # The first one notifies in any case.
    return statistics.median(_timed(clock.tick, 1) for _ in range(TICKS))


def _fire(services: Services, count: int, turn: int) -> float:
    """Let the reminders of accounts drawn at random be due, and return how many a second are fired."""
    chance = random.Random(turn)
    drawn = ", ".join(f"'many_{number}'" for number in chance.sample(range(1, count + 1), DUE))
    _run(services.database, f"UPDATE timers SET due_at = '{_ago(minutes=1)}' WHERE account IN ({drawn})")
    began = time.perf_counter()
    while pipeline.process(services, 250).moved:
        pass
    return DUE / (time.perf_counter() - began)


def _event(bench: Bench, services: Services) -> float:
    accounts = bench.accounts.take(EVENTS)
    made = events.requests(EVENTS, first_account=accounts, seed=accounts)

    def once() -> None:
        accept(services, made)
        while pipeline.process(services, 250).moved:
            pass

    return _timed(once, 1) / EVENTS


def accept(services: Services, requests: list[bytes]) -> None:
    """Take requests in by groups, as the event loop does."""

    async def all_of_them(receiver: Receiver) -> None:
        with ThreadPoolExecutor(1) as aside:
            for start in range(0, len(requests), 64):
                group = [_taken(request) for request in requests[start : start + 64]]
                await asyncio.gather(*(receiver.receive("lemonsqueezy", head, body, aside) for head, body in group))

    with closing(Receiver(services)) as receiver:
        asyncio.run(all_of_them(receiver))


def _taken(request: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = (line.partition(": ") for line in head.decode().split("\r\n")[1:])
    return {name: value for name, _, value in lines}, body


def _timed(work: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times * 1e6
