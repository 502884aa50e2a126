"""The processes that a measurement starts, all on 127.0.0.1 and in a temporary directory, and their orderly end."""

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg
from redis import Redis

from bench.events import SECRET
from bench.load import LoadPlan, Summary
from kulanz.cli.up import private_redis
from kulanz.config import Settings
from kulanz.config import load as load_settings
from tests.servers import PostgreSQL, a_postgresql

ROOT = Path(__file__).resolve().parents[1]
STARTUP_TIMEOUT = 30.0
POSTGRESQL = ("-c", "shared_buffers=256MB", "-c", "max_wal_size=2GB", "-c", "max_connections=200")
"""No less durable than it is by default: it waits for the disk."""
KULANZ = (sys.executable, "-c", "from kulanz.cli import main; main()")


class Instances:
    """Starts processes and ends them all, the last one first, also after an error."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._postgresql: PostgreSQL | None = None
        self._kulanz = 0
        """Numbers the databases of Redis: two installations on one would wake each other's workers."""
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
        """Start a process that ends with the installation; its output goes to a file of its name."""
        with (self.directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=_environ(environ), stdout=log, stderr=log, start_new_session=True
            )
        self._stack.callback(stop, process)
        return process

    def redis(self) -> Path:
        """Start a private Redis, once, and return its socket."""
        folder = self.directory / "redis"
        place = private_redis.socket_path(folder)
        if not folder.exists():
            self.start("redis", private_redis.command(folder))
            _wait(place.exists, "Redis did not start")
        return place

    def flush(self) -> None:
        """Empty Redis: it holds no permanent data."""
        with Redis(unix_socket_path=str(self.redis())) as redis:
            redis.flushall()

    def postgresql(self) -> PostgreSQL:
        """Start a PostgreSQL server, once, as durable as it is by default."""
        if self._postgresql is None:
            self._postgresql = self._stack.enter_context(a_postgresql(POSTGRESQL))
        return self._postgresql

    def database(self, name: str, kind: str) -> str:
        """Return the URL of a database of its own."""
        if kind == "SQLite":
            return f"sqlite:///{self.directory / f'{name}.db'}"
        return self._stack.enter_context(self.postgresql().a_database())

    def kulanz(self, name: str, kind: str = "SQLite") -> "Kulanz":
        """Prepare an installation of its own: data directory, secrets, schema."""
        folder = self.directory / name
        folder.mkdir(mode=0o700)
        self._kulanz = self._kulanz % 14 + 1
        kulanz = Kulanz(self, name, folder, kind, redis=f"unix://{self.redis()}?db={self._kulanz}")
        subprocess.run(
            [*KULANZ, "migrate"], cwd=ROOT, env=_environ(kulanz.environ), check=True, stdout=subprocess.DEVNULL
        )
        return kulanz

    def load(self, order: LoadPlan) -> Summary:
        """Run the load generator in a process of its own and return its results."""
        return Summary(**printed("bench.load", json.dumps(asdict(order))))

    @contextmanager
    def flask(
        self, target: str, threads: int, processes: int, environ: Mapping[str, str] | None = None, probe: str = "/"
    ) -> Iterator[tuple[int, int]]:
        """Run a Flask application, or the factory of one (`module:name()`), on granian; give port and process id."""
        port = free_port()
        options = {
            "interface": "wsgi",
            "host": "127.0.0.1",
            "port": port,
            "http": 1,
            "workers": processes,
            "blocking-threads": threads,
        }
        flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        name = target.partition(":")[0]
        process = self.start(name, [sys.executable, "-m", "granian", *flags, "--no-log", *_loaded(target)], environ)
        try:
            _wait(lambda: _answers(port, probe), f"{name} did not start")
            yield port, process.pid
        finally:
            stop(process)

    @contextmanager
    def bare_worker(self, queue: str = "bench-bare", environ: Mapping[str, str] | None = None) -> Iterator[int]:
        """Run an RQ SimpleWorker without any of our code; give its process's id."""
        url = f"unix://{self.redis()}"
        kinds = ("--worker-class", "rq.SimpleWorker", "--serializer", "rq.serializers.JSONSerializer")
        rq = ("-m", "rq.cli", "worker", *kinds, "--url", url, queue)
        process = self.start("bare-worker", [sys.executable, *rq], environ)
        try:
            time.sleep(2)
            yield process.pid
        finally:
            stop(process)


class Kulanz:
    """An installation under measurement."""

    def __init__(self, instances: Instances, name: str, folder: Path, kind: str, redis: str) -> None:
        self._household = instances
        self._name = name
        self.kind = kind
        self._beside = 0
        self.database_url = instances.database(name, kind)
        self.environ = {
            "KULANZ_DATA_DIR": str(folder),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": redis,
            "LEMONSQUEEZY_WEBHOOK_SECRETS": SECRET,
            "LEMONSQUEEZY_MODE": "live",
            "KULANZ_PLANS": "lemonsqueezy:394420=professional",
            "ENCRYPTION_KEYS": os.urandom(32).hex(),
        }

    def beside(self, name: str) -> str:
        """Return the URL of another database of the same kind, with the tables of the usual receiver in it."""
        self._beside += 1
        url = self._household.database(f"{self._name}-{name}-{self._beside}", self.kind)
        connect = sqlite3.connect if self.kind == "SQLite" else psycopg.connect
        with closing(connect(url.removeprefix("sqlite:///"))) as connection:
            kind = "BLOB" if self.kind == "SQLite" else "bytea"
            connection.execute(f"CREATE TABLE usual_events (id varchar PRIMARY KEY, body {kind} NOT NULL)")
            connection.execute(
                "CREATE TABLE usual_accounts (id varchar PRIMARY KEY, status varchar, updated_at varchar)"
            )
            connection.commit()
        return url

    def settings(self) -> Settings:
        """Return the settings of a process of this installation that has no Redis."""
        return load_settings({name: value for name, value in self.environ.items() if name != "REDIS_URL"})

    @contextmanager
    def web(self, processes: int = 1) -> Iterator[tuple[int, int]]:
        """Run the web process; give its port and the process's id."""
        port = free_port()
        command = [*KULANZ, "web", "--processes", str(processes)]
        process = self._household.start(f"{self._name}-web", command, {**self.environ, "PORT": str(port)})
        try:
            _wait(lambda: _answers(port, "/readyz"), "the web process did not start")
            yield port, process.pid
        finally:
            stop(process)

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run one worker process, the one that applies events."""
        command = [sys.executable, "-m", "kulanz_workers", "events"]
        process = self._household.start(f"{self._name}-worker", command, self.environ)
        try:
            yield process
        finally:
            stop(process)


def resident(pid: int) -> float:
    """Return the resident memory of a process and all below it, in MiB."""
    top = psutil.Process(pid)
    total = 0
    for process in [top, *top.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total / 2**20


def processor_time(pid: int) -> float:
    """Return the processor time that a process and all below it have used, in seconds."""
    top = psutil.Process(pid)
    total = 0.0
    for process in [top, *top.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            used = process.cpu_times()
            total += used.user + used.system + used.children_user + used.children_system
    return total


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


def printed(module: str, *arguments: str, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    command = [sys.executable, "-m", module, *arguments]
    answer = subprocess.run(
        command, cwd=ROOT, env=_environ(environ), check=True, capture_output=True, text=True, timeout=300
    )
    document: dict[str, Any] = json.loads(answer.stdout)
    return document


def _environ(extra: Mapping[str, str] | None) -> dict[str, str]:
    """Environment of a process, without the caller's own settings."""
    kept = {
        name: text for name, text in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV"}
    }
    return {**kept, **(extra or {})}


def _loaded(target: str) -> tuple[str, ...]:
    return ("--factory", target.removesuffix("()")) if target.endswith("()") else (target,)


def _answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        return path == "/" and error.code == 404
    except OSError:
        return False


def _wait(ready: Callable[[], bool], complaint: str) -> None:
    ends_at = time.monotonic() + STARTUP_TIMEOUT
    while not ready():
        if time.monotonic() > ends_at:
            raise TimeoutError(complaint)
        time.sleep(0.05)


def _leave(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)
