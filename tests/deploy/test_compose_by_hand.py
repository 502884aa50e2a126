"""The services of the compose file by hand on loopback: PostgreSQL behind PgBouncer, Redis, and a kill of each."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import pytest
from dotenv import dotenv_values
from ruamel.yaml import YAML

from tests.cli.conftest import Kulanz
from tests.fake_servers import Mailbox, a_free_port, a_mailbox
from tests.lemonsqueezy import subscription_created, wire
from tests.servers import PostgreSQL, a_redis
from tests.source_roots import python_path

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Composed:
    """What `docker compose` would run, each service as its command line, a web process an address of its own."""

    folder: Path
    environ: dict[str, str]
    services: dict[str, Any]
    port: int = field(default_factory=a_free_port)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def replicas(self) -> list[str]:
        """The names of all containers, but for what ends by itself."""
        return [
            f"{name}-{number}"
            for name, service in self.services.items()
            if service.get("image") == "kulanz" and service.get("restart") != "no"
            for number in range(1, service.get("deploy", {}).get("replicas", 1) + 1)
        ]

    def start(self, replica: str) -> None:
        name, _, number = replica.partition("-")
        with (self.folder / f"{replica}.log").open("ab") as output:
            self.running[replica] = subprocess.Popen(
                [sys.executable, "-P", "-m", "kulanz", *self.services[name]["command"]],
                env={**self.environ, "KULANZ_HOST": f"127.0.0.{number}"},
                cwd=self.folder,
                stdout=output,
                stderr=output,
            )

    def kill(self, replica: str) -> None:
        """End a container as a host does that takes its power away: every process at once."""
        first = psutil.Process(self.running[replica].pid)
        for process in (first, *first.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.running.pop(replica).wait(10)

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            assert process.wait(30) == 0
        self.running.clear()

    def call(self, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-P", "-m", "kulanz", *words]
        return subprocess.run(
            command, env=self.environ, cwd=self.folder, input=stdin, capture_output=True, check=False, timeout=60
        )

    def deliver(self, account: str, number: int, web: int) -> None:
        payload = wire(subscription_created(account=account, subscription=number, customer=number + 1))
        sent = self.call("send", "-", "--url", f"http://127.0.0.{web}:{self.port}", stdin=payload)
        assert sent.returncode == 0, sent.stderr

    def knows(self, account: str) -> bool:
        return b"professional" in self.call("account", "show", account).stdout

    def ready(self, web: int) -> bool:
        with suppress(OSError):
            return urlopen(f"http://127.0.0.{web}:{self.port}/readyz", timeout=2).status == 200
        return False


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with a_mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def composed(tmp_path: Path, postgresql: PostgreSQL, pgbouncer: str, mailbox: Mailbox) -> Iterator[Composed]:
    """Files by `kulanz init --run compose`; only where the other servers are is told otherwise."""
    folder = tmp_path / "shop"
    init = ("init", "--yes", "--run", "compose", "--plans", "47001=professional", "--smtp-url", mailbox.url)
    assert Kulanz(tmp_path / "none")(*init, "--mail-from", "billing@shop.example", "--into", str(folder)).code == 0
    services = YAML(typ="safe").load(folder / "compose.yaml")["services"]
    written = {name: text for name, text in dotenv_values(folder / ".env", interpolate=False).items() if text}
    with ExitStack() as stack:
        url = stack.enter_context(postgresql.a_database()) + pgbouncer
        redis = stack.enter_context(a_redis())
        here = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": python_path(ROOT),
            "DATABASE_URL": url,
            "REDIS_URL": redis,
            "KULANZ_DATA_DIR": str(tmp_path / "state"),
            "KULANZ_POLICY": str(folder / "policy.toml"),
        }
        composed = Composed(folder, {**written, **services["web"]["environment"], **here}, services)
        composed.environ["PORT"] = str(composed.port)
        try:
            yield composed
        finally:
            for replica in [*composed.running]:
                composed.kill(replica)


def until(happened: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_delivery_is_applied_whichever_process_was_killed(composed: Composed) -> None:
    migrated = composed.call(*composed.services["migrate"]["command"])
    assert migrated.returncode == 0, migrated.stderr
    for replica in composed.replicas():
        composed.start(replica)
    until(lambda: composed.ready(1) and composed.ready(2))
    composed.deliver("org_0", 100, web=1)
    until(lambda: composed.knows("org_0"))

    for number, replica in enumerate(composed.replicas(), start=1):
        composed.kill(replica)
        composed.deliver(f"org_{number}", 100 * (number + 1), web=2 if replica == "web-1" else 1)
        until(lambda account=f"org_{number}": composed.knows(account))
        composed.start(replica)
        until(lambda: composed.ready(1) and composed.ready(2))

    until(lambda: composed.call("doctor").returncode == 0)
    assert composed.call("replay", "--shuffle").returncode == 0
    assert len(composed.replicas()) == 5
    composed.stop()
