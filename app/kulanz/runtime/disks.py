"""File system of a path: whether files there survive a restart, as far as the host says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psutil

_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_IN_CONTAINER = frozenset({"overlay", "overlayfs", "aufs"})
_DYNO = "DYNO"
"""The variable by which Heroku names a process; its disk ends with it and takes no volumes."""


def why_short_lived(path: Path, environ: Mapping[str, str]) -> str | None:
    """Return the reason why files below a path are lost with the process or its container; None without one."""
    if environ.get(_DYNO):
        return "the disk of a dyno is gone with it"
    kind = _file_system(existing(path))
    if kind in _IN_MEMORY:
        return f"{kind} is memory, gone with a restart"
    if kind in _IN_CONTAINER:
        return f"{kind} is a container's own layer, gone with the container: mount a volume"
    return None


def existing(path: Path) -> Path:
    """Return the path, or the nearest folder above it that is there."""
    resolved = path.resolve()
    return next(each for each in (resolved, *resolved.parents) if each.exists())


def _file_system(path: Path) -> str:
    """Return the kind of the file system that is mounted nearest above a path; of two at one place the later."""
    mounts = {Path(each.mountpoint): each.fstype for each in psutil.disk_partitions(all=True)}
    return next((mounts[each] for each in (path, *path.parents) if each in mounts), "")
