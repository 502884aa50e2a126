from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kulanz.runtime import clock_guard

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def tx(database):
    with database.write() as tx:
        yield tx


def test_time_that_passes_is_believed(tx):
    assert clock_guard.is_trusted(tx, NOON)
    assert clock_guard.is_trusted(tx, NOON + timedelta(seconds=1))
    assert clock_guard.is_trusted(tx, NOON + timedelta(hours=23))
    assert clock_guard.is_trusted(tx, NOON + timedelta(hours=46))


@pytest.mark.parametrize("step", [timedelta(days=2), timedelta(days=-2), timedelta(days=3650)])
def test_a_jump_is_not_believed_until_it_is_accepted(tx, step):
    clock_guard.is_trusted(tx, NOON)

    assert not clock_guard.is_trusted(tx, NOON + step)
    assert not clock_guard.is_trusted(tx, NOON)
    assert clock_guard.jump(tx)["last_seen"] == NOON.isoformat()

    clock_guard.accept(tx, NOON + step)
    assert clock_guard.jump(tx) is None
    assert clock_guard.is_trusted(tx, NOON + step + timedelta(seconds=5))


def test_a_clock_that_was_set_back_is_noticed_once_and_one_that_is_kept_right_is_not() -> None:
    watch = clock_guard.ClockWatch(NOON)

    steps = [NOON, NOON - timedelta(minutes=10), NOON - timedelta(minutes=10, seconds=1), NOON + timedelta(hours=1)]

    assert [watch.was_set_back(at) for at in steps] == [False, True, False, False]
