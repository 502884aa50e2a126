"""Effects: recorded once, leased to one, and never lost."""

from datetime import datetime
from threading import Thread

import pytest

from kulanz.errors import InvalidInputError
from kulanz.store import outbox
from kulanz.store.database import Database
from tests.store.rows import HOUR, NOW, SECOND, an_effect

MINUTE = 60 * SECOND


def added(database: Database, *ids: str, **changes: object) -> None:
    with database.write() as tx:
        outbox.add(tx, [an_effect(id_, **changes) for id_ in ids])


def finished(database: Database, id_: str, state: str, **changes: object) -> None:
    with database.write() as tx:
        outbox.finish(tx, id_, state, **({"attempts": 1} | changes))


def test_an_effect_is_recorded_once_however_often_it_is_decided(database: Database) -> None:
    first = an_effect("e1")
    with database.write() as tx:
        outbox.add(tx, [first])
        outbox.add(tx, [an_effect("e1", type="other"), an_effect("e2")])
        outbox.add(tx, [])

    with database.read() as conn:
        assert outbox.get(conn, "e1") == first
        assert outbox.get(conn, "e3") is None
        assert [row.id for row in outbox.listing(conn)] == ["e2", "e1"]


def test_due_effects_are_leased_oldest_first(database: Database) -> None:
    added(database, "later", next_attempt_at=NOW + HOUR)
    added(database, "second", next_attempt_at=NOW)
    added(database, "first", next_attempt_at=NOW - HOUR)

    assert [row.id for row in outbox.lease(database, 10, NOW, 30)] == ["first", "second"]


def test_a_leased_effect_is_nobody_elses_until_the_lease_ends(database: Database) -> None:
    added(database, "e1")

    assert [row.lease_until for row in outbox.lease(database, 10, NOW, 30)] == [None]
    assert outbox.lease(database, 10, NOW + 29 * SECOND, 30) == []
    assert [row.lease_until for row in outbox.lease(database, 10, NOW + 30 * SECOND, 30)] == [NOW + 30 * SECOND]


def test_what_the_future_holds_back_is_brought_forward_when_the_clock_was_set_back(database: Database) -> None:
    added(database, "ahead", next_attempt_at=NOW + 10 * MINUTE)
    added(database, "tried", next_attempt_at=NOW + 10 * MINUTE, attempts=1)
    added(database, "leased")
    outbox.lease(database, 10, NOW + 5 * MINUTE, 30)

    with database.write() as tx:
        assert outbox.bring_forward(tx, NOW) == 1
        assert outbox.free(tx, NOW + MINUTE) == 1

    assert {row.id for row in outbox.lease(database, 10, NOW, 30)} == {"ahead", "leased"}


def test_a_renewed_lease_lasts_longer_unless_its_effect_is_finished(database: Database) -> None:
    added(database, "e1", "e2")
    outbox.lease(database, 10, NOW, 30)
    finished(database, "e2", "pending", next_attempt_at=NOW)

    assert outbox.renew(database, ["e1", "e2"], [NOW + 30 * SECOND], NOW + HOUR)

    assert [row.id for row in outbox.lease(database, 10, NOW + MINUTE, 30)] == ["e2"]


@pytest.mark.parametrize("held", [[NOW], [NOW, NOW + HOUR]])
def test_a_lease_that_is_not_ones_own_is_not_renewed(database: Database, held: list[datetime]) -> None:
    added(database, "e1")
    outbox.lease(database, 10, NOW, 30)

    assert not outbox.renew(database, ["e1"], held, NOW + HOUR)


def test_a_lease_is_renewed_whose_last_renewal_may_have_been_written(database: Database) -> None:
    added(database, "e1")
    outbox.lease(database, 10, NOW, 30)

    assert outbox.renew(database, ["e1"], [NOW, NOW + 30 * SECOND], NOW + HOUR)


def test_only_one_of_two_who_hold_an_effect_begins_it(database: Database) -> None:
    added(database, "e1")
    (slow,) = outbox.lease(database, 10, NOW, 30)
    (quick,) = outbox.lease(database, 10, NOW + MINUTE, 30)

    with database.write() as tx:
        began = [outbox.begin(tx, quick, NOW + MINUTE), outbox.begin(tx, slow, NOW + MINUTE + SECOND)]

    assert began == [True, False]


def test_an_attempt_that_told_nobody_its_outcome_is_known_to_the_next(database: Database) -> None:
    added(database, "e1")
    (row,) = outbox.lease(database, 10, NOW, 30)
    with database.write() as tx:
        outbox.begin(tx, row, NOW)

    (again,) = outbox.lease(database, 10, NOW + MINUTE, 30)
    with database.write() as tx:
        assert outbox.begin(tx, again, NOW + MINUTE)
    finished(database, "e1", "pending", next_attempt_at=NOW)
    (fresh,) = outbox.lease(database, 10, NOW + MINUTE, 30)

    assert (row.begun_at, again.begun_at, fresh.begun_at) == (None, NOW, None)


def test_two_leasers_at_once_never_get_the_same_effect(database_url: str, database: Database) -> None:
    added(database, *(f"e{number}" for number in range(60)))
    databases, leased = [Database(database_url) for _ in range(3)], []

    def work(own: Database) -> None:
        while rows := outbox.lease(own, 7, NOW, 30):
            leased.extend(row.id for row in rows)

    threads = [Thread(target=work, args=(each,)) for each in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(leased) == sorted(f"e{number}" for number in range(60))
    for each in databases:
        each.dispose()


def test_a_finished_effect_is_done_for_good(database: Database) -> None:
    added(database, "e1")
    outbox.lease(database, 10, NOW, 30)

    finished(database, "e1", "done", done_at=NOW)
    finished(database, "e1", "pending", error="late answer of an earlier attempt")

    with database.read() as conn:
        row = outbox.get(conn, "e1")
    assert row is not None
    assert (row.state, row.attempts, row.done_at, row.error) == ("done", 1, NOW, None)
    assert row.lease_until is None


def test_a_failed_effect_is_due_again_when_its_time_comes(database: Database) -> None:
    added(database, "e1")
    outbox.lease(database, 10, NOW, 30)

    finished(database, "e1", "pending", error="503", next_attempt_at=NOW + MINUTE)

    assert outbox.lease(database, 10, NOW + 59 * SECOND, 30) == []
    (row,) = outbox.lease(database, 10, NOW + MINUTE, 30)
    assert (row.attempts, row.error, row.lease_until) == (1, "503", None)


def test_retrying_makes_an_effect_due_at_once_unless_it_is_done(database: Database) -> None:
    added(database, "done", "parked", "unknown", next_attempt_at=NOW + HOUR)
    for id_ in ("done", "parked", "unknown"):
        finished(database, id_, id_)

    with database.write() as tx:
        assert outbox.retry(tx, ["done", "parked", "none"], NOW) == 1

    with database.read() as conn:
        assert outbox.oldest_pending(conn) == NOW
    assert [row.id for row in outbox.lease(database, 10, NOW, 30)] == ["parked"]


def test_effects_are_listed_newest_first_by_state_and_account(database: Database) -> None:
    added(database, "a", "b")
    added(database, "c", account="org_2")
    finished(database, "b", "parked")

    with database.read() as conn:
        assert [row.id for row in outbox.listing(conn, limit=2)] == ["c", "b"]
        assert [row.id for row in outbox.listing(conn, state="pending")] == ["c", "a"]
        assert [row.id for row in outbox.listing(conn, state="parked", account="org_1")] == ["b"]
        assert outbox.listing(conn, account="org_3") == []
        with pytest.raises(InvalidInputError, match="pending, done"):
            outbox.listing(conn, state="lost")


def test_open_effects_are_counted_by_state(database: Database) -> None:
    added(database, "a", "b", "c")
    finished(database, "a", "done")
    finished(database, "b", "todo")

    with database.read() as conn:
        counts = outbox.counts(conn)
    assert counts == {"pending": 1, "skipped": 0, "withdrawn": 0, "parked": 0, "todo": 1, "unknown": 0}


def test_what_was_never_tried_and_how_long_it_waits_is_known(database: Database) -> None:
    added(database, "a", next_attempt_at=NOW - HOUR)
    added(database, "b", next_attempt_at=NOW + HOUR)
    added(database, "c")

    with database.read() as conn:
        assert outbox.untried(conn, NOW) == 2
        assert outbox.oldest_pending(conn) == NOW - HOUR
    for id_ in ("a", "b", "c"):
        finished(database, id_, "done")
    with database.read() as conn:
        assert outbox.oldest_pending(conn) is None
