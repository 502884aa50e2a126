"""One copy of the project in which one file after the other is made wrong, and the tests that have to notice.

A child is forked for each: it finds the libraries imported and everything else compiled, which is most of what a run of
a few tests costs.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.faults.broken import NOT_NOTICED, ROOT, a_copy
from tests.source_roots import python_path

__all__ = ["ROOT", "MutationRunner", "a_mutation_runner"]

MIN_TIMEOUT, SLOWER = 30.0, 4
"""Seconds for a run of the tests, and how many times what they take with nothing wrong: a mistake may never end."""
QUICK = ("-k", "not postgresql")
"""What is tried first: a mistake that one database does not show, the other may."""
WITHOUT = ("tests/adapters", "tests/policy", "tests/unit")
"""Where tests know no database."""
LIBRARIES = (
    "alembic",
    "cryptography.hazmat.primitives.ciphers.aead",
    "msgspec",
    "psycopg",
    "pytest",
    "redis",
    "requests",
    "rq",
    "sqlalchemy.dialects.sqlite",
    "structlog",
)
BROKEN = 70
"""How a child ends in which pytest itself fails."""
OURS = ("bench", "kulanz", "kulanz_simulator", "kulanz_workers", "tests")


@dataclass(slots=True)
class MutationRunner:
    """A copy, its tests, and how long they may take."""

    folder: Path
    tests: Sequence[str]
    timeout: float = 600.0
    _stamps: Iterator[int] = field(default_factory=lambda: count(1_000_000_000))

    def notices(self, path: str, text: str) -> bool:
        """Whether a test fails, or does not end, with this text in a file; the file is as before then."""
        right = (self.folder / path).read_text()
        self._put(path, text)
        try:
            return (self._use_databases and self.fails(QUICK)) or self.fails(())
        finally:
            self._put(path, right)

    def fails(self, options: Sequence[str]) -> bool:
        """Run the tests in a child; what cannot even be imported fails, too."""
        child = os.fork()
        if child == 0:
            code = BROKEN
            try:
                code = _run(self.folder, [*self.tests, *options])
            finally:
                os._exit(code)
        deadline = time.monotonic() + self.timeout
        while time.monotonic() < deadline:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status) != NOT_NOTICED
            time.sleep(0.02)
        _end(child)
        return True

    @property
    def _use_databases(self) -> bool:
        return not all(test.startswith(WITHOUT) for test in self.tests)

    def _put(self, path: str, text: str) -> None:
        """Write a file with a time of its own, by which Python knows what it has compiled."""
        (self.folder / path).write_text(text)
        stamp = next(self._stamps)
        os.utime(self.folder / path, (stamp, stamp))


@contextmanager
def a_mutation_runner(tests: Sequence[str]) -> Iterator[MutationRunner]:
    """Give a copy whose tests pass as long as nothing is wrong."""
    for name in LIBRARIES:
        importlib.import_module(name)
    with a_copy() as folder:
        runner = MutationRunner(folder, tests)
        if runner.fails(()):
            raise RuntimeError(f"fails with nothing wrong: {' '.join(tests)}")
        began = time.monotonic()
        runner.fails(())
        runner.timeout = max(MIN_TIMEOUT, SLOWER * (time.monotonic() - began))
        yield runner


def _run(folder: Path, arguments: Sequence[str]) -> int:
    """Be a process that was started in the copy, and return pytest's exit code."""
    import pytest  # noqa: PLC0415 - the parent has imported it

    os.setsid()
    silence = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(silence, descriptor)
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
    sys.path[:] = [*python_path(folder).split(os.pathsep), *(path for path in sys.path if path not in {"", str(ROOT)})]
    os.chdir(folder)
    os.environ["PYTHONPATH"] = python_path(folder)
    return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--no-header", *arguments]))


def _end(child: int) -> None:
    """End a child and what it has started: first so that servers can be stopped, then at once."""
    for word, seconds in ((signal.SIGINT, 10.0), (signal.SIGKILL, 5.0)):
        with suppress(ProcessLookupError):
            os.killpg(child, word)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(ChildProcessError):
                if os.waitpid(child, os.WNOHANG)[0]:
                    return
            time.sleep(0.05)
