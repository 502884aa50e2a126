"""`python -m tests.faults.suspension --suspensions 500`: workers that sleep longer than their leases, on each database.

Two workers share an outbox of approved refunds, cancellations, mails and callbacks. One of them is suspended (SIGSTOP)
at every point of sending in turn, and at random moments under load; the other one goes on. The sleeper is woken soon,
or late, or killed. Then a person orders again what waits for one, and every far end is asked what it saw.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import cycle, islice
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread

import msgspec
from sqlalchemy import select

from kulanz import pipeline
from kulanz.commands import execute
from kulanz.commands.commands import DecideRefund, RequestRefund
from kulanz.config import Settings
from kulanz.ingest.receiver import Receiver
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import migrate, outbox
from kulanz.store.database import Database
from kulanz.store.outbox import EffectRow
from kulanz.store.tables import inbox
from tests.fake_servers import CallbackReceiver, Mailbox, a_callback_receiver, a_mailbox
from tests.faults import checker, report
from tests.faults.checker import Seen, stranded
from tests.faults.failpoints import Points
from tests.faults.report import SuspensionLeg
from tests.faults.suspended_worker import TIMING, Worker, services_of, started, step, work_on
from tests.lemonsqueezy import (
    SECRET,
    Purchase,
    a_buyer,
    delivery,
    order_created,
    subscription_created,
    subscription_payment_success,
)
from tests.provider_server import Provider, a_provider
from tests.servers import a_postgresql

DATABASES = ("sqlite", "postgresql")
AT_ONCE = 6
"""Worlds of each database that are tried side by side: most of it is waiting."""
PATIENCE = 60.0
BURST = 2
"""Refunds that are approved just before a worker is suspended under load."""
LONGEST_WAY = 0.15
LONGEST_WAIT = 5.0
"""Seconds for which a sleeper may hold up the other worker, as with a transaction that is not committed."""
BOTH, KILLED = 0.3, 0.1
"""Shares of the random suspensions in which both workers sleep, and in which the sleeper is killed."""
Point = tuple[str, int]
NOWHERE: Point = ("", 0)


class Ending(StrEnum):
    """What becomes of a suspended worker."""

    WOKEN = "woken"
    """After its leases are over, and before a request of it has rested."""
    WOKEN_LATE = "woken late"
    """When the other worker has long left the request to a person."""
    KILLED = "killed"


ASLEEP: Mapping[Ending, timedelta] = {
    Ending.WOKEN: 1.5 * TIMING.lease,
    Ending.WOKEN_LATE: TIMING.rest + 2 * TIMING.lease,
    Ending.KILLED: 1.5 * TIMING.lease,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """A refund that a person has approved."""

    purchase: Purchase
    amount: int


@dataclass(slots=True, kw_only=True)
class World:
    """One database with its far ends, and all that was approved on it."""

    settings: Settings
    callbacks: CallbackReceiver
    mailbox: Mailbox
    provider: Provider
    services: Services
    """The other worker's: it is never suspended."""
    approved: list[Approved] = field(default_factory=list)
    for_a_person: int = 0
    worker: Worker | None = None
    """The one that is suspended."""
    idle_steps: int = 0
    """How often the other worker has found nothing to do."""

    def approve(self) -> None:
        """Sell a subscription, and approve that its price goes back."""
        bought = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
        purchase = a_buyer(len(self.approved) + 1, began=bought)
        order = order_created(at=bought, purchase=purchase)
        made = subscription_created(at=bought, purchase=purchase)
        paid = subscription_payment_success(at=bought, purchase=purchase, billing_reason="initial", created_at=bought)
        receiver = Receiver(self.services)
        for payload in (order, made, paid):
            body, headers = delivery(payload)
            assert receiver.accept("lemonsqueezy", headers, body).status == 200
        receiver.close()
        self.provider.now = datetime.now(UTC)
        self.provider.add(order)
        self.provider.add(made)
        self._apply_events()
        request = RequestRefund(payment=str(purchase.order), contact_email=purchase.email, organisation="Bakery")
        asked = execute.command(self.services, str(purchase.account), request, "ann").state.refunds[0]
        decided = DecideRefund(request=asked.key, approve=True, reason="goodwill")
        (refund,) = execute.command(self.services, str(purchase.account), decided, "ann", signed_in=True).state.refunds
        self.approved.append(Approved(purchase=purchase, amount=refund.amount))

    @property
    def refunded(self) -> list[int]:
        """How much of each order went back."""
        return [self.provider.refunded(each.purchase.order) for each in self.approved]

    def asleep_at(self, point: Point) -> Worker:
        """Approve a refund, and return a worker that has fallen asleep at a point, or has ended without reaching it."""
        self.approve()
        if self.worker is None or not self.worker.process.is_alive():
            self.worker = Worker(self.settings)
        self.worker.begin(point)
        while not self.worker.has_ended() and not self.worker.is_asleep():
            time.sleep(0.01)
        return self.worker

    def work_until_parked(self) -> None:
        """Be the other worker until a refund waits for a person."""
        until = time.monotonic() + PATIENCE
        while not self._parked() and time.monotonic() < until:
            self._step()
            time.sleep(0.02)

    def settle(self, worker: Worker | None = None) -> None:
        """Be the other worker until nothing is left to do, and the one that slept has ended."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            moved = self._step()
            self.idle_steps += not moved
            if not moved and (worker is None or worker.has_ended()) and not any(stranded(self.services)):
                return
            time.sleep(0.02)

    def end_worker(self) -> None:
        """End the worker that was suspended: from then on it is known that it sends nothing more."""
        if self.worker is not None:
            self.worker.end()
            self.worker = None

    def order_again(self) -> None:
        """Be the person for whom refunds wait: order them again, now that their senders have ended."""
        waiting = self._parked()
        for row in waiting:
            assert "had gone back when it was approved" in (row.error or ""), row.error
        self.for_a_person += len(waiting)
        with self.services.database.write() as tx:
            outbox.retry(tx, [row.id for row in waiting], real_now())
        self.settle()

    def findings(self) -> Mapping[str, list[str]]:
        """Ask every far end what it saw; an empty list is a promise kept."""
        seen = Seen(mails=self.mailbox.accepted, callbacks=self.callbacks.requests, calls=self.provider.requests)
        gone = [(each, self.provider.refunded(each.purchase.order)) for each in self.approved]
        return {
            "money_moved_twice": [str(each.purchase.account) for each, amount in gone if amount > each.amount],
            "money_not_moved": [str(each.purchase.account) for each, amount in gone if amount < each.amount],
            "mail_sent_twice": list(checker._sent_twice(seen)),
            "missing_effect": [*checker._never_done(checker._outbox(self.services), seen), *self._still_renewing()],
            "stale_overwrite": [*checker._differing(self.services, 1), *checker._broken_chains(self.services)],
            "stranded": list(stranded(self.services)),
        }

    def _apply_events(self) -> None:
        """Apply what was received; a worker that was killed may have claimed it a moment ago."""
        unapplied = select(inbox.c.id).where(inbox.c.state.not_in(checker.SETTLED))
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            step(self.services, pipeline.process)
            with self.services.database.read() as conn:
                if conn.execute(unapplied).first() is None:
                    return
            time.sleep(0.01)

    def _parked(self) -> list[EffectRow]:
        with self.services.database.read() as conn:
            return [row for row in outbox.listing(conn, "parked", limit=10_000) if row.type == "refund"]

    def _still_renewing(self) -> Iterator[str]:
        for each in self.approved:
            if self.provider.attributes(each.purchase.subscription)["status"] != "cancelled":
                yield f"the renewal of {each.purchase.account} goes on"

    def _step(self) -> bool:
        return step(self.services, pipeline.process) | step(self.services)


@contextmanager
def a_world(folder: Path, url: str | None) -> Iterator[World]:
    """Run a world with a database of its own."""
    folder.mkdir(parents=True)
    with a_callback_receiver() as callbacks, a_mailbox() as mailbox, a_provider() as provider, ExitStack() as stack:
        settings = Settings(
            data_dir=folder,
            database_url=url or f"sqlite:///{folder / 'kulanz.db'}",
            encryption_keys=(os.urandom(32),),
            lemonsqueezy_webhook_secrets=(SECRET,),
            lemonsqueezy_api_key=provider.api_key,
            lemonsqueezy_api_url=provider.url,
            callback_url=callbacks.url,
            callback_secret=callbacks.secret,
            smtp_url=mailbox.url,
            mail_from="billing@shop.example",
            ops_alert_to="ops@shop.example",
        )
        database = Database(settings.database_url)
        migrate.upgrade(database)
        database.dispose()
        services = services_of(settings, Points())
        stack.callback(services.close)
        world = World(settings=settings, callbacks=callbacks, mailbox=mailbox, provider=provider, services=services)
        yield world
        world.end_worker()


@contextmanager
def worlds_on(database: str, folder: Path) -> Iterator[Sequence[World]]:
    """Run the worlds of one kind of database."""
    with ExitStack() as stack:
        server = stack.enter_context(a_postgresql()) if database == "postgresql" else None
        urls = [stack.enter_context(server.a_database()) if server else None for _ in range(AT_ONCE)]
        yield [stack.enter_context(a_world(folder / str(number), url)) for number, url in enumerate(urls)]


def points_of(world: World) -> Mapping[str, int]:
    """Return every point that a worker passes while it carries out what follows from one refund, and how often."""
    worker = world.asleep_at(NOWHERE)
    world.settle(worker)
    return worker.passed()


def suspend_at(world: World, point: Point, ending: Ending) -> bool:
    """Suspend a worker at a point, let the other go on, and end the sleep; return whether the point was reached."""
    worker = world.asleep_at(point)
    reached = worker.is_asleep()
    if reached:
        Thread(target=_sleep, args=(world, worker.process, ending)).start()
    world.settle(worker)
    worker.passed()
    return reached


def suspend_at_random(world: World, times: int, order: random.Random) -> Counter[str]:
    """Suspend one or both of two workers under load, so many times; return how the sleeps ended."""
    endings = Counter[str]()
    _own, line = multiprocessing.Pipe()
    workers = [started(work_on, world.settings, line) for _ in range(2)]
    try:
        while endings.total() < times:
            for _ in range(BURST):
                world.approve()
            time.sleep(order.uniform(0, LONGEST_WAY))
            sleepers = [*workers] if order.random() < BOTH else [order.choice(workers)]
            for sleeper in sleepers:
                os.kill(_pid(sleeper), signal.SIGSTOP)
            time.sleep(order.uniform(1.1, 4) * TIMING.lease.total_seconds())
            for sleeper in sleepers:
                ending = Ending.KILLED if order.random() < KILLED else Ending.WOKEN
                endings[ending] += 1
                _end(sleeper, ending)
                if ending is Ending.KILLED:
                    workers[workers.index(sleeper)] = started(work_on, world.settings, line)
        world.settle()
    finally:
        for worker in workers:
            worker.kill()
            worker.join()
    return endings


def run(folder: Path, database: str, suspensions: int, seed: int) -> SuspensionLeg:
    """Suspend workers so many times on one database: two thirds at the points, the rest at random."""
    began, order = time.monotonic(), random.Random(seed)
    with worlds_on(database, folder) as worlds, ThreadPoolExecutor(AT_ONCE) as threads:
        points = [(name, number) for name, times in points_of(worlds[0]).items() for number in range(1, times + 1)]
        chosen = [(point, ending) for ending in Ending for point in points]
        order.shuffle(chosen)
        directed = list(islice(cycle(chosen), 2 * suspensions // 3))
        at_points = _suspended(threads, worlds, directed)
        left = -(-(suspensions - at_points.total()) // AT_ONCE)
        seeds = [random.Random(order.random()) for _ in worlds]
        storms = threads.map(lambda world, own: suspend_at_random(world, left, own), worlds, seeds)
        at_random = sum(storms, Counter[str]())
        list(threads.map(World.settle, worlds))
        list(threads.map(World.end_worker, worlds))
        list(threads.map(World.order_again, worlds))
        findings = [world.findings() for world in worlds]
        endings = at_random + Counter({str(ending): 0 for ending in Ending})
        for (_, ending), times in at_points.items():
            endings[str(ending)] += times
        return SuspensionLeg(
            database=database,
            seconds=round(time.monotonic() - began, 1),
            at_points=at_points.total(),
            at_random=at_random.total(),
            points=len({point for point, _ in at_points}),
            endings=dict(endings),
            refunds=sum(len(world.approved) for world in worlds),
            for_a_person=sum(world.for_a_person for world in worlds),
            counters={name: sum(len(each[name]) for each in findings) for name in findings[0]},
            examples=[f"{name}: {text}" for each in findings for name, texts in each.items() for text in texts][:9],
            machine=report.machine(),
        )


def _suspended(
    threads: ThreadPoolExecutor, worlds: Sequence[World], chosen: Sequence[tuple[Point, Ending]]
) -> Counter[tuple[Point, Ending]]:
    """Try each point in one of the worlds; return those that were reached."""

    def in_world(number: int) -> Counter[tuple[Point, Ending]]:
        own = chosen[number :: len(worlds)]
        return Counter(each for each in own if suspend_at(worlds[number], *each))

    return sum(threads.map(in_world, range(len(worlds))), Counter[tuple[Point, Ending]]())


def _sleep(world: World, sleeper: BaseProcess, ending: Ending) -> None:
    """End a sleep when its time is over and the other worker has nothing to do, unless it waits for the sleeper."""
    time.sleep(ASLEEP[ending].total_seconds())
    before, until = world.idle_steps, time.monotonic() + LONGEST_WAIT
    while world.idle_steps == before and time.monotonic() < until:
        time.sleep(0.01)
    _end(sleeper, ending)


def _end(sleeper: BaseProcess, ending: Ending) -> None:
    with suppress(ProcessLookupError):
        os.kill(_pid(sleeper), signal.SIGKILL if ending is Ending.KILLED else signal.SIGCONT)


def _pid(process: BaseProcess) -> int:
    assert process.pid is not None
    return process.pid


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the lab on each database, and keep what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.suspension", description=__doc__)
    parser.add_argument("--suspensions", type=int, default=500, help="on all databases together [500]")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--database", choices=DATABASES, action="append", help="only this one")
    parser.add_argument(
        "--results", type=Path, default=None, help=f"where the figures are kept [nowhere; {report.SUSPENSIONS}]"
    )
    wish = parser.parse_args(arguments)
    databases = wish.database or DATABASES
    legs = []
    for database in databases:
        with tempfile.TemporaryDirectory(prefix="kulanz-suspension-") as folder:
            legs.append(run(Path(folder), database, -(-wish.suspensions // len(databases)), wish.seed))
        sys.stdout.write(json.dumps(msgspec.to_builtins(legs[-1])) + "\n")
        sys.stdout.flush()
    if wish.results:
        report.write_suspensions(wish.results, legs)
    return 0 if all(leg.kept for leg in legs) else 1


if __name__ == "__main__":
    sys.exit(main())
