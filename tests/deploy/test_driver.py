"""A PostgreSQL URL where its driver is not installed: every process says so in one line and does not start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lemonsqueezy import SECRET
from tests.source_roots import python_path

ROOT = Path(__file__).resolve().parents[2]
REMEDY = "kulanz: DATABASE_URL: PostgreSQL needs its driver: pip install 'kulanz[postgres]'\n"
COMMANDS = (
    *("kulanz web", "kulanz worker", "kulanz clock run", "kulanz up", "kulanz migrate", "kulanz account list"),
    *("kulanz_workers events", "kulanz_workers effects", "kulanz_workers clock", "kulanz_workers burst"),
)
WITHOUT = "import sys\nsys.modules['psycopg'] = None\n"
EACH_IN_A_FORK = """
import json, os, runpy, sys, tempfile

import kulanz.cli.processes, kulanz.services
for command in json.loads(sys.argv[1]):
    with tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if child == 0:
            os.dup2(said.fileno(), 2)
            module, *sys.argv[1:] = command.split()
            runpy.run_module(module, run_name="__main__", alter_sys=True)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        print(json.dumps([command, code, said.read()]), flush=True)
"""
"""Runs each command as a process would, but imports what all of them import only once."""


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """Exit code and complaint of each command where there is no driver."""
    folder = tmp_path_factory.mktemp("without")
    (folder / "sitecustomize.py").write_text(WITHOUT)  # Every process that is started imports it first.
    settings = {
        "PYTHONPATH": f"{folder}:{python_path(ROOT)}",
        "KULANZ_DATA_DIR": str(folder / "data"),
        "DATABASE_URL": "postgresql://127.0.0.1:1/kulanz",
        "ENCRYPTION_KEYS": "0f" * 32,
        "LEMONSQUEEZY_WEBHOOK_SECRETS": SECRET,
    }
    done = subprocess.run(
        [sys.executable, "-c", EACH_IN_A_FORK, json.dumps(COMMANDS)],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return {command: (code, said) for command, code, said in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_process_starts_without_the_driver_of_its_database(ended: dict[str, tuple[int, str]], command: str) -> None:
    assert ended[command] == (1, REMEDY)
