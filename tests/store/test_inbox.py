"""Recording, settling, failing, waiting and looking after events."""

import pytest

from kulanz.errors import InvalidInputError, NotFoundError
from kulanz.store import inbox
from kulanz.store.database import Database
from kulanz.store.inbox import RecordedEvent, SettledEvent
from tests.store.rows import DAY, HOUR, NOW, SECOND, an_event, recorded, settled, states


def test_new_events_are_recorded_in_the_order_given(database: Database) -> None:
    with database.write() as tx:
        answers = inbox.record(tx, [an_event(), an_event(state="ignored"), an_event()], NOW)

    assert not any(each.known for each in answers)
    assert [each.state for each in answers] == ["received", "ignored", "received"]
    assert [each.id for each in answers] == sorted({each.id for each in answers})


def test_a_recorded_event_can_be_read_again(database: Database) -> None:
    event = an_event(body=b"\x00sealed\xff", mode="test", reason="because")

    (number,) = recorded(database, event)

    with database.read() as conn:
        stored_event = inbox.get(conn, number)
    assert stored_event == inbox.Event(
        number,
        "lemonsqueezy",
        event.name,
        "received",
        NOW,
        b"\x00sealed\xff",
        0,
        None,
        "because",
        None,
        "test",
        event.content_key,
        event.delivery_key,
    )


def test_the_same_delivery_is_known(database: Database) -> None:
    event = an_event()
    (number,) = recorded(database, event)

    with database.write() as tx:
        assert inbox.record(tx, [event, an_event()], NOW)[0] == RecordedEvent(number, known=True, state="received")


def test_the_same_content_under_another_delivery_is_known(database: Database) -> None:
    (number,) = recorded(database, an_event(content_key=b"same"))
    settled(database, "handled", "org_1", number)

    with database.write() as tx:
        (answer,) = inbox.record(tx, [an_event(content_key=b"same")], NOW)

    assert answer == RecordedEvent(number, known=True, state="handled")


def test_events_without_a_content_key_are_told_apart_by_delivery_alone(database: Database) -> None:
    with database.write() as tx:
        answers = inbox.record(tx, [an_event(content_key=None), an_event(content_key=None)], NOW)

    assert [each.known for each in answers] == [False, False]


def test_duplicates_within_one_call_are_known_too(database: Database) -> None:
    first, by_content = an_event(content_key=b"same"), an_event(content_key=b"same")

    with database.write() as tx:
        answers = inbox.record(tx, [first, first, by_content, an_event()], NOW)

    assert [each.known for each in answers] == [False, True, True, False]
    assert len({each.id for each in answers}) == 2


def test_two_providers_may_use_the_same_keys(database: Database) -> None:
    event = an_event()

    with database.write() as tx:
        (first,) = inbox.record(tx, [event], NOW)
        answers = inbox.record(tx, [an_event(provider="stripe", delivery_key=event.delivery_key), event], NOW)

    assert [each.known for each in answers] == [False, True]
    assert answers[1].id == first.id


def test_a_duplicate_rearms_a_parked_event_once_an_hour(database: Database) -> None:
    event = an_event()
    (number,) = recorded(database, event)

    matches = []
    for moment in (NOW, NOW + HOUR - SECOND, NOW + HOUR):
        settled(database, "parked", None, number)
        with database.write() as tx:
            matches += [answer.state for answer in inbox.record(tx, [event], moment)]

    assert matches == ["received", "parked", "received"]


def test_a_rearmed_event_starts_with_no_attempts(database: Database) -> None:
    event = an_event()
    (number,) = recorded(database, event)
    with database.write() as tx:
        inbox.failed(tx, number, "no", permanent=True, now_real=NOW)

    with database.write() as tx:
        inbox.record(tx, [event], NOW)

    with database.read() as conn:
        stored_event = inbox.get(conn, number)
    assert stored_event is not None
    assert (stored_event.state, stored_event.attempts) == ("received", 0)


def test_a_large_batch_is_recorded_and_settled_whole(database: Database) -> None:
    numbers = recorded(database, *(an_event() for _ in range(3000)))

    settled(database, "handled", "org_1", *numbers)

    with database.read() as conn:
        assert [event.id for event in inbox.of_account(conn, "org_1")] == numbers


def test_settling_writes_what_became_of_an_event(database: Database) -> None:
    (number,) = recorded(database, an_event())

    with database.write() as tx:
        inbox.settle(
            tx, [SettledEvent(number, "waiting", "org_1", b"new", "why", "lemonsqueezy:subscription:1", NOW)], NOW
        )

    with database.read() as conn:
        event = inbox.get(conn, number)
    assert event is not None
    assert (event.state, event.account, event.body) == ("waiting", "org_1", b"new")
    assert (event.reason, event.waits_for) == ("why", "lemonsqueezy:subscription:1")


def test_settling_without_a_body_leaves_it(database: Database) -> None:
    numbers = recorded(database, an_event(), an_event())

    outcomes = [SettledEvent(each, "handled", None, body) for each, body in zip(numbers, (None, b"new"), strict=True)]

    with database.write() as tx:
        inbox.settle(tx, outcomes, NOW)

    with database.read() as conn:
        assert [getattr(inbox.get(conn, each), "body", None) for each in numbers] == [b"sealed", b"new"]


def test_the_third_failure_parks_an_event(database: Database) -> None:
    (number,) = recorded(database, an_event())

    with database.write() as tx:
        matches = [inbox.failed(tx, number, "no", permanent=False, now_real=NOW) for _ in range(3)]

    assert matches == ["received", "received", "parked"]


def test_a_hopeless_failure_parks_at_once_and_is_known_of_the_account(database: Database) -> None:
    (number,) = recorded(database, an_event())

    with database.write() as tx:
        state = inbox.failed(tx, number, "no such provider", permanent=True, now_real=NOW, account="org_1")

    with database.read() as conn:
        assert state == "parked"
        assert inbox.holding_back(conn, ["org_1", "org_2"]) == [number]
        assert inbox.holding_back(conn, ["org_2"]) == inbox.holding_back(conn, []) == []


def test_a_parked_event_that_cannot_tell_of_a_payment_holds_nobody_back(database: Database) -> None:
    (number,) = recorded(database, an_event())

    with database.write() as tx:
        inbox.failed(tx, number, "no", permanent=True, now_real=NOW, account="org_1", concerns="")

    with database.read() as conn:
        assert inbox.holding_back(conn, ["org_1"]) == []


def test_a_waiting_event_holds_back_whom_it_concerns_until_it_is_settled(database: Database) -> None:
    (number,) = recorded(database, an_event())
    held = []

    for state, concerns in (("waiting", "lemonsqueezy:customer:1"), ("handled", None)):
        with database.write() as tx:
            inbox.settle(tx, [SettledEvent(number, state, None, None, concerns=concerns)], NOW)
            held.append(inbox.holding_back(tx, ["org_1", "lemonsqueezy:customer:1"]))

    assert held == [[number], []]


def test_a_failed_event_is_due_again_after_a_moment(database: Database) -> None:
    (number,) = recorded(database, an_event())
    with database.write() as tx:
        inbox.failed(tx, number, "no", permanent=False, now_real=NOW)

    assert inbox.claim(database, "w", 10, NOW) == []
    assert inbox.claim(database, "w", 10, NOW + 10 * SECOND) == [number]


def test_events_wake_when_what_they_wait_for_appears(database: Database) -> None:
    numbers = recorded(database, an_event(), an_event(), an_event())
    settled(database, "waiting", None, numbers[0], waits_for="lemonsqueezy:subscription:1")
    settled(database, "waiting", None, numbers[1], waits_for="lemonsqueezy:subscription:2")

    with database.write() as tx:
        woken = inbox.wake(tx, ["lemonsqueezy:subscription:1", "lemonsqueezy:subscription:3"])
        none = inbox.wake(tx, [])

    with database.read() as conn:
        assert (woken, none) == (1, 0)
        assert states(conn, numbers) == ["received", "waiting", "received"]


def test_events_that_wait_too_long_are_found_oldest_first(database: Database) -> None:
    numbers = recorded(database, *(an_event(received_at=NOW - days * DAY) for days in (9, 7, 6, 5)))
    settled(database, "waiting", None, *numbers, waits_for="s")

    with database.write() as tx:
        assert [event.id for event in inbox.overdue_waiting(tx, NOW - 7 * DAY, 10)] == numbers[:2]
        assert [event.id for event in inbox.overdue_waiting(tx, NOW - 7 * DAY, 1)] == numbers[:1]


def test_the_history_of_an_account_has_its_handled_events_only(database: Database) -> None:
    numbers = recorded(database, *(an_event() for _ in range(5)))
    settled(database, "handled", "org_1", numbers[3], numbers[0])
    settled(database, "parked", "org_1", numbers[1])
    settled(database, "handled", "org_2", numbers[2])

    with database.read() as conn:
        assert [event.id for event in inbox.of_account(conn, "org_1")] == [numbers[0], numbers[3]]


def test_the_events_of_an_account_can_be_given_to_another_sealed_anew(database: Database) -> None:
    numbers = recorded(database, an_event(), an_event())
    settled(database, "handled", "old", *numbers)

    with database.write() as tx:
        for event in list(inbox.of_account(tx, "old")):
            inbox.give(tx, event.id, "new", event.body + b"!")

    with database.read() as conn:
        assert [event.body for event in inbox.of_account(conn, "new")] == [b"resealed!", b"resealed!"]
        assert list(inbox.of_account(conn, "old")) == []


def test_events_are_listed_newest_first_by_state_and_time(database: Database) -> None:
    old, parked, new = recorded(database, an_event(received_at=NOW - DAY), an_event(), an_event())
    settled(database, "parked", None, parked)

    with database.read() as conn:
        assert [event.id for event in inbox.listing(conn, None, None, 10)] == [new, parked, old]
        assert [event.id for event in inbox.listing(conn, None, None, 2)] == [new, parked]
        assert [event.id for event in inbox.listing(conn, "received", None, 10)] == [new, old]
        assert [event.id for event in inbox.listing(conn, "received", NOW, 10)] == [new]
        assert [event.id for event in inbox.listing(conn, "parked", None, 10)] == [parked]
        assert inbox.listing(conn, "handled", None, 10) == []


def test_a_state_that_does_not_exist_is_refused(database: Database) -> None:
    with database.write() as tx:
        with pytest.raises(InvalidInputError, match="received, handled"):
            inbox.listing(tx, "' OR 1=1 --", None, 10)
        with pytest.raises(InvalidInputError):
            inbox.retry(tx, state="lost")


def test_retrying_makes_events_due_as_if_never_tried(database: Database) -> None:
    numbers = recorded(database, *(an_event() for _ in range(4)))
    settled(database, "parked", None, numbers[0], numbers[1])
    settled(database, "waiting", None, numbers[2], waits_for="s")

    with database.write() as tx:
        assert inbox.retry(tx, ids=[numbers[0], numbers[2], 999_999]) == 2
        assert inbox.retry(tx, state="parked") == 1
        assert inbox.retry(tx) == 0

    with database.read() as conn:
        assert inbox.counts(conn)["received"] == 4


def test_a_skipped_event_is_ignored_with_its_reason_but_a_handled_one_stays(database: Database) -> None:
    parked, handled = recorded(database, an_event(), an_event())
    settled(database, "parked", None, parked)
    settled(database, "handled", "org_1", handled)

    with database.write() as tx:
        assert inbox.skip(tx, parked, "a test of theirs")
        assert not inbox.skip(tx, handled, "too late")
        assert not inbox.skip(tx, 999_999, "nothing there")

    with database.read() as conn:
        event = inbox.get(conn, parked)
        assert event is not None
        assert (event.state, event.reason) == ("ignored", "a test of theirs")


def test_open_events_are_counted_by_state(database: Database) -> None:
    numbers = recorded(database, *(an_event() for _ in range(4)))
    settled(database, "parked", None, numbers[0])
    settled(database, "handled", "org_1", numbers[1])

    with database.read() as conn:
        assert inbox.counts(conn) == {"received": 2, "ignored": 0, "waiting": 0, "parked": 1, "quarantined": 0}


def test_the_age_of_the_backlog_is_known(database: Database) -> None:
    with database.read() as conn:
        assert inbox.oldest_received(conn) is None

    first, _ = recorded(database, an_event(received_at=NOW - HOUR), an_event())

    with database.read() as conn:
        assert inbox.oldest_received(conn) == NOW - HOUR
    settled(database, "handled", None, first)
    with database.read() as conn:
        assert inbox.oldest_received(conn) == NOW


def test_the_age_of_the_longest_wait_is_known(database: Database) -> None:
    with database.read() as conn:
        assert inbox.oldest_waiting(conn) is None

    settled(database, "waiting", None, *recorded(database, an_event(received_at=NOW - HOUR)), waits_for="s")

    with database.read() as conn:
        assert inbox.oldest_waiting(conn) == NOW - HOUR


def test_an_event_id_is_read_as_it_was_written() -> None:
    assert inbox.number_of(inbox.event_id(42)) == 42
    assert inbox.number_of("42") == 42


@pytest.mark.parametrize("text", ["", "evt_", "evt_x", "evt_-1", "evt_1 ", "evt_" + "9" * 40, "evt_٣", "evt_evt_1"])
def test_what_cannot_be_an_event_id_names_nothing(text: str) -> None:
    with pytest.raises(NotFoundError):
        inbox.number_of(text)
