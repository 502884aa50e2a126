"""Ends this process when its parent dies, detected by end-of-file on an inherited pipe.

The parent alone holds the writing end, so that its death by any signal closes the pipe, on Linux and macOS alike.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress

TERMINATE_GRACE = 10.0
"""Seconds that a part may take to end after its starter has gone."""


def exit_with_parent(pipe: int | None) -> None:
    """End this process and its group when the starter is gone."""
    if pipe is not None:
        threading.Thread(target=_watch, args=(pipe,), name="parent-watch", daemon=True).start()


def _watch(pipe: int) -> None:
    os.read(pipe, 1)
    _signal(signal.SIGTERM)
    time.sleep(TERMINATE_GRACE)
    _signal(signal.SIGKILL)


def _signal(number: signal.Signals) -> None:
    """Signal the whole process group only if it is our own."""
    with suppress(ProcessLookupError):
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), number)
        else:
            os.kill(os.getpid(), number)
