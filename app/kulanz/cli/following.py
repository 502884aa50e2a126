"""The test clock of an instance as a follower of a simulated provider's clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from kulanz.cli.advance import next_due, settle
from kulanz.cli.clock import permit
from kulanz.cli.options import services
from kulanz.runtime.clock import ClockLease

if TYPE_CHECKING:
    from kulanz.services import Services

WAIT_SECONDS = 60.0
"""For another command that holds the clock, and for an instance that makes no progress."""


@dataclass(frozen=True, slots=True)
class InstanceClock:
    """The leased test clock of one instance."""

    instance: Services
    held: ClockLease

    def now(self) -> datetime:
        """Return the instance's time."""
        return self.instance.clock.now()

    def next_due(self) -> datetime | None:
        """Return when the instance has something to do next."""
        return next_due(self.instance)

    def set(self, at: datetime) -> None:
        """Move the test clock to an instant."""
        self.instance.clock.set(at)

    def settle(self) -> None:
        """Wait until the instance has done everything that is due; RefusedError where it makes no progress."""
        settle(self.instance, self.held, WAIT_SECONDS)


@contextmanager
def instance_clock() -> Iterator[Callable[[], AbstractContextManager[InstanceClock]]]:
    """Open the instance of this data directory, set its test clock to the next whole second, and yield the lease."""
    with services() as opened:
        permit(opened)

        @contextmanager
        def lease() -> Iterator[InstanceClock]:
            with opened.clock.lease(WAIT_SECONDS) as held:
                yield InstanceClock(opened, held)

        with lease() as clock:
            clock.set((clock.now() + timedelta(microseconds=999_999)).replace(microsecond=0))
        yield lease
