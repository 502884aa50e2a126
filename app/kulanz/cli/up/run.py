"""`kulanz up`: makes missing settings, starts a private Redis, and supervises the processes until a signal."""

from __future__ import annotations

import ctypes
import http.client
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from kulanz.cli.listening import authority, listening_address
from kulanz.cli.options import kulanz_in, name_misspelt_settings, refuse_unfit_words
from kulanz.cli.up import private_redis, secrets
from kulanz.cli.up.instance import INSTANCE_VARIABLE, Instance
from kulanz.cli.up.supervisor import Process, Supervisor, python
from kulanz.config import Settings, environment, load
from kulanz.config.sources import RUN_FILE, Layers
from kulanz.errors import RefusedError

DEMO_FILE = "demonstration"
"""Its presence says that the data directory is a demonstration's."""
DEMO_DIRECTORY = "demo-data"
"""Default data directory of a demonstration, inside the usual data directory."""
LOOPBACK = "127.0.0.1"
READY_WITHIN = 60.0
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """Options of `kulanz up`."""

    port: int | None
    host: str | None
    data_dir: Path | None
    demo: bool


def run(wish: UpOptions) -> None:
    """Run an instance until SIGINT or SIGTERM."""
    stopping = threading.Event()
    _stop_on_signals(stopping)
    environ = _environ(wish)
    name_misspelt_settings()
    data_dir = private_redis.private_directory(Layers.read(environ).data_dir)
    instance = Instance(data_dir)
    try:
        _run(wish, environ, data_dir, instance, stopping)
    finally:
        instance.close()


def _run(
    wish: UpOptions, environ: dict[str, str], data_dir: Path, instance: Instance, stopping: threading.Event
) -> None:
    _keep_the_demonstration_apart(data_dir, demo=wish.demo)
    instance.end_leftovers()
    (data_dir / RUN_FILE).unlink(missing_ok=True)
    path, made = secrets.ensure(data_dir, Layers.read(environ).values)
    settings = load(environ)
    refuse_unfit_words(settings)
    host = listening_address((settings.host or LOOPBACK) if wish.host is None else wish.host, settings.port)
    own_redis = wish.demo or settings.redis_url is None
    chosen = _chosen(wish, settings, data_dir) if own_redis else _chosen(wish, settings, None)
    secrets.write_private(data_dir / RUN_FILE, chosen)
    supervisor = Supervisor(
        variables={**environ, **chosen, INSTANCE_VARIABLE: instance.id},
        say=_say,
        logs=private_redis.private_directory(data_dir / "log") if wish.demo else None,
        noted=instance.note,
    )
    try:
        with supervisor:
            _start_redis(supervisor, data_dir if own_redis else None)
            _start_web(supervisor, host)
            _migrate(supervisor.variables)
            _wait_until_ready(supervisor, host, settings.port, stopping)
            if not stopping.is_set():
                _start_workers(supervisor)
                _announce(host, settings, path, made)
                _tell_story(wish, supervisor, stopping)
            supervisor.watch(stopping)
    finally:
        (data_dir / RUN_FILE).unlink(missing_ok=True)


def _keep_the_demonstration_apart(data_dir: Path, *, demo: bool) -> None:
    """Let the test clock pass over no real account's deadlines, and an invented account be taken for no real one."""
    mark = data_dir / DEMO_FILE
    if demo and not mark.exists():
        if (data_dir / "kulanz.db").exists():
            raise RefusedError(f"{data_dir} holds accounts of your own: give the demonstration another --data-dir")
        mark.touch(mode=0o600)
    elif mark.exists() and not demo:
        raise RefusedError(f"{data_dir} holds the accounts of a demonstration: give another --data-dir, or delete it")


def _environ(wish: UpOptions) -> dict[str, str]:
    environ = environment()
    if wish.data_dir is not None:
        environ["KULANZ_DATA_DIR"] = str(wish.data_dir.expanduser().absolute())
    if wish.port is not None:
        environ["PORT"] = str(wish.port)
    if wish.demo:
        data_dir = Layers.read(environ).data_dir
        environ |= _apart(data_dir if wish.data_dir is not None else _demo_directory(data_dir))
    return environ


def _demo_directory(data_dir: Path) -> Path:
    return data_dir if (data_dir / DEMO_FILE).exists() else private_redis.private_directory(data_dir) / DEMO_DIRECTORY


def _apart(data_dir: Path) -> dict[str, str]:
    """Return the settings of a demonstration: its accounts are in its own directory, DATABASE_URL is ignored."""
    return {
        "KULANZ_DEMO": "1",
        "KULANZ_POLICY": "plexo",
        "KULANZ_DATA_DIR": str(data_dir),
        "DATABASE_URL": f"sqlite:///{data_dir / 'kulanz.db'}",
    }


def _chosen(wish: UpOptions, settings: Settings, own_redis: Path | None) -> dict[str, str]:
    """Return the data of the running instance that other commands with this data directory need."""
    return {
        "PORT": str(settings.port),
        **({"REDIS_URL": private_redis.url(own_redis)} if own_redis else {}),
        **({"KULANZ_DEMO": "1"} if wish.demo else {}),
    }


def _stop_on_signals(stopping: threading.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())


def _start_redis(supervisor: Supervisor, data_dir: Path | None) -> None:
    if data_dir is not None:
        private_redis.socket_path(data_dir).unlink(missing_ok=True)
        command = tuple(private_redis.command(data_dir))
        supervisor.start(
            Process(name="redis", command=command, tied_to_parent=False, prepare=_private_and_tied, last=True)
        )


def _start_web(supervisor: Supervisor, host: str) -> None:
    """Start the slowest process first: it is ready once the database is."""
    supervisor.start(Process(name="web", command=python("kulanz", "web", "--host", host)))


def _start_workers(supervisor: Supervisor) -> None:
    for role in ("events", "effects", "clock"):
        supervisor.start(Process(name=role, command=python("kulanz_workers", role)))


def _private_and_tied() -> None:
    """Let Redis, which knows of no leash, keep its files private and end with its starter.

    Only Linux can do the latter; elsewhere the next start ends it.
    """
    os.umask(0o077)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _migrate(environ: Mapping[str, str]) -> None:
    done = subprocess.run(  # noqa: S603 - our own command
        python("kulanz", "migrate"), env=environ, capture_output=True, text=True, check=False, start_new_session=True
    )
    if done.returncode != 0:
        raise RefusedError(f"the database cannot be prepared: {done.stderr.strip().removeprefix('kulanz: ')}")


def _wait_until_ready(supervisor: Supervisor, host: str, port: int, stopping: threading.Event) -> None:
    deadline = time.monotonic() + READY_WITHIN
    supervisor.watch(stopping, lambda: time.monotonic() > deadline or _ready(host, port))
    if time.monotonic() > deadline:
        raise RefusedError(f"the web process was not ready within {READY_WITHIN:.0f} s; `kulanz doctor` may say why")


def _ready(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(_reachable(host), port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def _announce(host: str, settings: Settings, path: Path, made: tuple[str, ...]) -> None:
    base = f"http://{authority(_reachable(host), settings.port)}"
    _say(f"Kulanz runs. Data in {settings.data_dir}")
    _say(f"  webhook  {base}/webhooks/lemonsqueezy")
    _say(f"  console  {base}/ops ({_login(settings, path)})")
    _say(f"  accounts {base}/v1/accounts")
    kept = str(path) if path.exists() else "as you have set them"
    _say(f"  secrets  {kept}" + (f" (new: {', '.join(made)})" if made else ""))
    _say("  stop     Ctrl-C")


def _login(settings: Settings, path: Path) -> str:
    """Return the user who may log in, and the way to see the password, which is never printed."""
    user = settings.ops_users[0]
    stored = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    made = stored.get("OPS_PASSWORD") == user.password
    return (
        f"user {user.name}, password: {f'grep OPS_PASSWORD {shlex.quote(str(path))}' if made else 'as you have set it'}"
    )


def _tell_story(wish: UpOptions, supervisor: Supervisor, stopping: threading.Event) -> None:
    if not wish.demo:
        return
    with subprocess.Popen(  # noqa: S603 - our own command
        python("kulanz", "demo"), env=supervisor.variables, stdin=subprocess.DEVNULL, start_new_session=True
    ) as story:
        supervisor.watch(stopping, lambda: story.poll() is not None)
        if story.poll() is None:
            story.terminate()
    if story.returncode and not stopping.is_set():
        raise RefusedError("the demonstration did not come to its end")
    if not stopping.is_set():
        _say("The instance keeps running, on its test clock, until Ctrl-C. Look around from another terminal:")
        _say(f"  {kulanz_in(Path(supervisor.variables['KULANZ_DATA_DIR']))} account list")


def _say(line: str) -> None:
    click.echo(line)
