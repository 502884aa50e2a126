"""The processes of a running `kulanz up`, each by its role, and how one of them dies at once."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

REDIS = {"valkey-server", "redis-server"}
COMMANDS = {
    "web": ("kulanz", "web"),
    "events": ("kulanz_workers", "events"),
    "effects": ("kulanz_workers", "effects"),
    "clock": ("kulanz_workers", "clock"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """A part that was killed, and when in monotonic and in real seconds."""

    role: str
    at: float
    real: float


def found(starter: int, role: str) -> psutil.Process | None:
    """Return the part of an instance that has this role now; `starter` is the process id of its `kulanz up`."""
    if role == "web worker":
        return _granian_worker(found(starter, "web"))
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(starter).children():
            if _is(child, role):
                return child
    return None


def kill(starter: int, role: str) -> Kill | None:
    """Kill a part as nothing can prevent; None where it is not running at the moment."""
    process = found(starter, role)
    if process is None:
        return None
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
        return Kill(role=role, at=time.monotonic(), real=time.time())
    return None


def left_behind(data_dir: Path) -> list[psutil.Process]:
    """Return the processes that still run for an instance that has ended."""
    return [process for process in psutil.process_iter() if _belongs_to(process, data_dir)]


def _belongs_to(process: psutil.Process, data_dir: Path) -> bool:
    with suppress(psutil.Error):
        alive = process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE
        return alive and process.environ().get("KULANZ_DATA_DIR") == str(data_dir)
    return False


def _is(process: psutil.Process, role: str) -> bool:
    if role == "redis":
        return process.name() in REDIS and process.status() != psutil.STATUS_ZOMBIE
    return set(COMMANDS[role]) <= set(_words(process))


def _granian_worker(web: psutil.Process | None) -> psutil.Process | None:
    with suppress(psutil.NoSuchProcess):
        children = web.children() if web else []
        return next((child for child in children if "resource_tracker" not in " ".join(_words(child))), None)
    return None


def _words(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        if process.status() != psutil.STATUS_ZOMBIE:
            return process.cmdline()
    return []
