"""A place for files that no disk slows down."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ENOUGH = 4 << 30
"""Bytes. A container's may be small."""


def in_memory() -> str | None:
    """Return a directory in memory where there is room for a whole test session, and programs may run; else None.

    What is done there is not about durability: no commit waits for a disk, of which there are some ten thousand.
    """
    if not _MEMORY.is_dir() or shutil.disk_usage(_MEMORY).free < _ENOUGH:
        return None
    return None if os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC else str(_MEMORY)
