"""Time limits in an event loop, with one timer for all tasks."""

from __future__ import annotations

from asyncio import AbstractEventLoop, CancelledError, Task, current_task, get_running_loop
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

CHECK_INTERVAL = 1.0
"""Tolerance of the time limits: a timer for each would cost more than most of the awaited work."""

Result = TypeVar("Result")


class Deadline:
    """Lets each thing take so many seconds, asked at every check. For the tasks of one event loop."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._since: dict[Task[Any], float] = {}
        self._given_up: set[Task[Any]] = set()
        self._scheduled = False

    async def within(self, work: Awaitable[Result]) -> Result:
        """Return the result of `work`, or raise TimeoutError; a task waits for one `work` at a time."""
        loop, task = get_running_loop(), _this_task()
        self._since[task] = loop.time()
        if not self._scheduled:
            self._schedule_check(loop)
        try:
            return await work
        except CancelledError as error:
            if task not in self._given_up:
                raise
            task.uncancel()
            raise TimeoutError from error
        finally:
            del self._since[task]
            self._given_up.discard(task)

    def _schedule_check(self, loop: AbstractEventLoop) -> None:
        self._scheduled = True
        loop.call_later(CHECK_INTERVAL, self._cancel_overdue, loop)

    def _cancel_overdue(self, loop: AbstractEventLoop) -> None:
        """Cancel tasks that began too long ago, in the order in which they began."""
        began_before = loop.time() - self._seconds()
        for task, since in [*self._since.items()]:
            if since > began_before:
                break
            if task not in self._given_up:
                self._given_up.add(task)
                task.cancel()
        self._scheduled = False
        if self._since:
            self._schedule_check(loop)


def _this_task() -> Task[Any]:
    task = current_task()
    if task is None:
        raise RuntimeError("only a task can be given up")
    return task
