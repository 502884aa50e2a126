"""Gives up what takes too long in an event loop, with one timer for all that is under way."""

from __future__ import annotations

from asyncio import AbstractEventLoop, CancelledError, Task, current_task, get_running_loop
from collections.abc import Awaitable
from typing import Any, TypeVar

LOOK_EVERY = 1.0
"""Seconds by which anything may take longer: a timer for each would cost more than most of what is waited for."""

Result = TypeVar("Result")


class Patience:
    """Lets each thing take so many seconds. For the tasks of one event loop."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[Task[Any], float] = {}
        self._given_up: set[Task[Any]] = set()
        self._looking = False

    async def await_(self, work: Awaitable[Result]) -> Result:
        """Return what `work` returns, or raise TimeoutError; a task waits for one thing at a time."""
        loop, task = get_running_loop(), _this_task()
        self._since[task] = loop.time()
        if not self._looking:
            self._look_soon(loop)
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

    def _look_soon(self, loop: AbstractEventLoop) -> None:
        self._looking = True
        loop.call_later(LOOK_EVERY, self._look, loop)

    def _look(self, loop: AbstractEventLoop) -> None:
        """Cancel what began too long ago; what began first is first."""
        began_before = loop.time() - self._seconds
        for task, since in [*self._since.items()]:
            if since > began_before:
                break
            if task not in self._given_up:
                self._given_up.add(task)
                task.cancel()
        self._looking = False
        if self._since:
            self._look_soon(loop)


def _this_task() -> Task[Any]:
    task = current_task()
    if task is None:
        raise RuntimeError("only a task can be given up")
    return task
