"""Claims: nobody takes what another has, and a crash is counted."""

import os
import signal
import time
from datetime import UTC, datetime
from threading import Thread

import pytest

from kulanz.store import inbox
from kulanz.store.database import Database
from kulanz.store.inbox import SettledEvent, claims
from tests.store import processes
from tests.store.rows import HOUR, NOW, SECOND, an_event, recorded, settled, states

MINUTE = 60 * SECOND


def test_fresh_events_are_claimed_together_oldest_first(database: Database) -> None:
    numbers = recorded(database, *(an_event() for _ in range(5)))

    assert inbox.claim(database, "w", 3, NOW) == numbers[:3]


def test_only_received_events_are_claimed(database: Database) -> None:
    numbers = recorded(database, *(an_event(state=state) for state in inbox.EVENT_STATES))

    assert inbox.claim(database, "w", 10, NOW) == [numbers[inbox.EVENT_STATES.index("received")]]


def test_an_event_that_failed_before_is_claimed_alone(database: Database) -> None:
    first, second, third, fourth = recorded(database, *(an_event() for _ in range(4)))
    _fail(database, second)
    later = NOW + MINUTE

    batches = []
    for _ in range(3):
        batches.append(inbox.claim(database, "w", 10, later))
        settled(database, "handled", None, *batches[-1])

    assert batches == [[first], [second], [third, fourth]]


def test_taking_locks_and_reads_what_is_still_to_be_done(database: Database) -> None:
    numbers = recorded(database, *(an_event() for _ in range(3)))
    ids = inbox.claim(database, "w", 10, NOW)
    settled(database, "ignored", None, numbers[1])

    with database.write() as tx:
        events = inbox.lock(tx, ids, "w")

    assert [event.id for event in events] == [numbers[0], numbers[2]]


def test_a_worker_that_was_taken_for_dead_takes_nothing(database: Database) -> None:
    numbers = recorded(database, an_event())
    ids = inbox.claim(database, "slow", 10, NOW)
    inbox.claim(database, "other", 10, NOW + MINUTE)

    with database.write() as tx:
        assert inbox.lock(tx, ids, "slow") == []
        assert [event.id for event in inbox.lock(tx, numbers)] == numbers


def test_a_claim_that_its_worker_left_behind_alive_counts_no_crash(database: Database) -> None:
    (number,) = recorded(database, an_event())

    for _ in range(5):
        assert inbox.claim(database, "w", 10, NOW) == [number]

    with database.read() as conn:
        assert getattr(inbox.get(conn, number), "attempts", None) == 0


def test_a_dead_workers_claim_of_the_future_is_found_though_the_clock_went_back(database: Database) -> None:
    numbers = recorded(database, an_event())
    inbox.claim(database, "dead", 10, NOW + 10 * MINUTE)

    inbox.claim(database, "other", 10, NOW)

    assert inbox.claim(database, "other", 10, NOW + MINUTE) == numbers
    with database.read() as conn:
        assert getattr(inbox.get(conn, numbers[0]), "attempts", None) == 1


def test_a_released_claim_counts_no_crash(database: Database) -> None:
    numbers = recorded(database, an_event(), an_event())
    inbox.claim(database, "w1", 1, NOW)
    with database.write() as tx:
        inbox.release(tx, "w1")

    assert inbox.claim(database, "w2", 10, NOW + HOUR) == numbers


def test_a_crash_counts_once_for_each_event_of_the_batch(database: Database) -> None:
    numbers = recorded(database, *(an_event() for _ in range(3)))
    inbox.claim(database, "w1", 2, NOW)

    assert inbox.claim(database, "w2", 10, NOW + MINUTE) == [numbers[0]]
    assert inbox.claim(database, "w2", 10, NOW + MINUTE) == [numbers[0]]

    with database.read() as conn:
        assert [getattr(inbox.get(conn, each), "attempts", None) for each in numbers] == [1, 1, 0]


def test_the_third_crash_parks_the_event_with_its_reason(database: Database) -> None:
    (number,) = recorded(database, an_event())

    for crash in range(3):
        assert inbox.claim(database, f"w{crash}", 10, NOW + crash * MINUTE) == [number]
    assert inbox.claim(database, "w4", 10, NOW + HOUR) == []

    with database.read() as conn:
        event = inbox.get(conn, number)
    assert event is not None
    assert (event.state, event.reason, event.attempts) == ("parked", "worker died", 3)


def test_an_event_that_workers_died_at_is_announced_once(database: Database) -> None:
    (number,) = recorded(database, an_event())
    for crash in range(3):
        inbox.claim(database, f"w{crash}", 10, NOW + crash * MINUTE)
    inbox.claim(database, "last", 10, NOW + 3 * MINUTE)

    with database.write() as tx:
        matches = claims.unannounced(tx)
        claims.announce(tx, number)

    assert matches == [number]
    with database.read() as conn:
        assert claims.unannounced(conn) == []
        assert getattr(inbox.get(conn, number), "reason", None) == "3 workers died at it"


def test_what_the_dead_worker_had_finished_is_not_counted(database: Database) -> None:
    numbers = recorded(database, an_event(), an_event())
    inbox.claim(database, "w1", 10, NOW)
    settled(database, "handled", "org_1", numbers[0])

    inbox.claim(database, "w2", 10, NOW + MINUTE)

    with database.read() as conn:
        assert [getattr(inbox.get(conn, each), "attempts", None) for each in numbers] == [0, 1]


def test_on_postgresql_another_worker_gets_other_events(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    numbers = recorded(database, *(an_event() for _ in range(6)))

    first, second = inbox.claim(database, "w1", 3, NOW), inbox.claim(database, "w2", 6, NOW)

    assert first == numbers[:3]
    assert second
    assert not set(first) & set(second)
    database.dispose()


def test_on_postgresql_workers_share_by_lane_before_they_help_each_other(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    inbox.claim(database, "w1", 1, NOW)
    inbox.claim(database, "w2", 1, NOW)
    numbers = recorded(database, *(an_event(lane=lane) for lane in (0, 0, 1, 1)))

    assert inbox.claim(database, "w2", 10, NOW) == numbers[2:]
    assert inbox.claim(database, "w1", 1, NOW) == numbers[:1]
    settled(database, "handled", None, *numbers[2:])
    assert inbox.claim(database, "w2", 10, NOW) == numbers[1:2]
    database.dispose()


def test_on_postgresql_a_worker_that_is_long_at_work_is_not_taken_for_dead(postgresql_url: str) -> None:
    database, other = Database(postgresql_url), Database(postgresql_url)
    recorded(database, an_event())
    ids = inbox.claim(database, "slow", 10, NOW)

    with database.write() as tx:
        (event,) = inbox.lock(tx, ids, "slow")
        assert inbox.claim(other, "w2", 10, NOW + HOUR) == []
        inbox.settle(tx, [SettledEvent(event.id, "handled", None, None)], NOW)
        inbox.release(tx, "slow")

    with database.read() as conn:
        assert states(conn, ids) == ["handled"]
    database.dispose()
    other.dispose()


def test_a_killed_process_counts_one_crash(database: Database, database_url: str) -> None:
    numbers = recorded(database, *(an_event() for _ in range(3)))

    with processes.started(processes.die_at_work, database_url, "worker", 2) as ((process,), reports):
        assert reports.get(timeout=30) == numbers[:2]
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()

    assert _claim_when_the_death_is_known(database, "worker") == numbers[:1]
    with database.read() as conn:
        assert [getattr(inbox.get(conn, each), "attempts", None) for each in numbers] == [1, 1, 0]


@pytest.mark.parametrize("limit", [3, 100])
def test_two_drains_never_handle_the_same_event(database: Database, database_url: str, limit: int) -> None:
    numbers = recorded(database, *(an_event() for _ in range(150)))

    with processes.started(processes.drain, database_url, limit, copies=2) as (_, reports):
        handled = reports.get(timeout=60) + reports.get(timeout=60)

    assert sorted(handled) == numbers
    with database.read() as conn:
        assert {getattr(inbox.get(conn, each), "attempts", None) for each in numbers} == {0}


def test_claiming_at_the_same_time_gives_each_event_to_one_worker(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    numbers = recorded(database, *(an_event() for _ in range(200)))
    claimed: list[list[int]] = []

    def claim(worker: str) -> None:
        claimed.append(inbox.claim(database, worker, 30, NOW))

    threads = [Thread(target=claim, args=(f"w{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    everything = [number for batch in claimed for number in batch]
    assert all(claimed)
    assert len(set(everything)) == len(everything)
    assert set(everything) <= set(numbers)
    database.dispose()


def _claim_when_the_death_is_known(database: Database, worker: str) -> list[int]:
    """Claim one event; PostgreSQL needs a moment to see that a process is gone, and until then its locks stand."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with database.drain_lock():
            ids = inbox.claim(database, worker, 1, datetime.now(UTC) + MINUTE)
        with database.read() as conn:
            if any(event.attempts for event in inbox.listing(conn, None, None, 10)):
                return ids
        time.sleep(0.05)
    pytest.fail("the crash was never counted")


def _fail(database: Database, number: int) -> None:
    with database.write() as tx:
        inbox.failed(tx, number, "no", permanent=False, now_real=NOW)
