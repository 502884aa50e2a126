"""`kulanz up` as a newcomer runs it: nothing but a data directory."""

from __future__ import annotations

import re
import signal
import socket
import stat
import subprocess
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import psutil
import pytest

from kulanz.cli.up import private_redis
from tests.end_to_end.up import Up, kulanz, lives, until, up
from tests.fake_servers import a_free_port


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


def test_the_demonstration_stays_away_from_real_accounts(data_dir):
    data_dir.mkdir()
    (data_dir / "kulanz.db").write_bytes(b"")

    refused = kulanz(data_dir, "up", "--demo", "--data-dir", str(data_dir), "--port", str(a_free_port()))

    assert refused.returncode == 1
    assert "--data-dir" in refused.stderr
