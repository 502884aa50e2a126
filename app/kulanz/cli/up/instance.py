"""A lock on the data directory, so that it has one instance at a time, and the clean-up after a killed one."""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from kulanz.cli.up.supervisor import RunningProcess
from kulanz.errors import RefusedError

LOCK_FILE = "up.lock"
PROCESSES_FILE = "up.json"
INSTANCE_VARIABLE = "KULANZ_INSTANCE"
"""Environment variable inherited by every descendant of an instance: identifies it after its parent was killed."""
SAME_START = 1.0
"""Seconds by which two readings of one process's start may differ."""
TERMINATE_GRACE = 2.0
"""Seconds that a leftover may take to end before it is killed."""


class Instance:
    """Holds the data directory's lock for as long as the process lives."""

    def __init__(self, data_dir: Path, patience: float = TERMINATE_GRACE) -> None:
        self.id = uuid.uuid4().hex
        self._patience = patience
        self._parts = data_dir / PROCESSES_FILE
        self._lock = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise RefusedError(f"another `kulanz up` runs in {data_dir}") from error

    def end_leftovers(self) -> int:
        """End leftover processes of the last instance here, and no others; return their number."""
        leftovers = list(_leftovers(self._parts))
        for process in leftovers:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        _, stubborn = psutil.wait_procs(leftovers, timeout=self._patience)
        for process in stubborn:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(stubborn, timeout=self._patience)
        self.note(())
        return len(leftovers)

    def note(self, running: Sequence[RunningProcess]) -> None:
        """Write down which processes are this instance's."""
        parts = [entry for each in running if each.process and (entry := _entry(each.process.pid))]
        passing = self._parts.with_suffix(".new")
        with os.fdopen(os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"instance": self.id, "parts": parts}, file)
        passing.replace(self._parts)

    def close(self) -> None:
        """Let the next one have the directory."""
        self._parts.unlink(missing_ok=True)
        os.close(self._lock)


def _entry(pid: int) -> dict[str, float] | None:
    with suppress(psutil.NoSuchProcess):
        return {"pid": pid, "started": psutil.Process(pid).create_time()}
    return None


def _leftovers(record: Path) -> Iterator[psutil.Process]:
    """Yield processes that are provably ours: noted with their start, or carrying the instance's mark."""
    try:
        noted = json.loads(record.read_text(encoding="utf-8"))
        instance, started = (
            str(noted["instance"]),
            {int(part["pid"]): float(part["started"]) for part in noted["parts"]},
        )
    except (OSError, ValueError, KeyError, TypeError):
        return
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid == os.getpid() or process.uids().real != os.getuid():
                continue
            same_start = abs(process.create_time() - started.get(process.pid, 0.0)) < SAME_START
            if same_start or (process.as_dict(["environ"])["environ"] or {}).get(INSTANCE_VARIABLE) == instance:
                yield process
