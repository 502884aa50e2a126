from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from kulanz.cli.up.instance import Instance
from kulanz.cli.up.supervisor import Process, Supervisor
from kulanz.errors import RefusedError
from tests.source_roots import python_path

LEASHED = """
import argparse, time
from kulanz.runtime import parent_watch as leash

parser = argparse.ArgumentParser()
parser.add_argument("--leash", type=int)
ties = parser.parse_args()
leash.exit_with_parent(ties.leash)
print("begun", flush=True)
time.sleep(60)
"""
PLAIN = "import time; print('plain', flush=True); time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
STARTER = """
import sys, threading
from pathlib import Path
from kulanz.cli.up.instance import INSTANCE_VARIABLE, Instance
from kulanz.cli.up.supervisor import Process, Supervisor

directory, root, code, leashed = sys.argv[1:]
instance = Instance(Path(directory))
supervisor = Supervisor(variables={"PYTHONPATH": root, INSTANCE_VARIABLE: instance.id}, say=print, noted=instance.note)
supervisor.start(Process(name="part", command=(sys.executable, "-c", code), tied_to_parent=leashed == "leashed"))
supervisor.watch(threading.Event())
"""
ROOT = Path(__file__).resolve().parents[2]


def until(happened: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    with Supervisor(
        variables={"PYTHONPATH": python_path(ROOT)}, say=said.append, logs=tmp_path, terminate_grace=0.5
    ) as supervisor:
        yield supervisor


def test_a_part_that_dies_is_started_again_after_a_pause_that_grows(supervisor, said, tmp_path):
    supervisor.start(
        Process(name="brief", command=(sys.executable, "-c", "print('here', flush=True)"), tied_to_parent=False)
    )

    supervisor.watch(threading.Event(), lambda: len(said) == 3)

    assert (tmp_path / "brief.log").read_text() == "here\n" * 3
    assert (tmp_path / "brief.log").stat().st_mode & 0o777 == 0o600
    assert [line.rpartition("in ")[2] for line in said] == ["0.2 s", "0.4 s", "0.8 s"]


def test_stopping_ends_every_part_and_kills_who_does_not_listen(supervisor, tmp_path):
    before = set(psutil.Process().children())
    for name, code in (("deaf", DEAF), ("plain", PLAIN)):
        supervisor.start(Process(name=name, command=(sys.executable, "-c", code), tied_to_parent=False))
    until(lambda: all((tmp_path / f"{name}.log").read_text() for name in ("deaf", "plain")))
    parts = set(psutil.Process().children()) - before

    supervisor.stop()

    assert len(parts) == 2
    assert not any(lives(part) for part in parts)


def test_one_directory_has_one_instance(tmp_path):
    instance = Instance(tmp_path)

    with pytest.raises(RefusedError, match="another"):
        Instance(tmp_path)

    instance.close()
    Instance(tmp_path).close()


@pytest.fixture
def starter(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen[str], str]]:
    code, leashed, first_word = request.param
    command = [sys.executable, "-c", STARTER, str(tmp_path), python_path(ROOT), code, leashed]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == first_word
        parts = psutil.Process(starter.pid).children(recursive=True)
        yield starter
        starter.kill()
    for part in parts:
        with suppress(psutil.NoSuchProcess):
            part.kill()


@pytest.mark.parametrize("starter", [(LEASHED, "leashed", "begun\n")], indirect=True)
def test_a_tied_process_ends_when_its_parent_is_killed(starter):
    (part,) = psutil.Process(starter.pid).children()

    starter.kill()

    until(lambda: not lives(part))


WITH_A_CHILD = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {DEAF!r}]); time.sleep(60)"


@pytest.mark.parametrize("starter", [(WITH_A_CHILD, "free", "deaf\n")], indirect=True)
def test_the_next_start_ends_what_a_killed_one_left_and_nothing_else(starter, tmp_path):
    with subprocess.Popen([sys.executable, "-c", PLAIN], stdout=subprocess.DEVNULL) as bystander:
        left = psutil.Process(starter.pid).children(recursive=True)
        starter.kill()
        starter.wait()
        assert [lives(each) for each in left] == [True, True]

        instance = Instance(tmp_path, patience=0.5)
        ended = instance.end_leftovers()

        assert ended == 2
        assert not any(lives(each) for each in left)
        assert bystander.poll() is None
        bystander.kill()
        instance.close()


def test_a_recycled_process_number_is_not_taken_for_ours(tmp_path):
    with subprocess.Popen([sys.executable, "-c", PLAIN], stdout=subprocess.DEVNULL) as bystander:
        instance = Instance(tmp_path)
        (tmp_path / "up.json").write_text(f'{{"instance": "x", "parts": [{{"pid": {bystander.pid}, "started": 1.0}}]}}')

        ended = instance.end_leftovers()

        assert ended == 0
        assert bystander.poll() is None
        bystander.send_signal(signal.SIGKILL)
        instance.close()


def test_a_migration_under_honcho_stays_until_it_is_told_to_stop(tmp_path: Path) -> None:
    settings = {"KULANZ_DATA_DIR": str(tmp_path / "data"), "ENCRYPTION_KEYS": "0f" * 32}
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": python_path(ROOT),
        "HONCHO_PROCESS_NAME": "release.1",
        **settings,
    }
    command = [sys.executable, "-m", "kulanz", "migrate"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as migration:
        assert migration.stdout is not None
        said = migration.stdout.readline()
        time.sleep(0.5)
        lives_on = migration.poll() is None
        migration.terminate()
        code = migration.wait(timeout=10)

    assert said.startswith("database at ")
    assert (lives_on, code) == (True, 0)
