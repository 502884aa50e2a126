"""A command line of the test's own, called in this process: a data directory, settings, and what is printed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from kulanz.cli import run
from kulanz.config import load
from kulanz.services import Services
from tests.days import product

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
    """Runs commands with the settings of the test and nothing else."""

    data_dir: Path
    settings: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, stdin: bytes = b"", **settings: str) -> Result:
        out, err = StringIO(), StringIO()
        with _environ(self.environ(settings)), _stdin(stdin), redirect_stdout(out), redirect_stderr(err):
            code = run(arguments)
        return Result(code, out.getvalue(), err.getvalue())

    def services(self, database_url: str, *, at: datetime) -> AbstractContextManager[Services]:
        """The services of the commands, on a database where the policy is in force since `at`, which is now."""
        self.data_dir.mkdir(mode=0o700, exist_ok=True)
        self.settings["DATABASE_URL"] = database_url
        return product(load(self.environ()), at=at)

    def environ(self, settings: Mapping[str, str] = {}) -> dict[str, str]:
        path = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "TMPDIR", "LANG"}}
        return {**path, "KULANZ_DATA_DIR": str(self.data_dir), **self.settings, **settings}


@contextmanager
def _environ(environ: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _stdin(content: bytes) -> Iterator[None]:
    before, sys.stdin = sys.stdin, TextIOWrapper(BytesIO(content))
    try:
        yield
    finally:
        sys.stdin = before


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
