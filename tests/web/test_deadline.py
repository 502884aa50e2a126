"""What takes too long in an event loop is given up, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from kulanz.web.server.deadline import CHECK_INTERVAL, Deadline


async def later(seconds: float, answer: str = "") -> str:
    await asyncio.sleep(seconds)
    return answer


async def outcomes(patience: Deadline, *works: Awaitable[str]) -> list[str | type[BaseException]]:
    """Let each work be waited for by a task of its own."""
    ended = await asyncio.gather(*(patience.within(work) for work in works), return_exceptions=True)
    return [each if isinstance(each, str) else type(each) for each in ended]


def test_what_ends_in_time_is_returned_and_what_does_not_is_given_up() -> None:
    patience = Deadline(lambda: 0.2)

    ended = asyncio.run(outcomes(patience, later(0, "quick"), later(60), later(0.05, "slower"), later(60)))

    assert ended == ["quick", TimeoutError, "slower", TimeoutError]


def test_what_begins_after_others_were_given_up_has_its_own_time() -> None:
    patience = Deadline(lambda: 0.2)

    async def one_after_the_other() -> list[str | type[BaseException]]:
        first = await outcomes(patience, later(60))
        return [*first, *await outcomes(patience, later(0.1, "in time"), later(60))]

    assert asyncio.run(one_after_the_other()) == [TimeoutError, "in time", TimeoutError]


def test_a_task_goes_on_after_what_it_gave_up() -> None:
    async def tell() -> tuple[str, int]:
        with pytest.raises(TimeoutError):
            await Deadline(lambda: 0.01).within(later(60))
        task = asyncio.current_task()
        return await later(0, "on we go"), task.cancelling() if task else -1

    assert asyncio.run(tell()) == ("on we go", 0)


def test_a_task_that_has_what_it_waited_for_is_left_alone() -> None:
    async def tell() -> str:
        await Deadline(lambda: 0.2).within(later(0))
        return await later(CHECK_INTERVAL + 0.5, "with nobody's leave")

    assert asyncio.run(tell()) == "with nobody's leave"


def test_a_task_may_give_up_as_often_as_it_waits() -> None:
    patience = Deadline(lambda: 0.2)

    async def twice() -> list[str | type[BaseException]]:
        matches: list[str | type[BaseException]] = []
        for _ in range(2):
            try:
                matches.append(await patience.within(later(10, "in the end")))
            except TimeoutError:
                matches.append(TimeoutError)
        return matches

    assert asyncio.run(twice()) == [TimeoutError, TimeoutError]


def test_what_a_look_finds_in_its_time_is_looked_at_again() -> None:
    patience = Deadline(lambda: CHECK_INTERVAL + 0.7)

    ended = asyncio.run(outcomes(patience, later(CHECK_INTERVAL + 0.4, "in time"), later(10)))

    assert ended == ["in time", TimeoutError]


def test_what_begins_after_nobody_waited_for_long_is_looked_at_too() -> None:
    patience = Deadline(lambda: 0.2)

    async def after_a_rest() -> list[str | type[BaseException]]:
        first = await outcomes(patience, later(0, "quick"))
        await asyncio.sleep(CHECK_INTERVAL + 0.5)
        return [*first, *await outcomes(patience, later(10))]

    assert asyncio.run(after_a_rest()) == ["quick", TimeoutError]


def test_a_task_that_somebody_else_cancels_is_cancelled() -> None:
    async def cancelled() -> None:
        waiting = asyncio.create_task(outcome(Deadline(lambda: 60)))
        await asyncio.sleep(0)
        waiting.cancel()
        await waiting

    async def outcome(patience: Deadline) -> str:
        return await patience.within(later(60))

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())


def test_an_error_of_the_work_is_its_own() -> None:
    async def fails() -> str:
        raise LookupError("nothing there")

    with pytest.raises(LookupError):
        asyncio.run(Deadline(lambda: 1).within(fails()))


def test_nothing_takes_much_longer_than_it_may() -> None:
    async def took() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(TimeoutError):
            await Deadline(lambda: 0.3).within(later(60))
        return loop.time() - began

    assert 0.3 <= asyncio.run(took()) < 0.3 + 2 * CHECK_INTERVAL
