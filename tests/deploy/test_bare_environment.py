"""The image's commands where a container starts them: another uid, nothing to write to, no HOME, no /dev/shm."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.fake_servers import a_free_port
from tests.lemonsqueezy import SECRET, subscription_created, wire
from tests.source_roots import python_path

ROOT = Path(__file__).resolve().parents[2]
STRANGER = 10001
SEALED = """
mount --make-rprivate /
mount --bind {data} {data}
mount --bind {base} /mnt
mount -t tmpfs -o mode=755 tmpfs /root
mkdir -p {base}
mount --move /mnt {base}
mount -t tmpfs -o mode=0 tmpfs /dev/shm
mount -o remount,ro /root
mount -o remount,bind,ro /
cd {data}
exec setpriv --reuid {uid} --regid {uid} --clear-groups --bounding-set=-all --no-new-privs -- "$@"
"""
"""Leaves one folder that can be written; Python, which may lie in a home that is closed to others, is shown again."""


class Container:
    """Starts processes as a container with a read-only root does, all with the same volume."""

    def __init__(self, volume: Path) -> None:
        self.port = a_free_port()
        self.environ = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": python_path(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "KULANZ_DATA_DIR": str(volume),
            "KULANZ_HOST": "0.0.0.0",
            "PORT": str(self.port),
            "ENCRYPTION_KEYS": "0f" * 32,
            "LEMONSQUEEZY_WEBHOOK_SECRETS": SECRET,
            "KULANZ_PLANS": "lemonsqueezy:47001=professional",
        }
        script = SEALED.format(data=volume, base=sys.base_prefix, uid=STRANGER)
        self._sealed = ["unshare", "--mount", "sh", "-euc", script, "sh", sys.executable, "-P", "-m", "kulanz"]

    def call(self, *words: str, stdin: bytes = b"") -> str:
        done = subprocess.run(
            [*self._sealed, *words], env=self.environ, input=stdin, capture_output=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    @contextmanager
    def running(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process that goes on; it has to end by itself, without a complaint, soon after SIGTERM."""
        process = subprocess.Popen([*self._sealed, *words], env=self.environ, stderr=subprocess.PIPE)
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            _, complaints = process.communicate(timeout=30)
            assert (process.returncode, b"Traceback" in complaints) == (0, False), complaints.decode()
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def ready(self, host: str = "127.0.0.1") -> bool:
        with suppress(OSError):
            return urlopen(f"http://{host}:{self.port}/readyz", timeout=2).status == 200
        return False


@pytest.fixture
def container() -> Iterator[Container]:
    """Its volume is not in pytest's folder, which is closed to others whenever pytest starts."""
    assert os.geteuid() == 0, "only root may seal a file system"
    volume = Path(tempfile.mkdtemp(prefix="kulanz-volume-"))
    shutil.chown(volume, STRANGER, STRANGER)
    yield Container(volume)
    shutil.rmtree(volume)


def until(happened, seconds: float = 45) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_place_is_as_bare_as_it_says(container: Container) -> None:
    look = (
        "import os; print(os.getuid(), os.environ.get('HOME'), os.access('/dev/shm', os.R_OK),"
        " *(os.access(path, os.W_OK) for path in ('/', '/tmp', '/root', '.')))"
    )
    sealed = container._sealed[: container._sealed.index("-P")]
    seen = subprocess.run([*sealed, "-c", look], env=container.environ, capture_output=True, text=True, check=True)

    assert seen.stdout.split() == [str(STRANGER), "None", "False", "False", "False", "False", "True"]


def test_each_part_of_an_instance_does_its_work(container: Container) -> None:
    container.call("migrate")

    with container.running("web", "--processes", "2"), container.running("worker"), container.running("clock", "run"):
        until(container.ready)
        container.call("send", "-", stdin=wire(subscription_created(account="org_42")))
        until(lambda: "org_42" in container.call("account", "list"))


def test_up_is_reached_from_outside_of_its_container(container: Container) -> None:
    with container.running("up"):
        until(container.ready)
        reached_by_another_address = container.ready("127.0.0.2")
        container.call("send", "-", stdin=wire(subscription_created(account="org_43")))
        until(lambda: "org_43" in container.call("account", "list"))

    assert reached_by_another_address
