"""A copy of the project that is broken on purpose, and whether its tests notice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.source_roots import python_path

ROOT = Path(__file__).parents[2]
KEPT = ("app", "workers", "tests", "bench", "docs")
NOTICED, NOT_NOTICED = 1, 0
"""How pytest ends: a test failed, or all passed."""
RUN_TIMEOUT = 600.0


@contextmanager
def a_copy() -> Iterator[Path]:
    """Give a copy of the project, which may be changed."""
    with tempfile.TemporaryDirectory(prefix="kulanz-broken-") as name:
        folder = Path(name)
        for part in KEPT:
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        for path in ("pyproject.toml", "README.md", "Procfile"):
            shutil.copyfile(ROOT / path, folder / path)
        yield folder


def is_noticed(folder: Path, tests: Sequence[str], seconds: float = RUN_TIMEOUT) -> bool:
    """Whether one of the tests fails there; a test that never ends counts."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", *tests]
    environ = {**os.environ, "PYTHONPATH": python_path(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    ) as process:
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.communicate()
            return True
    if process.returncode not in {NOTICED, NOT_NOTICED}:
        raise RuntimeError(said.decode()[-2000:])
    return process.returncode == NOTICED
