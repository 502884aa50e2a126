"""What time it is: really, and for the policy."""

from datetime import UTC, datetime

from app.store.database import Connection, Database


def real_now() -> datetime:
    """Return the host's time: for leases, backoff and signatures."""
    return datetime.now(UTC)


class Clock:
    """The policy's time: the stored test time where one is allowed and set, else the host's."""

    def __init__(self, database: Database, test_clock: bool) -> None:  # noqa: FBT001
        self._database = database
        self._test_clock = test_clock

    def now(self, tx: Connection | None = None) -> datetime:
        """Return the policy's time, read inside `tx` if one is given."""
        raise NotImplementedError

    def set(self, at: datetime, tx: Connection | None = None) -> None:
        """Let the test clock stand still at an instant; RefusedError where it is not allowed."""
        raise NotImplementedError

    def reset(self, tx: Connection | None = None) -> None:
        """Go back to real time."""
        raise NotImplementedError
