"""`python -m tests.faults.full_disk FOLDER [limited]`: deliveries and work on a disk that runs full for a while.

It is a process of its own, since what makes a disk small belongs to a process: a small file system at FOLDER, mounted
in a name space of its own (Linux, without privileges where the kernel allows it), or `limited`, the system's limit on
how large a file may grow. It prints what became of every delivery as JSON.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from time import monotonic, sleep

from sqlalchemy import select, text

from kulanz import pipeline
from kulanz.config import Settings
from kulanz.errors import StorageUnavailableError
from kulanz.ingest.receiver import Receiver
from kulanz.privacy import audit
from kulanz.queries.replay.replay import replay
from kulanz.services import Services, build
from kulanz.store import migrate
from kulanz.store.database import Database
from kulanz.store.spool import Spool
from kulanz.store.tables import inbox
from tests.lemonsqueezy import MONDAY, SECRET, delivery, subscription_created

BEFORE, MEANWHILE = 20, 40
"""Deliveries."""
LARGEST_FILE = 64 * 1024
STEP_TIMEOUT = 60.0
_INSIDE = 'mount -t tmpfs -o size="$1" tmpfs "$2" && exec "$3" -m tests.faults.full_disk "$2"'
Delivery = tuple[bytes, dict[str, str]]


def outcome(folder: Path, size: int | None) -> dict[str, object]:
    """Run it in a process of its own, and return what it found; RuntimeError where a file system cannot be mounted."""
    plain = [sys.executable, "-m", "tests.faults.full_disk", str(folder), "limited"]
    mounted = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", _INSIDE, "sh"]
    command = plain if size is None else [*mounted, str(size), str(folder), sys.executable]
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=2 * STEP_TIMEOUT)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise RuntimeError(getattr(error, "stderr", b"no unshare")) from error
    matches: dict[str, object] = json.loads(done.stdout)
    return matches


def can_mount() -> bool:
    """Whether this system lets us have a file system of our own."""
    command = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    with suppress(FileNotFoundError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return False


def main(folder: str, how: str = "mounted") -> None:
    """Take deliveries in while there is room, while there is none, and when there is again."""
    services = _services(Path(folder))
    receiver = Receiver(services)
    stated = [_a_delivery(number) for number in range(1, BEFORE + MEANWHILE + 1)]
    answers = dict.fromkeys(range(len(stated)), 0)
    _deliver(receiver, stated, range(BEFORE), answers)
    _work(services)
    with _limited() if how == "limited" else _filled(Path(folder)):
        _deliver(receiver, stated, range(BEFORE, len(stated)), answers)
        meanwhile = [answers[number] for number in range(BEFORE, len(stated))]
        _work(services)
    promised = [number for number, status in answers.items() if status == 200]
    _await(lambda: _deliver(receiver, stated, [n for n, status in answers.items() if status != 200], answers))
    _await(lambda: not Spool(services.settings.data_dir / "spool", 1).size())
    _await(lambda: _work(services))
    receiver.close()
    matches = _found(services, stated, promised) | {"meanwhile": meanwhile, "then": sorted({*answers.values()})}
    sys.stdout.write(json.dumps(matches))
    services.close()


def _services(folder: Path) -> Services:
    url = f"sqlite:///{folder / 'kulanz.db'}"
    database = Database(url)
    migrate.upgrade(database)
    database.dispose()
    services = build(
        Settings(
            data_dir=folder,
            database_url=url,
            spool=1,
            lemonsqueezy_webhook_secrets=(SECRET,),
            encryption_keys=(b"k" * 32,),
        )
    )
    with services.database.write() as tx:
        services.adopt_policy(tx)
    return services


def _a_delivery(number: int) -> Delivery:
    return delivery(subscription_created(account=f"org_{number}", subscription=number, customer=number, at=MONDAY))


def _deliver(receiver: Receiver, stated: Sequence[Delivery], numbers: Sequence[int], answers: dict[int, int]) -> bool:
    """Deliver, note the answers, and return whether all were taken."""
    for number in numbers:
        body, headers = stated[number]
        answers[number] = receiver.accept("lemonsqueezy", headers, body).status
    return all(answers[number] == 200 for number in numbers)


def _work(services: Services) -> bool:
    """Do what is due; return whether nothing is left, as far as the disk lets us."""
    try:
        while pipeline.process(services).moved | pipeline.deliver(services).moved:
            pass
    except StorageUnavailableError:
        return False
    return True


@contextmanager
def _filled(folder: Path) -> Iterator[None]:
    """Take up what room there is."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            with suppress(OSError):
                while file.write(b"\0" * size) == size:
                    pass
    yield
    filler.unlink()


@contextmanager
def _limited() -> Iterator[None]:
    """Let no file grow beyond a size that the database has long passed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _await(done: Callable[[], bool]) -> None:
    deadline = monotonic() + STEP_TIMEOUT
    while not done():
        if monotonic() > deadline:
            raise TimeoutError
        sleep(0.1)


def _found(services: Services, stated: Sequence[Delivery], promised: Sequence[int]) -> dict[str, object]:
    with services.database.read() as conn:
        rows = conn.execute(select(inbox.c.sha256, inbox.c.state, inbox.c.attempts)).all()
        whole = conn.execute(text("PRAGMA integrity_check")).scalar_one()
    stored = {bytes(row.sha256) for row in rows}
    return {
        "lost": [number for number in promised if sha256(stated[number][0]).digest() not in stored],
        "rows": len(rows),
        "states": sorted({row.state for row in rows}),
        "attempts": max(row.attempts for row in rows),
        "integrity": whole,
        "differing": [item.account for item in replay(services) if item.differs],
        "flaws": [item.flaw for item in audit.verify(services) if item.flaw],
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
