"""`kulanz up` as a newcomer runs it: nothing but a data directory."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.far_ends import a_free_port

ROOT = Path(__file__).resolve().parents[2]
PARTS = {"valkey-server", "web", "events", "effects", "clock"}


@dataclass
class Up:
    """One `kulanz up`, and what it prints."""

    process: subprocess.Popen[bytes]
    port: int
    data_dir: Path
    output: Path

    def ready(self) -> bool:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            with suppress(OSError, http.client.HTTPException):
                connection.request("GET", "/readyz")
                return connection.getresponse().status == 200
            return False

    def parts(self) -> dict[str, psutil.Process]:
        """The processes that it keeps running, by what they do."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):
                for name in PARTS & {child.name(), *child.cmdline()}:
                    found[name] = child
        return found

    def complete(self) -> bool:
        return self.parts().keys() == PARTS

    def printed(self) -> str:
        return self.output.read_text()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


def environ(**settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "TMPDIR", "LANG"}}
    return {**kept, "PYTHONPATH": str(ROOT), **settings}


@contextmanager
def up(data_dir: Path, *options: str, port: int | None = None, **settings: str) -> Iterator[Up]:
    port = port or a_free_port()
    output = data_dir.with_name(f"{data_dir.name[:20]}.out")
    command = [sys.executable, "-m", "app.cli", "up", "--port", str(port), "--data-dir", str(data_dir), *options]
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
        time.sleep(0.02)


def lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def kulanz(data_dir: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.cli", *arguments]
    own = environ(KULANZ_DATA_DIR=str(data_dir), **settings)
    return subprocess.run(command, capture_output=True, text=True, env=own, check=False)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_it_is_ready_within_five_seconds_and_stops_cleanly(data_dir):
    begun = time.monotonic()
    with up(data_dir) as running:
        until(running.ready)
        assert time.monotonic() - begun < 5
        until(running.complete)
        until(lambda: "Ctrl-C" in running.printed())
        everything = psutil.Process(running.process.pid).children(recursive=True)

        assert running.stop(signal.SIGINT) == 0

        assert not any(lives(process) for process in everything)
        assert f"http://127.0.0.1:{running.port}/webhooks/lemonsqueezy" in running.printed()


def test_secrets_are_made_once_kept_private_and_not_printed(data_dir):
    with up(data_dir) as running:
        until(lambda: "secrets" in running.printed())
    stored = tomllib.loads((data_dir / "secrets.toml").read_text())

    with up(data_dir) as again:
        until(lambda: "secrets" in again.printed())
        printed = again.printed()

    assert tomllib.loads((data_dir / "secrets.toml").read_text()) == stored
    assert {"ENCRYPTION_KEYS", "API_TOKENS", "LEMONSQUEEZY_WEBHOOK_SECRETS", "OPS_PASSWORD"} <= set(stored)
    assert not any(secret in running.printed() + printed for secret in stored.values())
    assert str(data_dir / "secrets.toml") in printed
    assert "new:" not in printed
    others = {path.name for path in data_dir.rglob("*") if stat.S_IMODE(path.lstat().st_mode) & 0o077}
    assert others == set()


def test_commands_with_the_same_data_directory_find_the_instance_and_its_secrets(data_dir, tmp_path):
    payload = tmp_path / "payload.json"
    payload.write_text('{"meta": {"event_name": "affiliate_activated"}, "data": {"type": "affiliates", "id": "1"}}')
    with up(data_dir) as running:
        until(running.ready)

        sent = kulanz(data_dir, "send", str(payload))

        assert (sent.returncode, sent.stderr) == (0, "")
        until(lambda: kulanz(data_dir, "queue", "status").returncode == 0)


def test_a_part_that_is_killed_is_started_again(data_dir):
    with up(data_dir) as running:
        until(running.complete)
        killed = running.parts()

        for part in killed.values():
            part.kill()

        until(lambda: not any(lives(part) for part in killed.values()))
        until(running.complete)
        until(running.ready)
        assert running.stop() == 0


def test_after_a_kill_the_next_start_takes_over(data_dir):
    with up(data_dir) as running:
        until(running.complete)
        everything = psutil.Process(running.process.pid).children(recursive=True)
        running.process.kill()
        running.process.wait()

        with up(data_dir, port=running.port) as again:
            until(again.ready)
            until(again.complete)
            assert not any(lives(process) for process in everything)
            assert again.stop() == 0


def test_a_second_instance_in_the_same_directory_is_refused(data_dir):
    with up(data_dir) as running:
        until(running.ready)

        refused = kulanz(data_dir, "up", "--port", str(a_free_port()))

        assert refused.returncode == 1
        assert re.fullmatch(r"kulanz: another `kulanz up` runs in .*\n", refused.stderr)
        assert running.ready()


def test_a_taken_port_is_named(data_dir):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = kulanz(data_dir, "up", "--port", str(taken.getsockname()[1]))

    assert refused.returncode == 1
    assert "choose another with --port" in refused.stderr


def test_an_encryption_key_is_never_made_for_a_database_that_was_written_with_another(data_dir):
    data_dir.mkdir()
    (data_dir / "kulanz.db").write_bytes(b"")

    refused = kulanz(data_dir, "up", "--port", str(a_free_port()))

    assert refused.returncode == 1
    assert "ENCRYPTION_KEYS" in refused.stderr


def test_a_data_directory_with_a_long_name_will_do(tmp_path):
    with up(tmp_path / ("long" * 30)) as running:
        until(running.complete)
        assert running.stop() == 0


def test_the_demonstration_tells_its_story_and_goes_on_running(data_dir):
    with up(data_dir, "--demo") as running:
        until(lambda: "goes on running" in running.printed(), seconds=60)
        told = [line.partition("→ ")[2].partition(":")[0] for line in running.printed().splitlines() if "→" in line]
        assert told == ["good", "grace", "grace", "grace", "on_hold", "good"]
        assert running.ready()

        replayed = kulanz(data_dir, "replay", "--shuffle")
        assert (replayed.returncode, replayed.stderr) == (0, "")
        assert running.stop(signal.SIGINT) == 0


def test_the_demonstration_stays_away_from_real_accounts(data_dir):
    with up(data_dir) as running:
        until(running.ready)

    refused = kulanz(data_dir, "up", "--demo", "--port", str(a_free_port()))

    assert refused.returncode == 1
    assert "--data-dir" in refused.stderr
