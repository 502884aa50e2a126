"""Each command works within the memory that docs/operations.md calls the least, in a cgroup as containers have."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.fake_servers import a_free_port
from tests.lemonsqueezy import SECRET, subscription_created, wire
from tests.source_roots import python_path

ROOT = Path(__file__).resolve().parents[2]
DELIVERIES = 200
CGROUPS = Path("/sys/fs/cgroup")
LEAST = {
    command: int(mebibytes)
    for command, mebibytes in re.findall(
        r"^\| `kulanz ([a-z ]+)` \| (\d+) \|$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE
    )
}
"""MiB by command."""


@dataclass(frozen=True)
class MemoryGroup:
    """A cgroup with a limit of memory, of either version of the kernel's interface."""

    folder: Path
    limit: str
    events: str

    def kills(self) -> int:
        """How many processes the kernel has killed for want of memory."""
        (count,) = re.findall(r"^oom_kill (\d+)$", (self.folder / self.events).read_text(), re.MULTILINE)
        return int(count)


@contextmanager
def a_memory_group(mebibytes: int) -> Iterator[MemoryGroup]:
    assert os.geteuid() == 0, "only root may limit memory"
    name = f"kulanz-{secrets.token_hex(4)}"
    if (CGROUPS / "memory").is_dir():
        group = MemoryGroup(CGROUPS / "memory" / name, "memory.limit_in_bytes", "memory.oom_control")
    else:
        group = MemoryGroup(CGROUPS / name, "memory.max", "memory.events")
    group.folder.mkdir()
    (group.folder / group.limit).write_text(str(mebibytes << 20))
    try:
        yield group
    finally:
        until(lambda: not (group.folder / "cgroup.procs").read_text())
        group.folder.rmdir()


@dataclass
class Limited:
    """An instance, each of whose commands has a limit of its own."""

    environ: dict[str, str]
    groups: dict[str, MemoryGroup] = field(default_factory=dict)

    @contextmanager
    def running(self, command: str) -> Iterator[None]:
        """Run a command within its least memory until SIGTERM."""
        with a_memory_group(LEAST[command]) as group:
            self.groups[command] = group
            enter = ["sh", "-euc", f'echo $$ > {group.folder}/cgroup.procs; exec "$@"', "sh"]
            process = subprocess.Popen([*enter, *_kulanz(*command.split())], env=self.environ)
            try:
                yield
            finally:
                process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=40) == 0

    def call(self, *words: str) -> str:
        done = subprocess.run(_kulanz(*words), env=self.environ, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def ready(self) -> bool:
        with suppress(OSError):
            return urlopen(f"http://127.0.0.1:{self.environ['PORT']}/readyz", timeout=2).status == 200
        return False

    def work(self, folder: Path) -> None:
        """Take deliveries, and wait until each has its account."""
        until(self.ready)
        files = [folder / f"{number}.json" for number in range(1, DELIVERIES + 1)]
        for number, file in enumerate(files, start=1):
            ids = {"subscription": number, "customer": 1000 + number, "order": 2000 + number}
            file.write_bytes(wire(subscription_created(account=f"org_{number}", **ids)))
        self.call("send", *map(str, files))
        until(lambda: self.call("events", "list", "--state", "handled", "--limit", "500").count("evt_") == DELIVERIES)


def _kulanz(*words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "kulanz", *words]


def until(happened: Callable[[], bool], seconds: float = 45) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def limited(tmp_path: Path) -> Limited:
    return Limited(
        {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": python_path(ROOT),
            "KULANZ_DATA_DIR": str(tmp_path),
            "PORT": str(a_free_port()),
            "ENCRYPTION_KEYS": "0f" * 32,
            "LEMONSQUEEZY_WEBHOOK_SECRETS": SECRET,
            "KULANZ_PLANS": "lemonsqueezy:47001=professional",
        }
    )


def test_each_command_works_within_its_least_memory(
    limited: Limited, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    limited.environ |= {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    with ExitStack() as stack:
        for command in ("web", "worker", "clock run"):
            stack.enter_context(limited.running(command))
        limited.work(tmp_path)

        assert {command: group.kills() for command, group in limited.groups.items()} == dict.fromkeys(limited.groups, 0)


def test_everything_in_one_command_works_within_its_least_memory(limited: Limited, tmp_path: Path) -> None:
    with limited.running("up"):
        limited.work(tmp_path)

        assert limited.groups["up"].kills() == 0
