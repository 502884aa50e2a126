"""A part's tie to the process that started it: it waits for the word to begin, and ends when its starter is gone.

Both are the reading ends of pipes whose writing ends only the starter holds, so that the end of the starter, by
whatever signal, is the end of the file, on Linux and macOS alike.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress

import click

LAST_WORD = 10.0
"""Seconds that a part may take to end after its starter has gone."""

OPTIONS = (
    click.option("--leash", type=int, hidden=True, help="Descriptor that closes when the starter is gone."),
    click.option("--gate", type=int, hidden=True, help="Descriptor that closes when the part may begin."),
)


def wait_at(gate: int | None) -> None:
    """Wait until the starter lets us begin; what is slow to import is best imported before."""
    if gate is not None:
        os.read(gate, 1)
        os.close(gate)


def hold(leash: int | None) -> None:
    """End this process and its group when the starter is gone."""
    if leash is not None:
        threading.Thread(target=_watch, args=(leash,), name="leash", daemon=True).start()


def _watch(leash: int) -> None:
    os.read(leash, 1)
    _signal(signal.SIGTERM)
    time.sleep(LAST_WORD)
    _signal(signal.SIGKILL)


def _signal(number: signal.Signals) -> None:
    """Reach the whole group only where it is our own."""
    with suppress(ProcessLookupError):
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), number)
        else:
            os.kill(os.getpid(), number)
