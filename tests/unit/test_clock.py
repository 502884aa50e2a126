"""The policy's time: the host's, or a test clock that stands still and is the same for everybody."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from threading import Barrier

import pytest

from kulanz.errors import RefusedError
from kulanz.runtime.clock import Clock, ClockLease, real_now
from kulanz.store import shared_values
from kulanz.store.database import Database

MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_real_time_is_aware_and_in_utc() -> None:
    assert real_now().tzinfo is UTC


def test_without_a_test_clock_it_is_the_hosts_time(database: Database) -> None:
    clock = Clock(database, test_clock=True)

    assert abs(clock.now() - real_now()) < timedelta(seconds=5)
    assert clock.test_time() is None


def test_a_test_clock_stands_still_for_every_process(database: Database, database_url: str) -> None:
    Clock(database, test_clock=True).set(datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1))))

    other = Database(database_url)
    assert Clock(other, test_clock=True).now() == MARCH
    assert Clock(other, test_clock=True).test_time() == MARCH
    other.dispose()


def test_a_test_clock_can_be_read_and_set_inside_a_transaction(database: Database) -> None:
    clock = Clock(database, test_clock=True)

    with database.write() as tx:
        clock.set(MARCH, tx)

        assert clock.now(tx) == MARCH


def test_a_reset_goes_back_to_real_time(database: Database) -> None:
    clock = Clock(database, test_clock=True)
    clock.set(MARCH)

    clock.reset()

    assert clock.now() > MARCH
    assert clock.test_time() is None


def test_where_it_is_not_allowed_a_test_clock_is_neither_set_nor_obeyed(database: Database) -> None:
    Clock(database, test_clock=True).set(MARCH)
    clock = Clock(database, test_clock=False)

    assert clock.now() > MARCH
    with pytest.raises(RefusedError, match="KULANZ_TEST_CLOCK"):
        clock.set(MARCH)
    with pytest.raises(RefusedError):
        clock.reset()


def test_a_naive_instant_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="time zone"):
        Clock(database, test_clock=True).set(datetime(2026, 3, 1))  # noqa: DTZ001


def test_a_turn_at_the_test_clock_is_taken_by_one_at_a_time(database: Database, database_url: str) -> None:
    barrier, others = Barrier(4), [Database(database_url) for _ in range(4)]

    def take(other: Database) -> bool:
        barrier.wait()
        return ClockLease(other).take()

    with ThreadPoolExecutor(4) as threads:
        taken = list(threads.map(take, others))

    assert sorted(taken) == [False, False, False, True]
    for other in others:
        other.dispose()


@pytest.mark.parametrize("until", [timedelta(), timedelta(hours=1)], ids=["lapsed", "from before the clock went back"])
def test_the_turn_of_a_command_that_was_killed_lapses(database: Database, until: timedelta) -> None:
    with database.write() as tx:
        shared_values.put(tx, "test_clock_turn", {"holder": "killed", "until": (real_now() + until).isoformat()})

    assert ClockLease(database).take()


def test_a_turn_is_given_back_and_one_that_was_lost_is_not_extended(database: Database) -> None:
    clock, slow = Clock(database, test_clock=True), ClockLease(database)
    assert slow.take()
    slow.give_back()

    with clock.lease():
        slow._renew_at = 0.0
        with pytest.raises(RefusedError, match="too slow"):
            slow.renew()
        slow.give_back()
        assert not ClockLease(database).take()

    assert ClockLease(database).take()
