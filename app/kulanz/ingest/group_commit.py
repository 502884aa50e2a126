"""Group commit: one thread writes the rows of many waiting threads and coroutines in one transaction."""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop, Future, TimerHandle
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from threading import Condition, Lock, Thread
from time import monotonic
from typing import Generic, TypeVar

from kulanz.errors import StorageUnavailableError

MAX_DELAY = 0.005
_TOO_LATE = "The write did not finish in time."

Row = TypeVar("Row")
Result = TypeVar("Result")


class GroupCommit(Generic[Row, Result]):
    """Batches rows that wait at the same time into one call of `write`, which returns one result per row, in order.

    1. A caller adds its row to the open group and waits for the group's gate (threads) or future (coroutines).
    2. The writer thread takes the open group, opens an empty one and calls `write` once.
    3. It stores the results and opens the gate. Each caller takes the result for its own row.

    Under load the writer waits a little before it takes a group: callers that have just been answered ask again soon,
    and one full group costs less than two small ones. It waits at most half as long as the last write took, and never
    longer than `MAX_DELAY`.

    The thread starts with the first row, so a process may fork before that. Each group has its own gate, so a caller
    that has timed out can neither miss nor consume the wake-up of another group.
    """

    def __init__(self, write: Callable[[Sequence[Row]], Sequence[Result]], *, name: str) -> None:
        self._write = write
        self._name = name
        self._changed = Condition()
        self._open = _Group[Row, Result]()
        self._places = count()
        self._thread: Thread | None = None
        self._last = 0
        self._expected = 1
        self._hold = 0.0
        self._closed = False

    def submit(self, row: Row, *, seconds: float) -> Result:
        """Return the result for `row` once it is written.

        Raises the error of `write` for this row, or StorageUnavailableError after `seconds`. In that case a row that
        the writer has not taken is withdrawn; a row that it has taken may still be written.
        """
        group, place = self._join(row)
        if not group.pass_through(seconds):
            self._withdraw(group, place)
            raise StorageUnavailableError(_TOO_LATE)
        return group.outcome(place)

    async def awaited(self, row: Row, *, seconds: float) -> Result:
        """Coroutine version of `submit`: no thread waits, and a group wakes an event loop once.

        The coroutines of one loop that wait for one group share one time-out: a timer for each would cost as much
        as the rest of the waiting.
        """
        loop = asyncio.get_running_loop()
        opened = loop.create_future()
        group, place = self._join(row, loop, opened)
        group.wait_at_most(loop, seconds)
        if not await opened:
            self._withdraw(group, place)
            raise StorageUnavailableError(_TOO_LATE)
        return group.outcome(place)

    def close(self) -> None:
        """Write the submitted rows, then end the thread. A row that is submitted later starts another."""
        with self._changed:
            thread, self._thread, self._closed = self._thread, None, True
            self._changed.notify()
        if thread is not None:
            thread.join()

    def _join(
        self, row: Row, loop: AbstractEventLoop | None = None, opened: Future[bool] | None = None
    ) -> tuple[_Group[Row, Result], int]:
        with self._changed:
            if self._thread is None or not self._thread.is_alive():
                self._closed = False
                self._thread = Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            group, place = self._open, next(self._places)
            group.rows[place] = row
            if loop is not None and opened is not None:
                group.awaited.setdefault(loop, []).append(opened)
            if len(group.rows) in {1, self._expected}:
                self._changed.notify()
            return group, place

    def _withdraw(self, group: _Group[Row, Result], place: int) -> None:
        with self._changed:
            if group is self._open:
                group.rows.pop(place, None)

    def _run(self) -> None:
        while group := self._next_group():
            began = monotonic()
            group.outcomes = dict(zip(group.rows, self._outcomes([*group.rows.values()]), strict=True))
            self._hold = min((monotonic() - began) / 2, MAX_DELAY)
            group.open()

    def _next_group(self) -> _Group[Row, Result] | None:
        with self._changed:
            self._expected = self._last + len(self._open.rows)
            while not self._open.rows:
                if self._closed:
                    return None
                self._changed.wait()
            self._changed.wait_for(lambda: len(self._open.rows) >= self._expected, self._hold)
            group, self._open = self._open, _Group()
            self._last = len(group.rows)
            return group

    def _outcomes(self, rows: list[Row]) -> Sequence[Result | _Failed]:
        """Write all rows at once; if a row makes that fail, write each alone, so that only that row is refused."""
        try:
            return self._write(rows)
        except StorageUnavailableError as error:
            return [_Failed(error)] * len(rows)
        except Exception as error:  # noqa: BLE001 - any error belongs to its waiter; the thread serves the others
            if len(rows) == 1:
                return [_Failed(error)]
            return [outcome for row in rows for outcome in self._outcomes([row])]


def _closed_gate() -> Lock:
    gate = Lock()
    gate.acquire()
    return gate


@dataclass(slots=True)
class _Group(Generic[Row, Result]):
    rows: dict[int, Row] = field(default_factory=dict)
    outcomes: dict[int, Result | _Failed] = field(default_factory=dict)
    gate: Lock = field(default_factory=_closed_gate)
    awaited: dict[AbstractEventLoop, list[Future[bool]]] = field(default_factory=dict)
    timers: dict[AbstractEventLoop, TimerHandle] = field(default_factory=dict)
    """Time-outs by event loop; each is created, cancelled and dropped in the thread of its loop."""

    def open(self) -> None:
        """Wakes the waiters: threads one after the other, the coroutines of a loop together."""
        self.gate.release()
        for loop in self.awaited:
            with suppress(RuntimeError):  # A loop that was closed has no waiter left.
                loop.call_soon_threadsafe(self._tell, loop, True)

    def wait_at_most(self, loop: AbstractEventLoop, seconds: float) -> None:
        """Set the time-out of the waiters in this loop; a time-out that was set before counts."""
        if loop not in self.timers:
            self.timers[loop] = loop.call_later(seconds, self._tell, loop, False)

    def _tell(self, loop: AbstractEventLoop, in_time: bool) -> None:  # noqa: FBT001  # Called by the loop.
        """Wake the waiters of a loop; one that joins after a time-out starts a new wait."""
        if timer := self.timers.pop(loop, None):
            timer.cancel()
        for opened in self.awaited[loop]:
            if not opened.done():
                opened.set_result(in_time)

    def outcome(self, place: int) -> Result:
        """Return the result for a row, or raise its error."""
        failed = self.outcomes[place]
        if isinstance(failed, _Failed):
            raise failed.error
        return failed

    def pass_through(self, seconds: float) -> bool:
        """Wait until the gate is open, then wake the next thread: no thread is woken before it can continue."""
        passed = self.gate.acquire(timeout=seconds)
        if passed:
            self.gate.release()
        return passed


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception
