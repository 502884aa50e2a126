"""The policy's time: the host's, or a test clock that stands still and is the same for everybody."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.clock import Clock, real_now
from app.errors import RefusedError
from app.store.database import Database

MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_real_time_is_aware_and_in_utc() -> None:
    assert real_now().tzinfo is UTC


def test_without_a_test_clock_it_is_the_hosts_time(database: Database) -> None:
    clock = Clock(database, test_clock=True)

    assert abs(clock.now() - real_now()) < timedelta(seconds=5)
    assert not clock.stands_still()


def test_a_test_clock_stands_still_for_every_process(database: Database, database_url: str) -> None:
    Clock(database, test_clock=True).set(datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1))))

    other = Database(database_url)
    assert Clock(other, test_clock=True).now() == MARCH
    assert Clock(other, test_clock=True).stands_still()
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
    assert not clock.stands_still()


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
