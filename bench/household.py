"""The processes that a measurement starts, all on 127.0.0.1 and in a temporary directory, and their orderly end."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import psutil

from app.cli.up import private_redis
from bench.events import SECRET
from bench.load import Order, Summary

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 30.0
KULANZ = (sys.executable, "-c", "from app.cli import main; main()")


class Household:
    """Starts processes and ends them all, the last one first, whatever happens in between."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.directory = Path(tempfile.mkdtemp(prefix="kulanz-bench-"))
        self._stack.callback(shutil.rmtree, self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        signal.signal(signal.SIGTERM, _leave)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(
        self, name: str, command: Sequence[str], environ: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a process that ends with the household; what it prints goes to a file of its name."""
        with (self.directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=_environ(environ), stdout=log, stderr=log, start_new_session=True
            )
        self._stack.callback(stop, process)
        return process

    def redis(self) -> Path:
        """Start a private Redis and return its socket."""
        folder = self.directory / "redis"
        self.start("redis", private_redis.command(folder))
        place = private_redis.socket_path(folder)
        _wait(place.exists, "Redis did not start")
        return place

    def kulanz(self, name: str, redis: Path) -> "Kulanz":
        """Prepare an installation of its own: data directory, secrets, schema."""
        folder = self.directory / name
        folder.mkdir(mode=0o700)
        kulanz = Kulanz(self, name, folder, redis)
        subprocess.run(
            [*KULANZ, "migrate"], cwd=ROOT, env=_environ(kulanz.environ), check=True, stdout=subprocess.DEVNULL
        )
        return kulanz

    @contextmanager
    def empty_view(self, threads: int) -> Iterator[tuple[int, int]]:
        """Run the empty Flask view on granian; give its port and the process's id."""
        port = free_port()
        options = {
            "interface": "wsgi",
            "host": "127.0.0.1",
            "port": port,
            "http": 1,
            "workers": 1,
            "blocking-threads": threads,
        }
        flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        process = self.start(
            f"empty-{threads}", [sys.executable, "-m", "granian", *flags, "--no-log", "bench.empty:app"]
        )
        try:
            _wait(lambda: _answers(port, "/"), "the empty view did not start")
            yield port, process.pid
        finally:
            stop(process)

    @contextmanager
    def bare_worker(self, redis: Path) -> Iterator[int]:
        """Run an RQ SimpleWorker without any of our code; give its process's id."""
        rq = ("-m", "rq.cli", "worker", "--worker-class", "rq.SimpleWorker", "--url", f"unix://{redis}", "bench-bare")
        process = self.start("bare-worker", [sys.executable, *rq])
        try:
            time.sleep(2)
            yield process.pid
        finally:
            stop(process)


class Kulanz:
    """One installation under measurement."""

    def __init__(self, household: Household, name: str, folder: Path, redis: Path) -> None:
        self._household = household
        self._name = name
        self.database_url = f"sqlite:///{folder / 'kulanz.db'}"
        self.environ = {
            "KULANZ_DATA_DIR": str(folder),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": f"unix://{redis}",
            "LEMONSQUEEZY_WEBHOOK_SECRETS": SECRET,
            "LEMONSQUEEZY_MODE": "live",
            "KULANZ_PLANS": "lemonsqueezy:394420=professional",
            "ENCRYPTION_KEYS": os.urandom(32).hex(),
        }

    @contextmanager
    def web(self) -> Iterator[tuple[int, int]]:
        """Run the web process; give its port and the process's id."""
        port = free_port()
        process = self._household.start(f"{self._name}-web", [*KULANZ, "web"], {**self.environ, "PORT": str(port)})
        try:
            _wait(lambda: _answers(port, "/readyz"), "the web process did not start")
            yield port, process.pid
        finally:
            stop(process)

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run one worker process, the one that applies events."""
        command = [sys.executable, "-m", "workers", "events"]
        process = self._household.start(f"{self._name}-worker", command, self.environ)
        try:
            yield process
        finally:
            stop(process)


def load(order: Order) -> Summary:
    """Run the load generator in a process of its own and return what it saw."""
    return Summary(**_printed("bench.load", json.dumps(asdict(order))))


def noop_jobs(redis: Path, jobs: int) -> float:
    """Return how many jobs that do nothing an RQ SimpleWorker runs a second."""
    answer = _printed("bench.noop", str(redis), str(jobs))
    return float(answer["jobs"]) / float(answer["seconds"])


def resident(pid: int) -> float:
    """Return the resident memory of a process and all below it, in MiB."""
    top = psutil.Process(pid)
    total = 0
    for process in [top, *top.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total / 2**20


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and its group: first with a request, after some seconds with force."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _printed(module: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", module, *arguments]
    answer = subprocess.run(
        command, cwd=ROOT, env=_environ(None), check=True, capture_output=True, text=True, timeout=300
    )
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def _environ(extra: Mapping[str, str] | None) -> dict[str, str]:
    """What a process gets to see: nothing of the caller's own settings."""
    kept = {
        name: text for name, text in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV"}
    }
    return {**kept, **(extra or {})}


def _answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        return path == "/" and error.code == 404
    except OSError:
        return False


def _wait(ready: Callable[[], bool], complaint: str) -> None:
    ends_at = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > ends_at:
            raise TimeoutError(complaint)
        time.sleep(0.05)


def _leave(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)
