"""A PostgreSQL URL where its driver is not installed: every process says so in one line and does not start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lemonsqueezy import SECRET
from tests.source_roots import python_path

ROOT = Path(__file__).resolve().parents[2]
WITHOUT = "import sys\nsys.modules['psycopg'] = None\n"
REMEDY = "kulanz: DATABASE_URL: PostgreSQL needs its driver: pip install 'kulanz[postgres]'\n"


@pytest.mark.parametrize(
    "command",
    [
        *(
            "kulanz web",
            "kulanz worker",
            "kulanz clock run",
            "kulanz up",
            "kulanz migrate",
            "kulanz account list",
        ),
        *("kulanz_workers events", "kulanz_workers effects", "kulanz_workers clock", "kulanz_workers burst"),
    ],
)
def test_no_process_starts_without_the_driver_of_its_database(tmp_path: Path, command: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)  # Every process that is started imports it first.
    settings = {
        "PYTHONPATH": f"{tmp_path}:{python_path(ROOT)}",
        "KULANZ_DATA_DIR": str(tmp_path / "data"),
        "DATABASE_URL": "postgresql://127.0.0.1:1/kulanz",
        "ENCRYPTION_KEYS": "0f" * 32,
        "LEMONSQUEEZY_WEBHOOK_SECRETS": SECRET,
    }

    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        env={**os.environ, **settings},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (1, REMEDY)
