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
from urllib.parse import urlencode
from urllib.request import urlopen

import psutil
import pytest

from kulanz.cli.up import private_redis
from tests.fake_servers import a_free_port
from tests.lemonsqueezy import subscription_created, wire
from tests.source_roots import python_path

ROOT = Path(__file__).resolve().parents[2]
KULANZ = (sys.executable, "-P", "-m", "kulanz")
"""The command as installed: the directory that it is called in is not on its path."""
PARTS = {"valkey-server", "web", "events", "effects", "clock"}


@dataclass
class Up:
    """One `kulanz up`, and what it prints."""

    process: subprocess.Popen[bytes]
    port: int
    data_dir: Path
    output: Path
    ready_after: float = 0.0

    def begin(self) -> None:
        pass

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
        time.sleep(0.02)


def lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def kulanz(data_dir: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    own = environ(KULANZ_DATA_DIR=str(data_dir), **settings)
    return subprocess.run(
        [*KULANZ, *arguments], capture_output=True, text=True, env=own, check=False, cwd=data_dir.parent
    )


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One instance for all tests that leave it as it was."""
    begun = time.monotonic()
    with up(tmp_path_factory.mktemp("up") / "data") as running:
        until(running.ready)
        running.ready_after = time.monotonic() - begun
        until(running.complete)
        yield running


def test_it_gets_ready_before_a_platform_would_give_it_up(running):
    # Five seconds on an idle machine with two cores is the goal; a busy one is no fault of ours.
    assert running.ready_after < 30


def test_it_says_where_it_takes_webhooks_and_keeps_its_secrets_but_not_the_secrets(running):
    until(lambda: "Ctrl-C" in running.printed())
    stored = tomllib.loads((running.data_dir / "secrets.toml").read_text())

    assert f"http://127.0.0.1:{running.port}/webhooks/lemonsqueezy" in running.printed()
    assert str(running.data_dir / "secrets.toml") in running.printed()
    assert {"ENCRYPTION_KEYS", "API_TOKENS", "LEMONSQUEEZY_WEBHOOK_SECRETS", "OPS_PASSWORD"} <= set(stored)
    assert not any(secret in running.printed() for secret in stored.values())


def test_it_names_the_console_its_user_and_how_to_see_the_password(running):
    until(lambda: "Ctrl-C" in running.printed())
    stated = re.search(r"console +(\S+) \(user (\w+), password: (grep .*)\)", running.printed())
    assert stated
    console, user, command = stated.groups()

    shown = subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout
    password = tomllib.loads(shown)["OPS_PASSWORD"]

    assert urlopen(f"http://127.0.0.1:{running.port}/", timeout=10).url == f"{console}/login"
    login = urlencode({"name": user, "password": password}).encode()
    assert urlopen(f"{console}/login", data=login, timeout=10).status == 200


def test_a_password_that_was_given_is_not_looked_for_in_a_file(data_dir):
    with up(data_dir, OPS_PASSWORD="correct horse") as running:
        until(lambda: "Ctrl-C" in running.printed())

        assert "(user ops, password: as you have set it)" in running.printed()


def test_everything_in_the_data_directory_is_its_owners_alone(running):
    paths = [running.data_dir, *running.data_dir.rglob("*")]

    assert {path.name for path in paths if stat.S_IMODE(path.lstat().st_mode) & 0o077} == set()


def test_commands_with_the_same_data_directory_find_the_instance_and_its_secrets(running, tmp_path):
    payload = tmp_path / "payload.json"
    payload.write_text('{"meta": {"event_name": "affiliate_activated"}, "data": {"type": "affiliates", "id": "1"}}')

    sent = kulanz(running.data_dir, "send", str(payload))
    queues = kulanz(running.data_dir, "queue", "status")

    assert (sent.returncode, sent.stderr) == (0, "")
    assert (queues.returncode, queues.stderr) == (0, "")


def test_a_second_instance_in_the_same_directory_is_refused(running):
    refused = kulanz(running.data_dir, "up", "--port", str(a_free_port()))

    assert refused.returncode == 1
    assert re.fullmatch(r"kulanz: another `kulanz up` runs in .*\n", refused.stderr)


def test_a_part_that_is_killed_is_started_again(running):
    killed = running.parts()

    for part in killed.values():
        part.kill()

    until(lambda: not any(lives(part) for part in killed.values()))
    until(running.complete)
    until(running.ready)


def test_after_a_kill_the_next_start_takes_over_and_ctrl_c_ends_it_cleanly(tmp_path):
    data_dir = tmp_path / ("long" * 30)
    with up(data_dir) as running:
        until(running.complete)
        stored = (data_dir / "secrets.toml").read_text()
        everything = psutil.Process(running.process.pid).children(recursive=True)
        running.process.kill()
        running.process.wait()

        with up(data_dir, port=running.port) as again:
            until(again.ready)
            until(again.complete)
            assert not any(lives(process) for process in everything)
            assert (data_dir / "secrets.toml").read_text() == stored
            everything = psutil.Process(again.process.pid).children(recursive=True)
            assert again.stop(signal.SIGINT) == 0

    assert not any(lives(process) for process in everything)
    assert not private_redis.socket_path(data_dir).exists()


def test_a_taken_port_is_named(data_dir):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = kulanz(data_dir, "up", "--port", str(taken.getsockname()[1]))

    assert refused.returncode == 1
    assert "choose another --host or port" in refused.stderr


def test_an_encryption_key_is_never_made_for_a_database_that_was_written_with_another(data_dir):
    data_dir.mkdir()
    (data_dir / "kulanz.db").write_bytes(b"")

    refused = kulanz(data_dir, "up", "--port", str(a_free_port()))

    assert refused.returncode == 1
    assert "ENCRYPTION_KEYS" in refused.stderr


def test_the_demonstration_tells_its_story_and_goes_on_running(data_dir):
    with up(data_dir, "--demo") as running:
        until(lambda: "goes on running" in running.printed(), seconds=60)
        stated = [line.partition("→ ")[2].partition(":")[0] for line in running.printed().splitlines() if "→" in line]
        assert stated == ["good", "grace", "grace", "grace", "on_hold", "good", "suspended", "good"]
        assert running.ready()

        replayed = kulanz(data_dir, "replay", "--shuffle")
        assert (replayed.returncode, replayed.stderr) == (0, "")
        assert running.stop(signal.SIGINT) == 0

    refused = kulanz(data_dir, "up", "--port", str(a_free_port()))
    assert (refused.returncode, "holds the accounts of a demonstration" in refused.stderr) == (1, True)


def in_a_shell(commands: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a person gets who copies commands into a shell in which no virtual environment is active."""
    plain = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(
        ["/bin/sh", "-e", "-c", commands], capture_output=True, text=True, env=plain, check=False, cwd=folder
    )


def test_the_readmes_look_around_works_as_it_stands(tmp_path):
    commands = re.search(r"second terminal.*?```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / ".kulanz").mkdir()

    with up(tmp_path / ".kulanz" / "demo-data", "--demo") as running:
        until(lambda: "goes on running" in running.printed(), seconds=60)
        answer = in_a_shell(commands[1], tmp_path)

    assert (answer.returncode, answer.stderr) == (0, "")
    assert "demo_" in answer.stdout
    assert "org_42: good, plan professional" in answer.stdout
    assert ".eml" in answer.stdout


def test_the_demonstration_leaves_the_usual_data_directory_and_database_alone(tmp_path):
    usual, port = tmp_path / "usual", a_free_port()
    settings = {"KULANZ_DATA_DIR": str(usual), "DATABASE_URL": f"sqlite:///{tmp_path / 'real.db'}"}
    command = [*KULANZ, "up", "--demo", "--port", str(port)]
    output = tmp_path / "out"
    with output.open("wb") as file:
        demonstration = subprocess.Popen(command, stdout=file, stderr=file, env=environ(**settings), cwd=tmp_path)
    try:
        until(lambda: "account list" in output.read_text(), seconds=60)
        again = re.findall(r"KULANZ_DATA_DIR=\S+ \S*kulanz account (?:explain \S+|list)", output.read_text())
        stated = [in_a_shell(command, tmp_path) for command in again]
    finally:
        demonstration.terminate()
        demonstration.wait(30)

    assert [each.returncode for each in stated] == [0, 0]
    assert not (tmp_path / "real.db").exists()
    assert [path.name for path in usual.iterdir()] == ["demo-data"]
    with up(usual, port=port) as running:
        until(running.ready)
        assert kulanz(usual, "account", "list", "--json").stdout.count("demo_") == 0


def test_files_in_the_directory_that_it_is_called_in_are_never_imported(data_dir):
    ran = data_dir.with_name("ran")
    for module in (
        "app",
        "workers",
        "kulanz",
        "kulanz_workers",
        "queue",
        "alembic",
        "redis",
        "rq",
        "granian",
        "sqlalchemy",
    ):
        data_dir.with_name(f"{module}.py").write_text(f"open({str(ran)!r}, 'a').write('{module} ')\n")

    with up(data_dir, "--demo") as running:
        until(lambda: "goes on running" in running.printed(), seconds=60)
        burst = kulanz(data_dir, "worker", "--burst")

    assert (burst.returncode, burst.stderr) == (0, "")
    assert not ran.exists()


def test_a_merchants_app_and_workers_on_the_python_path_are_not_ours(data_dir):
    ran = data_dir.with_name("ran")
    for module in ("app", "workers"):
        data_dir.with_name(f"{module}.py").write_text(f"open({str(ran)!r}, 'a').write('{module} ')\n")
    path = os.pathsep.join((".", python_path(ROOT)))

    with up(data_dir, PYTHONPATH=path) as running:
        until(running.ready)
        burst = kulanz(data_dir, "worker", "--burst", PYTHONPATH=path)

    assert (burst.returncode, burst.stderr) == (0, "")
    assert not ran.exists()


def test_the_demonstration_stays_away_from_real_accounts(data_dir):
    data_dir.mkdir()
    (data_dir / "kulanz.db").write_bytes(b"")

    refused = kulanz(data_dir, "up", "--demo", "--data-dir", str(data_dir), "--port", str(a_free_port()))

    assert refused.returncode == 1
    assert "--data-dir" in refused.stderr


def test_from_an_empty_folder_three_commands_lead_to_the_first_webhook(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    (tmp_path / "invoice.json").write_bytes(wire(subscription_created(account="org_42")))

    def call(*arguments: str) -> str:
        command = [*KULANZ, *arguments]
        done = subprocess.run(command, cwd=folder, env=environ(), capture_output=True, text=True, check=True)
        return done.stdout

    folder.mkdir()
    call("init", "--yes", "--plans", "47001=professional")
    with up(folder / ".kulanz") as running:
        until(lambda: "Ctrl-C" in running.printed())
        answer = call("send", str(tmp_path / "invoice.json"))
        until(lambda: "org_42" in call("account", "list"))

    assert "accepted" in answer
    assert "secrets  as you have set them" in running.printed()
    assert not (folder / ".kulanz" / "secrets.toml").exists()
