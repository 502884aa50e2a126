"""Keeps the processes of an instance running: starts them, restarts dead ones, and ends them together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

MIN_RESTART_DELAY = 0.2
MAX_RESTART_DELAY = 4.0
STEADY_AFTER = 5.0
"""Seconds after which a part counts as having run well, and its next failure as its first."""
TERMINATE_GRACE = 10.0
"""Seconds that a process may take to end after SIGTERM."""
POLL_INTERVAL = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process of the instance."""

    name: str
    command: tuple[str, ...]
    tied_to_parent: bool = True
    """Whether it understands `--leash`: our own commands do."""
    prepare: Callable[[], None] | None = None
    """Called in the new process before it becomes the command."""
    last: bool = False
    """Whether it ends only after the others have."""


def python(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the command line of a module of ours; `-P` keeps files in the current directory from shadowing it."""
    return (sys.executable, "-P", "-m", module, *arguments)


@dataclass(slots=True, kw_only=True)
class RunningProcess:
    """A part's process, and how often it has failed in a row."""

    definition: Process
    process: subprocess.Popen[bytes] | None = None
    begun: float = 0.0
    failures: int = 0
    due: float = 0.0


@dataclass(slots=True, kw_only=True)
class Supervisor:
    """Runs parts as children, each in a process group of its own; every call comes from one thread."""

    variables: Mapping[str, str]
    say: Callable[[str], None]
    logs: Path | None = None
    """A directory for the parts' output, one file each; None leaves it on the terminal."""
    noted: Callable[[Sequence[RunningProcess]], None] = lambda _: None
    """Called after every change of the set of processes."""
    terminate_grace: float = TERMINATE_GRACE
    _running: list[RunningProcess] = field(default_factory=list)
    _parent_pipe: tuple[int, int] = field(default_factory=os.pipe)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for end in self._parent_pipe:
            os.close(end)

    def start(self, part: Process) -> None:
        """Start a part for the first time."""
        running = RunningProcess(definition=part)
        self._running.append(running)
        self._begin(running)

    def watch(self, stopping: threading.Event, done: Callable[[], bool] = lambda: False) -> None:
        """Restart processes that die, until `stopping` is set or `done`."""
        while not stopping.is_set() and not done():
            for running in self._running:
                self._look_after(running)
            stopping.wait(POLL_INTERVAL)

    def stop(self) -> None:
        """End every process, those marked `last` after the others; SIGKILL for those that ignore SIGTERM."""
        for last in (False, True):
            group = [each for each in self._running if each.definition.last is last and each.process is not None]
            for running in group:
                _signal(running, signal.SIGTERM)
            deadline = time.monotonic() + self.terminate_grace
            for running in group:
                _end(running, deadline)
        self._running.clear()
        self.noted(self._running)

    def _begin(self, running: RunningProcess) -> None:
        part, pipe = running.definition, self._parent_pipe[0]
        with self._output(part) as output:
            running.process = subprocess.Popen(  # noqa: S603 - our own commands
                [*part.command, *((f"--leash={pipe}",) if part.tied_to_parent else ())],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.variables,
                pass_fds=(pipe,) if part.tied_to_parent else (),
                start_new_session=True,
                preexec_fn=part.prepare,  # noqa: PLW1509 - started before there are threads
            )
        running.begun = time.monotonic()
        self.noted(self._running)

    @contextmanager
    def _output(self, part: Process) -> Iterator[IO[bytes] | None]:
        if self.logs is None:
            yield None
            return
        descriptor = os.open(self.logs / f"{part.name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            yield file

    def _look_after(self, running: RunningProcess) -> None:
        now = time.monotonic()
        if running.process is None:
            if now >= running.due:
                self._begin(running)
            return
        code = running.process.poll()
        if code is None:
            return
        _signal(running, signal.SIGKILL)
        running.process = None
        running.failures = 1 if now - running.begun > STEADY_AFTER else running.failures + 1
        pause = min(MIN_RESTART_DELAY * 2 ** (running.failures - 1), MAX_RESTART_DELAY)
        running.due = now + pause
        self.noted(self._running)
        self.say(f"{running.definition.name} ended ({_cause(code)}); it is started again in {pause:.1f} s")


def _signal(running: RunningProcess, number: signal.Signals) -> None:
    """Signal the part; SIGKILL reaches its whole group, which is ours, even after the part itself has gone."""
    if running.process is None:
        return
    with suppress(ProcessLookupError, PermissionError):
        if number is signal.SIGKILL:
            os.killpg(running.process.pid, number)
        else:
            running.process.send_signal(number)


def _end(running: RunningProcess, deadline: float) -> None:
    if running.process is None:
        return
    with suppress(subprocess.TimeoutExpired):
        running.process.wait(max(0.0, deadline - time.monotonic()))
    _signal(running, signal.SIGKILL)
    running.process.wait()


def _cause(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit {code}"
