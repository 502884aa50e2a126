"""The note that a process writes down before a request that moves money, and the proof that this process is gone.

A process is known by host, boot, PID namespace, process id and start time. Where one of them cannot be read, as on
systems without `/proc`, nothing is ever proved: then a person decides.
"""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import msgspec

from kulanz.runtime.clock import boot_seconds

_PROC = Path("/proc")
_BOOT_ID = _PROC / "sys/kernel/random/boot_id"
_START_TIME = 19
"""The place of `starttime` in `/proc/PID/stat`, counted after the name of the program."""


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A process, identified by its host, boot and process id."""

    host: str
    boot: str
    namespace: str
    """The PID namespace: two containers of one host count their processes apart."""
    pid: int
    started: str
    """In ticks since the boot: no clock that is set changes them."""

    @property
    def is_gone(self) -> bool:
        """Whether this process has surely ended: seen from the same host, boot and namespace, it is not there."""
        here = this_process()
        known = all((self.boot, self.namespace, self.started))
        if not known or (self.host, self.boot, self.namespace) != (here.host, here.boot, here.namespace):
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        started = _started(self.pid)
        return bool(started) and started != self.started


class RequestNote(msgspec.Struct, frozen=True, kw_only=True):
    """A request that may have gone out: by which process, and when."""

    process: Process
    at: datetime
    seconds: float
    """The same moment in seconds since the boot."""

    @classmethod
    def of_this_process(cls, now_real: datetime) -> RequestNote:
        """Return the note of a request that is about to be sent."""
        return cls(process=this_process(), at=now_real, seconds=boot_seconds())

    @classmethod
    def read(cls, text: str) -> RequestNote:
        """Read a stored note."""
        return msgspec.json.decode(text, type=cls)

    def text(self) -> str:
        """Return the note as it is stored."""
        return msgspec.json.encode(self).decode()

    def age(self, now_real: datetime) -> timedelta:
        """Return how long ago it was written: within one boot by the clock that cannot be set."""
        here = this_process()
        if self.process.boot and (self.process.host, self.process.boot) == (here.host, here.boot):
            return timedelta(seconds=boot_seconds() - self.seconds)
        return now_real - self.at


def this_process() -> Process:
    """Return the process that asks."""
    return _process(os.getpid())


@cache
def _process(pid: int) -> Process:
    try:
        boot, namespace = _BOOT_ID.read_text().strip(), str((_PROC / "self/ns/pid").readlink())
    except OSError:
        boot = namespace = ""
    return Process(host=socket.gethostname(), boot=boot, namespace=namespace, pid=pid, started=_started(pid))


def _started(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()[_START_TIME]
    except (OSError, IndexError):
        return ""
