"""A command line of the test's own: `run` calls `kulanz` in this process with a data directory and settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEY = "0f" * 32


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What `--json` printed."""
        return json.loads(self.out)


@dataclass
class Kulanz:
    """Runs commands as processes of their own, as a person does."""

    data_dir: Path
    settings: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, stdin: bytes = b"", **settings: str) -> Result:
        done = subprocess.run(
            self.command(*arguments), input=stdin, capture_output=True, env=self.environ(settings), check=False
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str, stdout: int | None = None) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.command(*arguments), env=self.environ(), stdout=stdout)

    def command(self, *arguments: str) -> Sequence[str]:
        return [sys.executable, "-m", "app.cli", *arguments]

    def environ(self, settings: Mapping[str, str] = {}) -> dict[str, str]:
        path = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "TMPDIR", "LANG"}}
        own = {"KULANZ_DATA_DIR": str(self.data_dir), "PYTHONPATH": str(ROOT)}
        return {**path, **own, **self.settings, **settings}


@pytest.fixture
def kulanz(tmp_path: Path) -> Kulanz:
    """The command with an encryption key and the test clock, on a database that is not there yet."""
    settings = {
        "ENCRYPTION_KEYS": KEY,
        "KULANZ_TEST_CLOCK": "1",
        "LEMONSQUEEZY_MODE": "any",
        "LEMONSQUEEZY_WEBHOOK_SECRETS": "a-secret-of-the-shop",
    }
    return Kulanz(tmp_path / "data", settings)
