"""The clocks: real time, and the policy's time, which a test clock may set."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta

from kulanz.errors import RefusedError
from kulanz.store import shared_values
from kulanz.store.database import Connection, Database

_TEST_CLOCK_KEY = "test_clock"
_LEASE_KEY = "test_clock_turn"
_LEASE = timedelta(seconds=30)
"""Longer than a step of its holder takes; after a kill the next one waits for so long."""
_RENEW_EVERY = 5.0
_LOOK_EVERY = 0.1
_BOOT_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux has a monotonic clock that stops in a sleep and one that does not; that of macOS does not."""


class HostClock:
    """The machine that a process runs on, as far as its clock is concerned."""

    def now(self) -> datetime:
        """Return its time."""
        return datetime.now(UTC)


HOST = [HostClock()]
"""The process's own; only the fault lab has another, whose clock steps."""


def real_now() -> datetime:
    """Return the host's time: for leases, backoff and signatures."""
    return HOST[0].now()


def boot_seconds() -> float:
    """Return seconds on a clock that cannot be set, and that includes the machine's sleep: for leases."""
    return time.clock_gettime(_BOOT_CLOCK)


class Clock:
    """The policy's time: the stored test time where one is allowed and set, else the host's."""

    def __init__(self, database: Database, test_clock: bool) -> None:  # noqa: FBT001
        self._database = database
        self._test_clock = test_clock

    def now(self, tx: Connection | None = None) -> datetime:
        """Return the policy's time, read inside `tx` if one is given."""
        return self.test_time(tx) or real_now()

    def test_time(self, tx: Connection | None = None) -> datetime | None:
        """Return the test clock's time; None if test clocks are not allowed, or it is not set."""
        if not self._test_clock:
            return None
        with self._database.read() if tx is None else nullcontext(tx) as conn:
            text = shared_values.get(conn, _TEST_CLOCK_KEY)
        return None if text is None else datetime.fromisoformat(text)

    def set(self, at: datetime, tx: Connection | None = None) -> None:
        """Stop the test clock at a given time; RefusedError if test clocks are not allowed."""
        if at.utcoffset() is None:
            raise ValueError("a timestamp without a time zone")
        self._store(at.astimezone(UTC).isoformat(), tx)

    def reset(self, tx: Connection | None = None) -> None:
        """Go back to real time."""
        self._store(None, tx)

    @contextmanager
    def lease(self, wait: float = 0.0) -> Iterator["ClockLease"]:
        """Lease the test clock to one command at a time; RefusedError where another has it for longer than `wait`."""
        lease, deadline = ClockLease(self._database), time.monotonic() + wait
        while not lease.take():
            if time.monotonic() >= deadline:
                raise RefusedError("another command moves the test clock: wait for its end")
            time.sleep(_LOOK_EVERY)
        try:
            yield lease
        finally:
            lease.give_back()

    def _store(self, text: str | None, tx: Connection | None) -> None:
        if not self._test_clock:
            raise RefusedError("the test clock is off; KULANZ_TEST_CLOCK=1 allows it")
        with self._database.write() if tx is None else nullcontext(tx) as conn:
            shared_values.put(conn, _TEST_CLOCK_KEY, text)


class ClockLease:
    """A lease on the test clock, kept in the database. It lapses where its holder was killed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._holder = secrets.token_hex(8)
        self._mine: dict[str, str] | None = None
        self._renew_at = 0.0

    def take(self) -> bool:
        """Take the lease unless another holds it; return whether that was done."""
        with self._database.write() as tx:
            result = shared_values.get(tx, _LEASE_KEY)
            return not _holds(result) and self._swap(tx, result)

    def renew(self) -> None:
        """Extend the lease if it is due; RefusedError if it has expired and another process has taken it."""
        if time.monotonic() < self._renew_at:
            return
        with self._database.write() as tx:
            if not self._swap(tx, self._mine):
                raise RefusedError("another command has begun to move the test clock: this one was too slow")

    def give_back(self) -> None:
        """End the lease if it is still ours."""
        with self._database.write() as tx:
            shared_values.swap(tx, _LEASE_KEY, self._mine, None)

    def _swap(self, tx: Connection, before: dict[str, str] | None) -> bool:
        mine = {"holder": self._holder, "until": (real_now() + _LEASE).isoformat()}
        if not shared_values.swap(tx, _LEASE_KEY, before, mine):
            return False
        self._mine, self._renew_at = mine, time.monotonic() + _RENEW_EVERY
        return True


def _holds(lease: dict[str, str] | None) -> bool:
    """Whether a lease is valid; one that ends too far in the future was made before the host's clock went back."""
    return lease is not None and timedelta() < datetime.fromisoformat(lease["until"]) - real_now() <= _LEASE
