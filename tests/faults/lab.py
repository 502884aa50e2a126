"""A running instance under load that faults are done to, and the verdict on what became of its promise."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Select, select

from kulanz.config import load as settings_of
from kulanz.errors import StorageUnavailableError
from kulanz.services import Services, build
from kulanz.store.tables import claims, effects, inbox
from tests.end_to_end.instance import Instance, an_instance
from tests.faults import parts, stepping
from tests.faults.broken import ROOT
from tests.faults.checker import Seen, Verdict, check, stranded
from tests.faults.load import Load
from tests.faults.parts import Kill
from tests.faults.stories import Story, stories
from tests.servers import PostgreSQL, a_postgresql
from tests.source_roots import python_path

HOST = ROOT / "tests/faults/host"
SETTLE_TIMEOUT = 20.0
"""Seconds after which nothing may be left over from a fault."""
POLL_INTERVAL = 0.1
DATABASES = ("sqlite", "postgresql")
KILLED = ("web", "events", "effects", "clock", "web worker")
AT_WORK = 0.5
LONGEST_WAIT_FOR_WORK = 1.0
BUSY = {
    "events": select(claims.c.worker).where(claims.c.ids != "[]"),
    "effects": select(effects.c.id).where(effects.c.state == "pending", effects.c.lease_until.is_not(None)),
}
"""By role, what is there while its worker is in the middle of a batch."""


@dataclass(slots=True, kw_only=True)
class Lab:
    """One instance, its far ends, and everything that was sent to it and done to it so far."""

    instance: Instance
    services: Services
    server: PostgreSQL | None
    """The database's own server; None: it is SQLite."""
    seed: int
    order: random.Random
    loads: list[Load] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    clock: Path
    """Where it is written how far the clock of the instance's host is from the real one."""

    @contextmanager
    def load(self, rate: float = 40.0) -> Iterator[Load]:
        """Deliver stories, `rate` a second, while the block lasts, and until everything told is taken."""
        own = random.Random(self.order.random())
        with Load(self.instance.url, self._stories(own), own, rate) as load:
            self.loads.append(load)
            yield load

    def kill(self, role: str, *, at_work: bool = False) -> Kill | None:
        """Kill a part if it is running, and remember it; `at_work`: a worker in the middle of a batch, if one comes."""
        assert self.instance.process is not None
        if at_work and role in BUSY:
            self._await_work(BUSY[role])
        done = parts.kill(self.instance.process.pid, role)
        if done is not None:
            self.kills.append(done)
        return done

    def kill_surely(self, role: str, *, at_work: bool = False) -> None:
        """Kill a part as soon as it runs."""
        deadline = time.monotonic() + SETTLE_TIMEOUT
        while self.kill(role, at_work=at_work) is None:
            assert time.monotonic() < deadline, f"{role} was not started again within {SETTLE_TIMEOUT} s"
            time.sleep(POLL_INTERVAL)

    def restart(self) -> None:
        """Kill `kulanz up` itself, and start another at once, which has to take over."""
        process = self.instance.process
        assert process is not None
        process.kill()
        process.wait()
        self.instance.start()

    def kill_at_random(self, number: int, longest_pause: float = 1.2) -> None:
        """Kill so many parts at random moments, each role as often as the others; half of the workers at work."""
        roles = [role for _ in range(-(-number // len(KILLED))) for role in self.order.sample(KILLED, len(KILLED))]
        for role in roles[:number]:
            time.sleep(self.order.uniform(0.1, longest_pause))
            self.kill_surely(role, at_work=self.order.random() < AT_WORK)

    def _await_work(self, sign: Select[Any]) -> None:
        deadline = time.monotonic() + LONGEST_WAIT_FOR_WORK
        while time.monotonic() < deadline and not self._shows(sign):
            time.sleep(0.005)

    def _shows(self, sign: Select[Any]) -> bool:
        with suppress(StorageUnavailableError), self.services.database.read() as conn:
            return conn.execute(sign).first() is not None
        return False

    def await_rest(self, seconds: float = SETTLE_TIMEOUT) -> float:
        """Wait until nothing is left to do, or for so long nothing has moved; return how long. Nobody rings for it."""
        last_due = max((story.last_due for load in self.loads for story in load.stories), default=0.0)
        time.sleep(max(0.0, last_due - time.time()))
        began = moved = time.monotonic()
        left: int | None = None
        while left != 0 and time.monotonic() - moved < seconds:
            with suppress(StorageUnavailableError):
                still = sum(1 for _ in stranded(self.services))
                if left is None or still < left:
                    left, moved = still, time.monotonic()
            time.sleep(POLL_INTERVAL)
        return time.monotonic() - began

    def verdict(self) -> Verdict:
        """Judge everything since the instance began."""
        instance = self.instance
        seen = Seen(
            mails=list(instance.mailbox.accepted),
            callbacks=list(instance.callbacks.requests),
            calls=list(instance.provider.requests),
        )
        given_stories = [story for load in self.loads for story in load.stories]
        taken = [answer for load in self.loads for answer in load.taken]
        return check(self.services, taken, given_stories, seen, self.seed)

    def recoveries(self) -> dict[str, list[float]]:
        """Return, by role, the seconds from each kill to the next sign of its work; none where the load had ended.

        Who is killed again before there was a sign has recovered from the last of these kills.
        """
        signs = self._signs()
        matches: dict[str, list[float]] = {}
        for kill in self.kills:
            sign = min((at for at in signs.get(kill.role, ()) if at > kill.real), default=None)
            if sign is not None and not self._killed_again(kill, sign):
                matches.setdefault(kill.role, []).append(sign - kill.real)
        return matches

    def _killed_again(self, kill: Kill, before: float) -> bool:
        return any(other.role == kill.role and kill.real < other.real < before for other in self.kills)

    def _signs(self) -> dict[str, list[float]]:
        """Web: the end of an attempt that began later and was taken; the others: what they have written."""
        offset = time.time() - time.monotonic()
        taken = [answer.ended + offset for load in self.loads for answer in load.taken]
        with self.services.database.read() as conn:
            handled = [at.timestamp() for at in conn.execute(select(inbox.c.handled_at)).scalars() if at]
            done = [at.timestamp() for at in conn.execute(select(effects.c.done_at)).scalars() if at]
        return {"web": taken, "web worker": taken, "events": handled, "effects": done}

    def _stories(self, order: random.Random) -> Iterator[Story]:
        for story in stories(order, datetime.now(UTC), lambda: datetime.now(UTC)):
            self.instance.provider.now = datetime.now(UTC)
            self.instance.provider.add(story.first)
            yield story


@contextmanager
def a_lab(data_dir: Path, database: str, seed: int) -> Iterator[Lab]:
    """Run an instance on real time, with its far ends, and open its database beside it; in the end nothing is left."""
    with ExitStack() as stack:
        server = stack.enter_context(a_postgresql()) if database == "postgresql" else None
        settings = {"DATABASE_URL": stack.enter_context(server.a_database())} if server else {}
        clock = data_dir.with_suffix(".clock")
        stepping.step(clock)
        path = os.pathsep.join((str(HOST), python_path(ROOT)))
        live = {"KULANZ_TEST_CLOCK": "", "LEMONSQUEEZY_MODE": "live", "LAB_HOST_CLOCK": str(clock), "PYTHONPATH": path}
        live |= settings
        instance = stack.enter_context(an_instance(data_dir, log=data_dir.with_suffix(".log"), **live))
        services = build(settings_of({**os.environ, **instance.environ}))
        stack.callback(services.close)
        yield Lab(
            instance=instance, services=services, server=server, seed=seed, order=random.Random(seed), clock=clock
        )
    deadline = time.monotonic() + SETTLE_TIMEOUT
    while left := parts.left_behind(data_dir):
        assert time.monotonic() < deadline, f"processes that outlived their instance: {left}"
        time.sleep(POLL_INTERVAL)


@dataclass(frozen=True, slots=True)
class Labs:
    """A lab for each database."""

    by_database: Mapping[str, Lab]

    def each(self, fault: Callable[[Lab], None]) -> None:
        """Do something in both labs at once, since most of it is waiting; what it raises tells in which."""
        with ThreadPoolExecutor(len(self.by_database)) as threads:
            outcomes = {name: threads.submit(fault, lab) for name, lab in self.by_database.items()}
        for name, outcome in outcomes.items():
            error = outcome.exception()
            if error is not None:
                error.add_note(f"in the lab with {name}")
                raise error


@contextmanager
def both_labs(folder: Path, seed: int) -> Iterator[Labs]:
    """Run a lab for each database; they start and end at the same time."""
    opened = {name: a_lab(folder / name, name, seed) for name in DATABASES}
    with ThreadPoolExecutor(len(opened)) as threads:
        entered = {name: threads.submit(lab.__enter__) for name, lab in opened.items()}
        try:
            yield Labs({name: lab.result() for name, lab in entered.items()})
        finally:
            begun = [opened[name] for name, lab in entered.items() if lab.exception() is None]
            for ended in [threads.submit(lab.__exit__, None, None, None) for lab in begun]:
                ended.result()
