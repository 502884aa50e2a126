"""Between every two durable steps a process exits, meets an exception or hangs: no counter moves."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue

import pytest

from kulanz import pipeline
from kulanz.config import Settings
from kulanz.ingest.receiver import Receiver
from kulanz.services import build
from kulanz.store.tables import metadata
from tests.fake_servers import CallbackReceiver, Mailbox, a_callback_receiver, a_mailbox
from tests.faults import stories
from tests.faults.checker import Seen, Verdict, check, stranded
from tests.faults.failpoints import Deed, Points, spooled, step, time_passes, work
from tests.faults.journal import Journal
from tests.faults.poison import CARD, RAISES, providers
from tests.faults.stories import Story
from tests.lemonsqueezy import SECRET, Payload, Purchase, a_buyer, subscription_payment_failed, subscription_updated
from tests.provider_server import Provider, a_provider
from tests.servers import PostgreSQL, empty

AT_ONCE = {Deed.EXIT: 3, Deed.EXCEPTION: 3, Deed.HANG: 16}
PATIENCE = 40.0
AROUND_A_DEED = ("dispatcher._begin_attempt: committed", "dispatcher._record: before")
"""What is passed once for each effect, and each effect is another matter."""
Point = tuple[str, int]
"""A point by its name, and the how manieth time."""
PRELOADED = ["tests.faults.failpoints", "tests.faults.journal", "kulanz.delivery.callback", "kulanz.delivery.mail"]


@dataclass(frozen=True, slots=True)
class World:
    """A database, its far ends, and a folder: what one fault after the other is tried on."""

    settings: Settings
    template: Path | None
    callbacks: CallbackReceiver
    mailbox: Mailbox
    provider: Provider

    def begin_anew(self) -> Sequence[Story]:
        """Forget what was, and return what is going to be told."""
        for kept in (self.callbacks.requests, self.mailbox.accepted, self.provider.requests):
            kept.clear()
        folder = self.settings.data_dir
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        if self.template is not None:
            shutil.copyfile(self.template, folder / "kulanz.db")
        else:
            empty(self.settings.database_url, metadata.tables)
        given_stories = _told()
        for story in given_stories:
            self.provider.add(story.first)
        return given_stories

    @property
    def seen(self) -> Seen:
        callbacks, mailbox, provider = self.callbacks, self.mailbox, self.provider
        return Seen(mails=list(mailbox.accepted), callbacks=list(callbacks.requests), calls=list(provider.requests))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def worlds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path
) -> Iterator[Sequence[World]]:
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield [
                stack.enter_context(a_world(folder / str(number), None, _sqlite_template))
                for number in range(max(AT_ONCE.values()))
            ]
            return
        server: PostgreSQL = request.getfixturevalue("postgresql")
        template: str = request.getfixturevalue("postgresql_template")
        urls = [stack.enter_context(server.a_database(template)) for _ in range(max(AT_ONCE.values()))]
        yield [stack.enter_context(a_world(folder / str(number), url, None)) for number, url in enumerate(urls)]


@contextmanager
def a_world(folder: Path, url: str | None, template: Path | None) -> Iterator[World]:
    with a_callback_receiver() as callbacks, a_mailbox() as mailbox, a_provider() as provider:
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
        yield World(settings, template, callbacks, mailbox, provider)


@pytest.mark.parametrize("deed", AT_ONCE)
def test_nothing_is_lost_and_nothing_done_twice_whatever_happens_between_two_steps(
    worlds: Sequence[World], deed: Deed
) -> None:
    passed = points_of(worlds[0])
    assert len(passed) >= 33
    points = [(name, 1) for name in passed]
    if deed is Deed.EXIT:
        points += [(name, time) for name in AROUND_A_DEED for time in range(2, passed[name] + 1)]

    verdicts = each_in_a_world(worlds[: AT_ONCE[deed]], points, deed)

    assert {point: verdict for point, verdict in verdicts.items() if not verdict.kept} == {}


def points_of(world: World) -> dict[str, int]:
    """Return every point that is passed when nothing happens, in order, and how often."""
    world.begin_anew()
    prepared(world)
    process = started(world, Points())
    process.join(PATIENCE)
    assert process.exitcode == 0
    recover(world, in_a_hurry=True)
    return Journal(world.settings.data_dir).points()


def each_in_a_world(worlds: Sequence[World], points: Sequence[Point], deed: Deed) -> dict[Point, Verdict]:
    free: SimpleQueue[World] = SimpleQueue()
    for world in worlds:
        free.put(world)

    def item(point: Point) -> Verdict:
        world = free.get()
        try:
            return tried(world, point, deed)
        finally:
            free.put(world)

    with ThreadPoolExecutor(len(worlds)) as threads:
        return dict(zip(points, threads.map(item, points), strict=True))


def tried(world: World, point: Point, deed: Deed) -> Verdict:
    """Let a process meet a fault, let another take over, and judge what came of it."""
    given_stories = world.begin_anew()
    prepared(world)
    process = started(world, Points(chosen=point, deed=deed))
    if deed is Deed.HANG:
        time.sleep(3)
        recover(world, in_a_hurry=False)
    process.join(PATIENCE)
    # A lease is renewed only where the attempt took long enough: that point may not be passed again.
    surely = deed is Deed.EXIT and point[1] == 1 and not point[0].startswith("outbox.renew")
    assert process.exitcode in ({-9} if surely else {0, -9}), point
    recover(world, in_a_hurry=True)
    services = build(world.settings, providers())
    try:
        return check(services, Journal(world.settings.data_dir).taken(), given_stories, world.seen, seed=1)
    finally:
        services.close()


def prepared(world: World) -> None:
    """Put one delivery into the spool, as an earlier outage left it, and the others into the journal."""
    first, *others = [payload for story in _told() for payload in story.deliveries]
    journal = Journal(world.settings.data_dir)
    journal.give(others)
    away = build(replace(world.settings, database_url="sqlite:////proc/nowhere/kulanz.db"))
    receiver = Receiver(away)
    journal.give([first])
    for body, headers in journal.deliveries():
        journal.note(body, receiver.accept("lemonsqueezy", headers, body))
    receiver.close()
    away.close()
    journal.give([first, *others])


def started(world: World, points: Points) -> multiprocessing.process.BaseProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=work, args=(world.settings, world.settings.data_dir, points))
    process.start()
    return process


def recover(world: World, *, in_a_hurry: bool) -> None:
    """Be the next process: what was not taken is sent again, and what is left over is done.

    In a hurry, every pause and every lease is over: their holder is known to be dead.
    """
    services = build(world.settings, providers())
    journal, receiver = Journal(world.settings.data_dir), Receiver(services)
    receiver.begin()
    for body, headers in journal.untaken():
        journal.note(body, receiver.accept("lemonsqueezy", headers, body))
    deadline = time.monotonic() + (PATIENCE if in_a_hurry else 4)
    while time.monotonic() < deadline and (any(stranded(services)) or spooled(world.settings)):
        if in_a_hurry:
            time_passes(world.settings)
        moved = step(services, pipeline.process) | step(services, pipeline.deliver)
        if not moved:
            time.sleep(0.05)
    receiver.close()
    services.close()


def _told() -> list[Story]:
    """One account each: charged back, recovered, with a reminder due, and with an event that nobody can apply."""
    at = datetime.now(UTC).replace(microsecond=0)
    due = at - stories.THE_FIRST_REMINDER - timedelta(minutes=1)
    unpaid, poisoned = buyer(3, at), buyer(4, at)
    return [
        stories._charged_back(buyer(1, at), at),
        stories._recovered(buyer(2, at), at),
        stories._story(
            unpaid,
            at,
            subscription_payment_failed(at=due, purchase=unpaid),
            subscription_updated(at=due, purchase=unpaid, status="past_due"),
            mails=frozenset({"grace_reminder"}),
            callbacks=frozenset({"account.grace_started", "account.grace_reminder"}),
        ),
        stories._story(poisoned, at, poison(poisoned, at)),
    ]


def poison(purchase: Purchase, at: datetime) -> Payload:
    return subscription_updated(at=at, purchase=purchase, **{CARD: RAISES})


def buyer(number: int, at: datetime) -> Purchase:
    return a_buyer(number, began=at - stories.A_MONTH)
