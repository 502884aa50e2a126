from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kulanz import host_time

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def tx(database):
    with database.write() as tx:
        yield tx


def test_time_that_passes_is_believed(tx):
    assert host_time.believable(tx, NOON)
    assert host_time.believable(tx, NOON + timedelta(seconds=1))
    assert host_time.believable(tx, NOON + timedelta(hours=23))
    assert host_time.believable(tx, NOON + timedelta(hours=46))


@pytest.mark.parametrize("step", [timedelta(days=2), timedelta(days=-2), timedelta(days=3650)])
def test_a_jump_is_not_believed_until_it_is_accepted(tx, step):
    host_time.believable(tx, NOON)

    assert not host_time.believable(tx, NOON + step)
    assert not host_time.believable(tx, NOON)
    assert host_time.jump(tx)["last_seen"] == NOON.isoformat()

    host_time.accept(tx, NOON + step)
    assert host_time.jump(tx) is None
    assert host_time.believable(tx, NOON + step + timedelta(seconds=5))


def test_a_clock_that_was_set_back_is_noticed_once_and_one_that_is_kept_right_is_not() -> None:
    watch = host_time.Watch(NOON)

    steps = [NOON, NOON - timedelta(minutes=10), NOON - timedelta(minutes=10, seconds=1), NOON + timedelta(hours=1)]

    assert [watch.set_back(at) for at in steps] == [False, True, False, False]
