"""What time it is: really, and for the policy."""

from contextlib import nullcontext
from datetime import UTC, datetime

from app.errors import RefusedError
from app.store import marks
from app.store.database import Connection, Database

_MARK = "test_clock"


class Host:
    """The machine that a process runs on, as far as its clock is concerned."""

    def now(self) -> datetime:
        """Return its time."""
        return datetime.now(UTC)


HOST = [Host()]
"""The process's own; only the fault lab has another, whose clock steps."""


def real_now() -> datetime:
    """Return the host's time: for leases, backoff and signatures."""
    return HOST[0].now()


class Clock:
    """The policy's time: the stored test time where one is allowed and set, else the host's."""

    def __init__(self, database: Database, test_clock: bool) -> None:  # noqa: FBT001
        self._database = database
        self._test_clock = test_clock

    def now(self, tx: Connection | None = None) -> datetime:
        """Return the policy's time, read inside `tx` if one is given."""
        return self.test_time(tx) or real_now()

    def stands_still(self, tx: Connection | None = None) -> bool:
        """Tell whether the test clock is set."""
        return self.test_time(tx) is not None

    def test_time(self, tx: Connection | None = None) -> datetime | None:
        """Return where the test clock stands; None if it is not allowed, or not set."""
        if not self._test_clock:
            return None
        with self._database.read() if tx is None else nullcontext(tx) as conn:
            text = marks.get(conn, _MARK)
        return None if text is None else datetime.fromisoformat(text)

    def set(self, at: datetime, tx: Connection | None = None) -> None:
        """Let the test clock stand still at an instant; RefusedError where it is not allowed."""
        if at.utcoffset() is None:
            raise ValueError("an instant without a time zone")
        self._put(at.astimezone(UTC).isoformat(), tx)

    def reset(self, tx: Connection | None = None) -> None:
        """Go back to real time."""
        self._put(None, tx)

    def _put(self, text: str | None, tx: Connection | None) -> None:
        if not self._test_clock:
            raise RefusedError("the test clock is off; KULANZ_TEST_CLOCK=1 allows it")
        with self._database.write() if tx is None else nullcontext(tx) as conn:
            marks.put(conn, _MARK, text)
