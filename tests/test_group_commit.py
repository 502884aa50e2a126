"""Many threads, one write."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, active_count
from time import monotonic, sleep

import pytest

from kulanz.errors import StorageUnavailableError
from kulanz.ingest.group_commit import GroupCommit


class Tape:
    """Records what was written together; `gate` holds writes up, `refuse` names rows that spoil a write."""

    def __init__(self) -> None:
        self.writes: list[list[int]] = []
        self.gate = Event()
        self.gate.set()
        self.entered = Event()
        self.refuse: set[int] = set()
        self.away = False

    def write(self, rows: Sequence[int]) -> list[int]:
        self.entered.set()
        self.gate.wait()
        if self.away:
            raise StorageUnavailableError("gone")
        if self.refuse & set(rows):
            raise ValueError(f"cannot take {sorted(self.refuse & set(rows))}")
        self.writes.append([*rows])
        return [row * 10 for row in rows]


@pytest.fixture
def tape() -> Tape:
    return Tape()


@pytest.fixture
def commits(tape: Tape) -> Iterator[GroupCommit[int, int]]:
    commits = GroupCommit[int, int](tape.write, name="tape")
    yield commits
    tape.gate.set()
    commits.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(40) as pool:
        yield pool


def waiting(commits: GroupCommit[int, int], number: int) -> None:
    while len(commits._open.rows) < number:
        pass


def test_no_thread_runs_before_the_first_row(tape: Tape) -> None:
    before = active_count()

    GroupCommit[int, int](tape.write, name="tape")

    assert active_count() == before


def test_a_row_gets_the_result_of_its_own(commits: GroupCommit[int, int]) -> None:
    assert commits.submit(4, seconds=2) == 40


def test_rows_that_wait_together_share_one_write(
    commits: GroupCommit[int, int], tape: Tape, pool: ThreadPoolExecutor
) -> None:
    tape.gate.clear()
    first = pool.submit(commits.submit, 0, seconds=5)
    tape.entered.wait()
    others = [pool.submit(commits.submit, row, seconds=5) for row in range(1, 31)]
    waiting(commits, 30)
    tape.gate.set()

    results = [future.result() for future in [first, *others]]

    assert results == [row * 10 for row in range(31)]
    assert [len(rows) for rows in tape.writes] == [1, 30]


def test_a_row_that_spoils_a_write_is_refused_alone(
    commits: GroupCommit[int, int], tape: Tape, pool: ThreadPoolExecutor
) -> None:
    tape.gate.clear()
    tape.refuse = {3}
    first = pool.submit(commits.submit, 0, seconds=5)
    tape.entered.wait()
    others = [pool.submit(commits.submit, row, seconds=5) for row in range(1, 6)]
    waiting(commits, 5)
    tape.gate.set()

    spoiled = others[2].exception()

    assert first.result() == 0
    assert [future.result() for future in others if future is not others[2]] == [10, 20, 40, 50]
    assert str(spoiled) == "cannot take [3]"


def test_storage_that_is_away_is_asked_once_for_all_who_wait(
    commits: GroupCommit[int, int], tape: Tape, pool: ThreadPoolExecutor
) -> None:
    tape.gate.clear()
    first = pool.submit(commits.submit, 0, seconds=5)
    tape.entered.wait()
    others = [pool.submit(commits.submit, row, seconds=5) for row in range(1, 6)]
    waiting(commits, 5)
    tape.away = True
    tape.gate.set()

    refusals = [future.exception() for future in [first, *others]]

    assert [type(refusal) for refusal in refusals] == [StorageUnavailableError] * 6
    assert tape.writes == []


def test_a_waiter_that_gives_up_before_its_turn_is_not_written(
    commits: GroupCommit[int, int], tape: Tape, pool: ThreadPoolExecutor
) -> None:
    tape.gate.clear()
    first = pool.submit(commits.submit, 0, seconds=5)
    tape.entered.wait()

    with pytest.raises(StorageUnavailableError):
        commits.submit(1, seconds=0.05)
    tape.gate.set()

    assert first.result() == 0
    assert commits.submit(2, seconds=5) == 20
    assert tape.writes == [[0], [2]]


def test_a_waiter_that_gave_up_leaves_no_wake_up_for_the_next(
    commits: GroupCommit[int, int], tape: Tape, pool: ThreadPoolExecutor
) -> None:
    tape.gate.clear()
    with pytest.raises(StorageUnavailableError):
        commits.submit(1, seconds=0.05)
    second = pool.submit(commits.submit, 2, seconds=5)
    waiting(commits, 1)
    assert not second.done()

    tape.gate.set()

    assert second.result() == 20
    assert tape.writes == [[1], [2]]


def test_a_single_row_after_a_full_group_is_hardly_held(
    commits: GroupCommit[int, int], tape: Tape, pool: ThreadPoolExecutor
) -> None:
    tape.gate.clear()
    rows = [pool.submit(commits.submit, row, seconds=5) for row in range(20)]
    tape.entered.wait()
    sleep(0.3)
    tape.gate.set()
    for row in rows:
        row.result()

    began = monotonic()
    commits.submit(21, seconds=5)
    after_a_group = monotonic() - began

    assert after_a_group < 0.1


def test_a_closed_one_starts_again_with_the_next_row(commits: GroupCommit[int, int]) -> None:
    commits.submit(1, seconds=2)
    commits.close()

    assert commits.submit(2, seconds=2) == 20


def test_coroutines_that_wait_at_the_same_time_share_a_write(commits: GroupCommit[int, int], tape: Tape) -> None:
    async def all_of_them() -> list[int]:
        tape.gate.clear()
        first = asyncio.ensure_future(commits.awaited(1, seconds=10))
        await asyncio.to_thread(tape.entered.wait)
        rest = [asyncio.ensure_future(commits.awaited(row, seconds=10)) for row in range(2, 40)]
        await asyncio.sleep(0)
        tape.gate.set()
        return await asyncio.gather(first, *rest)

    outcomes = asyncio.run(all_of_them())

    assert outcomes == [row * 10 for row in range(1, 40)]
    assert [len(rows) for rows in tape.writes] == [1, 38]


def test_a_coroutine_that_gives_up_takes_its_row_back(commits: GroupCommit[int, int], tape: Tape) -> None:
    async def too_late() -> None:
        tape.gate.clear()
        first = asyncio.ensure_future(commits.awaited(1, seconds=10))
        await asyncio.to_thread(tape.entered.wait)
        with pytest.raises(StorageUnavailableError):
            await commits.awaited(2, seconds=0.05)
        tape.gate.set()
        await first

    asyncio.run(too_late())

    assert commits.submit(3, seconds=10) == 30
    assert tape.writes == [[1], [3]]


def test_a_coroutine_hears_what_was_wrong_with_its_own_row_only(commits: GroupCommit[int, int], tape: Tape) -> None:
    tape.refuse = {2}

    async def both() -> list[int | BaseException]:
        return await asyncio.gather(*(commits.awaited(row, seconds=10) for row in (1, 2)), return_exceptions=True)

    good, bad = asyncio.run(both())

    assert good == 10
    assert isinstance(bad, ValueError)


def test_a_coroutine_that_is_cancelled_leaves_the_others_alone(commits: GroupCommit[int, int], tape: Tape) -> None:
    async def one_leaves() -> int:
        tape.gate.clear()
        leaving, staying = (asyncio.ensure_future(commits.awaited(row, seconds=10)) for row in (1, 2))
        await asyncio.to_thread(tape.entered.wait)
        leaving.cancel()
        tape.gate.set()
        return await staying

    assert asyncio.run(one_leaves()) == 20


def test_a_loop_that_is_gone_holds_nobody_up(commits: GroupCommit[int, int], tape: Tape) -> None:
    async def leave() -> None:
        tape.gate.clear()
        asyncio.ensure_future(commits.awaited(1, seconds=10)).add_done_callback(lambda done: done.cancelled())
        await asyncio.to_thread(tape.entered.wait)

    asyncio.run(leave())
    tape.gate.set()

    assert commits.submit(2, seconds=10) == 20


def test_coroutines_that_wait_together_give_up_together(commits: GroupCommit[int, int], tape: Tape) -> None:
    async def given_up() -> list[int | BaseException]:
        tape.gate.clear()
        first = asyncio.ensure_future(commits.awaited(1, seconds=10))
        await asyncio.to_thread(tape.entered.wait)
        late = await asyncio.gather(
            commits.awaited(2, seconds=0.05), commits.awaited(3, seconds=10), return_exceptions=True
        )
        tape.gate.set()
        await first
        return late

    late = asyncio.run(given_up())

    assert [type(each) for each in late] == [StorageUnavailableError] * 2
    assert tape.writes == [[1]]


def test_a_coroutine_that_comes_after_others_gave_up_waits_for_itself(
    commits: GroupCommit[int, int], tape: Tape
) -> None:
    async def comes_later() -> int:
        tape.gate.clear()
        first = asyncio.ensure_future(commits.awaited(1, seconds=10))
        await asyncio.to_thread(tape.entered.wait)
        with pytest.raises(StorageUnavailableError):
            await commits.awaited(2, seconds=0.05)
        with pytest.raises(StorageUnavailableError):
            await asyncio.wait_for(commits.awaited(3, seconds=0.05), 5)
        patient = asyncio.ensure_future(commits.awaited(4, seconds=10))
        await asyncio.sleep(0)
        tape.gate.set()
        await first
        return await patient

    assert asyncio.run(comes_later()) == 40
    assert tape.writes == [[1], [4]]
