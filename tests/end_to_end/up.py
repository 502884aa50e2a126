"""A `kulanz up` of a test's own, as a newcomer starts it: nothing but a data directory."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.fake_servers import a_free_port
from tests.source_roots import python_path

ROOT = Path(__file__).resolve().parents[2]
KULANZ = (sys.executable, "-P", "-m", "kulanz")
"""The command as installed: the directory that it is called in is not on its path."""
PARTS = {"valkey-server", "web", "events", "effects", "clock"}

POLL_SECONDS = 0.1
"""Looking costs processor time that the instance needs."""


@dataclass
class Up:
    """One `kulanz up`, and what it prints."""

    process: subprocess.Popen[bytes]
    port: int
    data_dir: Path
    output: Path
    ready_after: float = 0.0

    def ready(self) -> bool:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            with suppress(OSError, http.client.HTTPException):
                connection.request("GET", "/readyz")
                return connection.getresponse().status == 200
            return False

    def parts(self) -> dict[str, psutil.Process]:
        """The processes that it keeps running, by what they do."""
        matches = {}
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):
                for name in PARTS & {child.name(), *child.cmdline()}:
                    matches[name] = child
        return matches

    def complete(self) -> bool:
        return self.parts().keys() == PARTS

    def printed(self) -> str:
        return self.output.read_text()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


def environ(**settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "TMPDIR", "LANG"}}
    return {**kept, "PYTHONPATH": python_path(ROOT), **settings}


@contextmanager
def up(data_dir: Path, *options: str, port: int | None = None, **settings: str) -> Iterator[Up]:
    port = port or a_free_port()
    output = data_dir.with_name(f"{data_dir.name[:20]}.out")
    command = [*KULANZ, "up", "--port", str(port), "--data-dir", str(data_dir), *options]
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environ(**settings), cwd=data_dir.parent)
    running = Up(process, port, data_dir, output)
    try:
        yield running
    finally:
        if process.poll() is None:
            running.stop()


def until(happened: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(POLL_SECONDS)


def lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def kulanz(data_dir: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    own = environ(KULANZ_DATA_DIR=str(data_dir), **settings)
    return subprocess.run(
        [*KULANZ, *arguments], capture_output=True, text=True, env=own, check=False, cwd=data_dir.parent
    )
