"""`python -m tests.faults.upgrade`: an upgrade while deliveries come, from an older version of the code to this one.

The older version is taken from git: the commit before the newest migration, or `--from COMMIT`. Its web process, its
workers and its clock run on a database of its shape. Then this version migrates the database under them, its web
process takes over beside the old workers, and at last its workers follow. Every delivery is to be answered with 200,
the old workers are to go on working meanwhile, and then the fault lab's counters tell. Exit 1 where the promise was
broken.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import requests
from sqlalchemy import func, select

from kulanz.config import load as settings_of
from kulanz.services import Services, build
from kulanz.store import migrate
from kulanz.store.tables import effects, inbox
from tests.fake_servers import CallbackReceiver, Mailbox, a_callback_receiver, a_free_port, a_mailbox
from tests.faults.broken import ROOT
from tests.faults.checker import Seen, check, stranded
from tests.faults.lab import DATABASES
from tests.faults.load import Load
from tests.faults.stories import Story, stories
from tests.lemonsqueezy import SECRET
from tests.provider_server import Provider, a_provider
from tests.servers import a_postgresql
from tests.source_roots import python_path

MIGRATIONS = ("app/kulanz/store/migrations/versions", "app/store/migrations/versions")
ROLES = ("events", "effects", "clock")
STEP_TIMEOUT = 60.0


@dataclass(slots=True)
class Instance:
    """One version of the code, where it lives, and the processes of it that run."""

    folder: Path
    environ: Mapping[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    url: str = ""

    def migrate(self) -> None:
        """Bring the database to this version's shape."""
        subprocess.run(
            [sys.executable, "-m", self._kulanz, "migrate"], cwd=self.folder, env=self._environ(), check=True
        )

    def serve(self) -> None:
        """Start the web process, and wait until it takes deliveries."""
        port = str(a_free_port())
        self.url = f"http://127.0.0.1:{port}"
        self._start("web", [self._kulanz, "web"], PORT=port)
        deadline = time.monotonic() + STEP_TIMEOUT
        while not _ready(self.url):
            if time.monotonic() > deadline:
                raise TimeoutError(self.url)
            time.sleep(0.1)

    def work(self) -> None:
        """Start the workers and the clock."""
        for role in ROLES:
            self._start(role, [self._workers, role])

    def stop(self, *roles: str) -> None:
        """Stop parts as a platform does, and wait for them."""
        stopped = [self.running.pop(role) for role in roles if role in self.running]
        for process in stopped:
            process.terminate()
        for process in stopped:
            process.wait(STEP_TIMEOUT)

    def close(self) -> None:
        """Stop whatever still runs."""
        self.stop(*self.running)

    def _start(self, role: str, command: Sequence[str], **settings: str) -> None:
        self.running[role] = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=self.folder,
            env=self._environ() | settings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _environ(self) -> dict[str, str]:
        path = python_path(self.folder) if self._has_source_roots else str(self.folder)
        return {**os.environ, **self.environ, "PYTHONPATH": path}

    @property
    def _has_source_roots(self) -> bool:
        """Whether the packages have the names of today; an older version calls them `app` and `workers`."""
        return (self.folder / "app/kulanz").is_dir()

    @property
    def _kulanz(self) -> str:
        return "kulanz" if self._has_source_roots else "app.cli"

    @property
    def _workers(self) -> str:
        return "kulanz_workers" if self._has_source_roots else "workers"


@dataclass(frozen=True, slots=True)
class FakeServers:
    """A mail server, a merchant's product, and the provider's API."""

    callbacks: CallbackReceiver
    mailbox: Mailbox
    provider: Provider

    @property
    def settings(self) -> dict[str, str]:
        return {
            "KULANZ_TEST_CLOCK": "",
            "ENCRYPTION_KEYS": "0f" * 32,
            "LEMONSQUEEZY_MODE": "live",
            "LEMONSQUEEZY_WEBHOOK_SECRETS": SECRET,
            "LEMONSQUEEZY_API_KEY": self.provider.api_key,
            "LEMONSQUEEZY_API_URL": self.provider.url,
            "CALLBACK_URL": self.callbacks.url,
            "CALLBACK_SECRET": self.callbacks.secret,
            "SMTP_URL": self.mailbox.url,
            "MAIL_FROM": "billing@shop.example",
            "BILLING_URL": "https://shop.example/billing",
            "OPS_ALERT_TO": "ops@shop.example",
        }


class Done(NamedTuple):
    """How much was worked off."""

    events: int
    effects: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it on one database after the other."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.upgrade", description=__doc__)
    parser.add_argument("--from", dest="commit", default=None, help="the older version [before the newest migration]")
    parser.add_argument("--database", choices=DATABASES, action="append", help="only this one")
    parser.add_argument("--seconds", type=float, default=5.0, help="of load in each of four phases [5]")
    parser.add_argument("--seed", type=int, default=7)
    wish = parser.parse_args(arguments)
    commit = _git("rev-parse", "--short", wish.commit or f"{_newest_migration()}^").strip()
    kept = [_upgrade(commit, database, wish.seconds, wish.seed) for database in wish.database or DATABASES]
    return 0 if all(kept) else 1


def _upgrade(commit: str, database: str, seconds: float, seed: int) -> bool:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kulanz-upgrade-")))
        _check_out(commit, folder / "old")
        ends = FakeServers(*(stack.enter_context(each()) for each in (a_callback_receiver, a_mailbox, a_provider)))
        server = stack.enter_context(a_postgresql()) if database == "postgresql" else None
        url = {"DATABASE_URL": stack.enter_context(server.a_database())} if server else {}
        environ = {**ends.settings, **url, "KULANZ_DATA_DIR": str(folder / "data")}
        old, new = Instance(folder / "old", environ), Instance(ROOT, environ)
        stack.callback(old.close)
        stack.callback(new.close)
        old.migrate()
        services = build(settings_of({**os.environ, **environ}))
        stack.callback(services.close)
        before = migrate.current(services.database)
        loads, by_the_old = _under_load(old, new, ends, services, seconds=seconds, order=random.Random(seed))
        _await_rest(services)
        verdict = check(
            services,
            [answer for load in loads for answer in load.taken],
            [story for load in loads for story in load.stories],
            Seen(mails=ends.mailbox.accepted, callbacks=ends.callbacks.requests, calls=ends.provider.requests),
            seed,
        )
        answers = sorted({answer.status for load in loads for answer in load.answers})
        count = sum(len(load.answers) for load in loads)
        sys.stdout.write(
            f"{database}: {commit} at {before} → now at {migrate.current(services.database)}; {count} deliveries, "
            f"answers {answers}; {by_the_old.events} events and {by_the_old.effects} effects were done by the older "
            f"workers beside this web process; {verdict.counters}\n"
        )
        sys.stdout.flush()
        return verdict.kept and answers == [200] and min(by_the_old) > 0


def _under_load(
    old: Instance, new: Instance, ends: FakeServers, services: Services, *, seconds: float, order: random.Random
) -> tuple[list[Load], Done]:
    """Go over from one version to the other while deliveries come.

    Return what was sent to each, and what the old workers did beside the new web process.
    """
    old.serve()
    old.work()
    with _a_load(old, ends, order) as first:
        first.until(seconds)
        new.migrate()
        first.until(seconds)
        new.serve()
    old.stop("web")
    with _a_load(new, ends, order) as second:
        before = _done(services)
        second.until(seconds)
        after = _done(services)
        new.work()
        second.until(seconds / 2)
        old.stop(*ROLES)
        second.until(seconds / 2)
    return [first, second], Done(after.events - before.events, after.effects - before.effects)


def _done(services: Services) -> Done:
    with services.database.read() as conn:
        return Done(
            events=conn.execute(select(func.count()).where(inbox.c.state == "handled")).scalar_one(),
            effects=conn.execute(select(func.count()).where(effects.c.state == "done")).scalar_one(),
        )


def _a_load(instance: Instance, ends: FakeServers, order: random.Random) -> Load:
    own = random.Random(order.random())
    return Load(instance.url, _stories(own, ends.provider), own, 20.0)


def _stories(order: random.Random, provider: Provider) -> Iterator[Story]:
    for story in stories(order, datetime.now(UTC), lambda: datetime.now(UTC)):
        provider.now = datetime.now(UTC)
        provider.add(story.first)
        yield story


def _await_rest(services: Services) -> None:
    deadline = time.monotonic() + STEP_TIMEOUT
    while any(True for _ in stranded(services)) and time.monotonic() < deadline:
        time.sleep(0.5)


def _ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def _newest_migration() -> str:
    return _git("log", "-1", "--format=%H", "--diff-filter=A", "--", *MIGRATIONS).strip()


def _check_out(commit: str, folder: Path) -> None:
    archive = subprocess.run(["git", "archive", commit, "app", "workers"], cwd=ROOT, capture_output=True, check=True)
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
